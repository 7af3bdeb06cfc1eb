"""Measures the whole service on questions with known answers: exact match, F1, right paper."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tqdm import tqdm

from index.corpora.squad import GoldQuestion, answered
from index.types import CorpusError
from scripts.answer_quality import PAPER_DEPTHS, Quality, quality_of
from scripts.arguments import some_path
from scripts.evaluate_beside import beside_table, evaluate_beside
from scripts.evaluate_reading import evaluate_reading, reading_table
from scripts.haystack_client import expect_python
from service.answering import Answerer
from service.loading import load_answerer
from service.settings import Settings
from service.types import AnswerList, Query


@dataclass(frozen=True, slots=True)
class AnswerFigures(Quality):
    """Quality of the whole service, and what was measured."""

    weight: float
    index_version: str
    encoder: str
    reader: str


def evaluate_answers(
    answerer: Answerer, questions: Sequence[GoldQuestion], weights: Sequence[float]
) -> list[AnswerFigures]:
    """Ask every question once, and compare its answers by each weight with the gold ones.

    `questions` is not empty, and each has a gold answer.
    """
    depth = max(PAPER_DEPTHS)
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
    source = asked[0][1].source
    found = [
        (gold, [(answer.text, answer.passage.cord_uid) for answer in listed.answers])
        for gold, listed in asked
    ]
    return AnswerFigures(
        **asdict(quality_of(found)),
        weight=weight,
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
        type=some_path,
        required=True,
        metavar="FILE",
        help="SQuAD format, .json or .json.gz; cord_uid on each paragraph names the right paper",
    )
    add("--weight", type=float, metavar="W", help="the reader's share, 0 to 1")
    add("--sweep", action="store_true", help="also the figures for every weight from 0 to 1")
    add(
        "--haystack",
        type=some_path,
        metavar="PYTHON",
        help="also the figures of Haystack's pipelines with the same passages, vectors and "
        "weights: the Python of an environment with requirements-benchmark.txt",
    )


def run(options: argparse.Namespace, settings: Settings) -> str:
    """Measure, and return what to print. Raises CorpusError, MeasuringError and StartError."""
    if options.weight is not None and not 0 <= options.weight <= 1:
        raise CorpusError("--weight is a number from 0 to 1")
    if options.haystack:
        expect_python(options.haystack)
    questions = answered(options.questions, options.limit)
    weight = settings.default_weight if options.weight is None else options.weight
    tenths = [step / 10 for step in range(11)] if options.sweep else []
    answerer = load_answerer(settings)
    figures, *sweep = evaluate_answers(answerer, questions, [weight, *tenths])
    reading = evaluate_reading(answerer, [gold.question for gold in questions])
    beside = (
        evaluate_beside(answerer, questions, settings, options.haystack) if options.haystack else []
    )
    if options.json:
        rows = {"sweep": [asdict(row) for row in sweep]} if sweep else {}
        read = {"passages_read": [asdict(row) for row in reading]}
        others = {"beside": [asdict(row) for row in beside]} if beside else {}
        return json.dumps(asdict(figures) | read | rows | others, indent=2)
    tables = [table(figures), reading_table(reading), *([sweep_table(sweep)] if sweep else [])]
    return "\n\n".join([*tables, *([beside_table(beside)] if beside else [])])
