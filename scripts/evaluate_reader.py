"""Measures a reader alone: questions with the text that answers them, read by windows."""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tqdm import tqdm

from index.corpora.squad import GoldQuestion
from models.backends import load_reader
from models.contracts import Reader
from scripts.arguments import some_path
from scripts.gold_questions import readable
from scripts.metrics import exact_match, f1, percent
from service.settings import Settings

_AT_ONCE = 32  # questions whose windows share forward passes; whole papers have dozens each


@dataclass(frozen=True, slots=True)
class ReaderFigures:
    """Quality of a reader over `n` questions, in percent: SQuAD's two measures.

    Each question is asked of its own whole text, which holds the answer; the best span of all its
    windows counts, compared with the best fitting gold answer.
    """

    n: int
    exact_match: float
    f1: float
    questions_per_second: float
    reader: str


def evaluate_reader(reader: Reader, questions: Sequence[GoldQuestion]) -> ReaderFigures:
    """Ask every question of its own text. `questions` is not empty, each has a gold answer."""
    started = time.perf_counter()
    predictions = []
    with tqdm(total=len(questions), desc="reading", unit=" questions", mininterval=1) as bar:
        for at in range(0, len(questions), _AT_ONCE):
            some = questions[at : at + _AT_ONCE]
            spans = reader.read_pairs([(gold.question, gold.context) for gold in some])
            predictions += [
                gold.context[span.start : span.end] for gold, span in zip(some, spans, strict=True)
            ]
            bar.update(len(some))
    took = time.perf_counter() - started
    pairs = list(zip(predictions, questions, strict=True))
    return ReaderFigures(
        n=len(questions),
        exact_match=percent(exact_match(text, gold.answers) for text, gold in pairs),
        f1=percent(f1(text, gold.answers) for text, gold in pairs),
        questions_per_second=round(len(questions) / took, 2),
        reader=reader.name,
    )


def table(figures: ReaderFigures) -> str:
    """Return the figures for people to read."""
    rows = [
        ("questions", f"{figures.n}"),
        ("exact match", f"{figures.exact_match:.1f} %"),
        ("F1", f"{figures.f1:.1f} %"),
        ("speed", f"{figures.questions_per_second:.1f} questions a second"),
        ("reader", figures.reader),
    ]
    return "\n".join(f"{name:<14}{value}" for name, value in rows)


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = arguments.add_argument
    add(
        "--questions",
        type=some_path,
        required=True,
        metavar="FILE",
        help="SQuAD format, .json or .json.gz; texts of any length",
    )
    add(
        "--reader",
        metavar="NAME_OR_DIR",
        help="the reader to measure (default: COVIDQUEST_READER, else the shipped one)",
    )


def run(options: argparse.Namespace, settings: Settings) -> str:
    """Measure, and return what to print. Raises CorpusError and ModelError."""
    questions = readable(options.questions, options.limit)
    reader = load_reader(
        options.reader or settings.reader,
        backend=settings.backend,
        device=settings.device,
        threads=settings.threads,
    )
    figures = evaluate_reader(reader, questions)
    return json.dumps(asdict(figures), indent=2) if options.json else table(figures)
