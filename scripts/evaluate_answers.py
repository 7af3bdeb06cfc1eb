"""Measures the whole service on questions with known answers: exact match, F1, right paper."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from index.corpora.squad import GoldQuestion, answered
from index.types import CorpusError
from scripts.evaluate_reading import evaluate_reading, reading_table
from scripts.metrics import exact_match, f1, percent
from service.loading import load_answerer
from service.reading import Reading
from service.settings import Settings
from service.types import AnswerList, Query

_PAPER_DEPTHS = (1, 5, 20)
_ANSWER_DEPTH = 5


class ReadingAnswerer(Protocol):
    """An answerer whose reading and ranking can be called apart."""

    def read(self, question: str, top_k: int) -> Reading:
        """Retrieve and read."""
        ...

    def rank(self, query: Query, reading: Reading) -> AnswerList:
        """Rank what was read."""
        ...


@dataclass(frozen=True, slots=True)
class AnswerFigures:
    """Quality of the whole service over `n` questions, in percent of them.

    Exact match and F1 are SQuAD's, the best over the gold answers; "at 5" takes the best of the
    first five answers. `right_paper_at` tells how often one of the first k answers comes from the
    paper that the question was asked about.
    """

    n: int
    weight: float
    exact_match_at_1: float
    f1_at_1: float
    f1_at_5: float
    right_paper_at: dict[int, float]
    index_version: str
    encoder: str
    reader: str


def evaluate_answers(
    answerer: ReadingAnswerer, questions: Sequence[GoldQuestion], weights: Sequence[float]
) -> list[AnswerFigures]:
    """Ask every question once, and compare its answers by each weight with the gold ones.

    `questions` is not empty, and each has a gold answer.
    """
    depth = max(_PAPER_DEPTHS)
    bar = tqdm(questions, desc="asking", unit=" questions", mininterval=1)
    readings = [(gold, answerer.read(gold.question, depth)) for gold in bar]
    return [
        _figures(
            [
                (gold, answerer.rank(Query(gold.question, weight, depth), reading))
                for gold, reading in readings
            ],
            weight,
        )
        for weight in weights
    ]


def _figures(asked: Sequence[tuple[GoldQuestion, AnswerList]], weight: float) -> AnswerFigures:
    def texts(found: AnswerList, depth: int) -> list[str]:
        return [answer.text for answer in found.answers[:depth]] or [""]

    source = asked[0][1].source
    return AnswerFigures(
        n=len(asked),
        weight=weight,
        exact_match_at_1=percent(exact_match(texts(r, 1)[0], g.answers) for g, r in asked),
        f1_at_1=percent(f1(texts(r, 1)[0], g.answers) for g, r in asked),
        f1_at_5=percent(
            max(f1(text, g.answers) for text in texts(r, _ANSWER_DEPTH)) for g, r in asked
        ),
        right_paper_at={
            depth: percent(
                g.cord_uid in {a.passage.cord_uid for a in r.answers[:depth]} for g, r in asked
            )
            for depth in _PAPER_DEPTHS
        },
        index_version=source.index_version,
        encoder=source.encoder,
        reader=source.reader,
    )


def sweep_table(sweep: Sequence[AnswerFigures]) -> str:
    """Return one line a weight."""
    return "\n".join(
        [
            "weight   EM at 1   F1 at 1   F1 at 5   right paper at 1",
            *(
                f"{f.weight:>6.1f}{f.exact_match_at_1:>10.1f}{f.f1_at_1:>10.1f}{f.f1_at_5:>10.1f}"
                f"{f.right_paper_at[1]:>19.1f}"
                for f in sweep
            ),
        ]
    )


def table(figures: AnswerFigures) -> str:
    """Return the figures for people to read."""
    rows = [
        ("questions", f"{figures.n}"),
        ("weight of the reader", f"{figures.weight:g}"),
        ("exact match at 1", f"{figures.exact_match_at_1:.1f} %"),
        ("F1 at 1", f"{figures.f1_at_1:.1f} %"),
        ("F1 at 5", f"{figures.f1_at_5:.1f} %"),
        *(
            (f"right paper at {depth}", f"{value:.1f} %")
            for depth, value in figures.right_paper_at.items()
        ),
    ]
    return "\n".join(f"{name:<22}{value:>12}" for name, value in rows)


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = arguments.add_argument
    add(
        "--questions",
        type=Path,
        required=True,
        metavar="FILE",
        help="SQuAD format, .json or .json.gz; cord_uid on each paragraph names the right paper",
    )
    add("--weight", type=float, metavar="W", help="the reader's share, 0 to 1")
    add("--sweep", action="store_true", help="also the figures for every weight from 0 to 1")


def run(options: argparse.Namespace, settings: Settings) -> str:
    """Measure, and return what to print. Raises CorpusError and StartError."""
    if options.weight is not None and not 0 <= options.weight <= 1:
        raise CorpusError("--weight is a number from 0 to 1")
    questions = answered(options.questions, options.limit)
    weight = settings.default_weight if options.weight is None else options.weight
    tenths = [step / 10 for step in range(11)] if options.sweep else []
    answerer = load_answerer(settings)
    figures, *sweep = evaluate_answers(answerer, questions, [weight, *tenths])
    reading = evaluate_reading(answerer, [gold.question for gold in questions])
    if options.json:
        rows = {"sweep": [asdict(row) for row in sweep]} if sweep else {}
        read = {"passages_read": [asdict(row) for row in reading]}
        return json.dumps(asdict(figures) | read | rows, indent=2)
    tables = [table(figures), reading_table(reading), *([sweep_table(sweep)] if sweep else [])]
    return "\n\n".join(tables)
