"""How good a list of answers is: exact match, F1, and whether they are of the right paper."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from index.corpora.squad import GoldQuestion
from scripts.metrics import exact_match, f1, percent

PAPER_DEPTHS = (1, 5, 20)
_ANSWER_DEPTH = 5

Found: TypeAlias = Sequence[tuple[str, str]]
"""The answers to a question, best first: the text and the `cord_uid` of each."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Quality of the answers to `n` questions, in percent of them.

    Exact match and F1 are SQuAD's, the best over the gold answers; "at 5" takes the best of the
    first five answers. `right_paper_at` tells how often one of the first k answers comes from the
    paper that the question was asked about.
    """

    n: int
    exact_match_at_1: float
    f1_at_1: float
    f1_at_5: float
    right_paper_at: dict[int, float]


def quality_of(asked: Sequence[tuple[GoldQuestion, Found]]) -> Quality:
    """Compare the answers to questions, of which there is one at least, with the gold ones."""

    def texts(found: Found, depth: int) -> list[str]:
        return [text for text, _ in found[:depth]] or [""]

    return Quality(
        n=len(asked),
        exact_match_at_1=percent(exact_match(texts(r, 1)[0], g.answers) for g, r in asked),
        f1_at_1=percent(f1(texts(r, 1)[0], g.answers) for g, r in asked),
        f1_at_5=percent(
            max(f1(text, g.answers) for text in texts(r, _ANSWER_DEPTH)) for g, r in asked
        ),
        right_paper_at={
            depth: percent(g.cord_uid in {paper for _, paper in r[:depth]} for g, r in asked)
            for depth in PAPER_DEPTHS
        },
    )
