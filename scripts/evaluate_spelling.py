"""Measures what a misspelt word does to the answers, and what the offered correction mends."""

import argparse
import json
import random
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from string import ascii_lowercase

from tqdm import tqdm

from index.corpora.squad import GoldQuestion, answered
from index.types import CorpusError
from scripts.arguments import some_path
from scripts.metrics import f1, percent
from service.loading import load_answerer
from service.settings import Settings
from service.types import AnswererProtocol, Query

_WORD = re.compile(r"(?<![\w-])[a-z]{6,29}(?![\w-])")
_BEST = 5


@dataclass(frozen=True, slots=True)
class WordingFigures:
    """What came of one way to write the questions, in percent of them.

    F1 is SQuAD's; "at 5" takes the best of the first five answers. `unreliable` is how many were
    said to have no reliable answer.
    """

    f1_at_1: float
    f1_at_5: float
    unreliable: float


@dataclass(frozen=True, slots=True)
class SpellingFigures:
    """What came of `n` questions as they are, with a mistake each, and as was then suggested.

    `suggested` is in how many of them anything was, `as_meant` the question itself, in percent.
    """

    n: int
    suggested: float
    as_meant: float
    right: WordingFigures
    misspelt: WordingFigures
    corrected: WordingFigures


def misspelt(question: str, chance: random.Random) -> str | None:
    """Return a question with one mistake in the longest of its words, None where all are short.

    A letter is left out, exchanged, added, or changes places with the next; not the first one.
    Words are of lower case and have at least 6 letters.

    >>> misspelt("Does smoking harm?", random.Random(1))
    'Does smking harm?'
    """
    found = max(_WORD.finditer(question), key=lambda one: len(one[0]), default=None)
    if found is None:
        return None
    word = found[0]
    place = chance.randrange(1, len(word) - 1)
    letter = chance.choice(ascii_lowercase)
    before, this, after = word[:place], word[place], word[place + 1 :]
    mistakes = (after, letter + after, letter + this + after, after[0] + this + after[1:])
    # a letter may be drawn for itself, and two equal ones change places: that is no mistake
    wrong = before + chance.choice([one for one in mistakes if before + one != word])
    return question[: found.start()] + wrong + question[found.end() :]


@dataclass(frozen=True, slots=True)
class _Row:
    """A question and its answers: F1 of the first and the best, whether they are doubted."""

    question: str
    first: float
    best: float
    doubted: bool
    suggestion: str | None


def evaluate_spelling(
    answerer: AnswererProtocol,
    questions: Sequence[GoldQuestion],
    *,
    weight: float,
    threshold: float,
) -> SpellingFigures:
    """Ask each question that has a long word in three ways.

    Raises CorpusError where none has.
    """
    chance = random.Random(0)  # noqa: S311 - the same every time
    rows: list[list[_Row]] = []

    def ask(gold: GoldQuestion, question: str) -> _Row:
        found = answerer.answer(Query(question, weight, _BEST))
        scores = [f1(answer.text, gold.answers) for answer in found.answers] or [0.0]
        doubted = found.no_answer_probability > threshold
        return _Row(question, scores[0], max(scores), doubted, found.did_you_mean)

    for gold in tqdm(questions, desc="asking", unit=" questions", mininterval=1):
        wrong = misspelt(gold.question, chance)
        if wrong is not None:
            typed = ask(gold, wrong)
            rows.append([ask(gold, gold.question), typed, ask(gold, typed.suggestion or wrong)])
    if not rows:
        raise CorpusError("no question has a word of 6 letters or more that could be misspelt")

    def figures(way: int) -> WordingFigures:
        asked = [row[way] for row in rows]
        return WordingFigures(
            percent(one.first for one in asked),
            percent(one.best for one in asked),
            percent(one.doubted for one in asked),
        )

    return SpellingFigures(
        n=len(rows),
        suggested=percent(typed.suggestion is not None for _, typed, _ in rows),
        as_meant=percent(typed.suggestion == right.question for right, typed, _ in rows),
        right=figures(0),
        misspelt=figures(1),
        corrected=figures(2),
    )


def table(figures: SpellingFigures) -> str:
    """Return the figures for people to read."""
    ways = {
        "as it is": figures.right,
        "with a mistake": figures.misspelt,
        "as suggested": figures.corrected,
    }
    return "\n".join(
        [
            f"{figures.n} questions   F1 at 1   F1 at 5   no reliable answer",
            *(
                f"{name:<16}{f.f1_at_1:>7.1f}{f.f1_at_5:>10.1f}{f.unreliable:>19.1f} %"
                for name, f in ways.items()
            ),
            f"a suggestion for {figures.suggested:.1f} %, {figures.as_meant:.1f} % as it was meant",
        ]
    )


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    arguments.add_argument(
        "--questions", type=some_path, required=True, metavar="FILE", help="SQuAD format"
    )


def run(options: argparse.Namespace, settings: Settings) -> str:
    """Measure, and return what to print. Raises CorpusError and StartError."""
    questions = answered(options.questions, options.limit)
    figures = evaluate_spelling(
        load_answerer(settings),
        questions,
        weight=settings.default_weight,
        threshold=settings.no_answer_threshold,
    )
    return json.dumps(asdict(figures), indent=2) if options.json else table(figures)
