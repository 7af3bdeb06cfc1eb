"""What was retrieved and read for a question, its answers, and whether there is one. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.hybrid import Candidate, Candidates
from models.calibration import LogisticCalibration
from models.contracts import Span
from service.calibrations import ReaderCalibration
from service.fusion import fuse
from service.types import Answer, Timings

NO_ANSWER_DEPTH = 10
"""How many passages the features are of: those retrieved best, which are always read."""

NO_ANSWER_FEATURES = (
    "best cosine of the 10 retrieved best",
    "best bm25 share of the 10 retrieved best",
    "best span score of the 10 retrieved best",
    "mean span score of the 5 retrieved best",
)


@dataclass(frozen=True, slots=True)
class ReadPassage:
    """A retrieved passage, the probability that it answers, and the reader's best span in it."""

    candidate: Candidate
    retrieval_score: float
    span: Span


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages that may be read for a question: `found`, ordered by descending `scores`.

    `searched` is how many passages the retrieval was among.
    """

    found: Candidates
    scores: tuple[float, ...]
    searched: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What was retrieved and read for a question, by descending retrieval score.

    `passages_searched` is how many passages the retrieval was among; `unread` is the greatest
    retrieval score of those that were retrieved and not read, None where there are none.
    """

    passages: tuple[ReadPassage, ...]
    passages_searched: int
    took_ms: Timings
    unread: float | None = None


def no_answer_features(read: Sequence[ReadPassage]) -> tuple[float, ...]:
    """Return what tells whether a question has an answer: the values of `NO_ANSWER_FEATURES`.

    `read` is by descending retrieval score, and not empty. Only its first passages count, so it
    is the same however many were read.
    """
    best = read[:NO_ANSWER_DEPTH]
    scores = [one.span.score for one in best]
    return (
        max(one.candidate.cosine for one in best),
        max(one.candidate.bm25_share for one in best),
        max(scores),
        float(np.mean(scores[:5])),
    )


def no_answer_probability(read: Sequence[ReadPassage], calibration: LogisticCalibration) -> float:
    """Return the probability that a question has no answer, 1 where nothing was read.

    `read` is by descending retrieval score, `calibration` of `NO_ANSWER_FEATURES`.
    """
    return float(calibration.probability([no_answer_features(read)])[0]) if read else 1.0


def answers_in(
    read: Sequence[ReadPassage], calibration: ReaderCalibration, weight: float
) -> list[Answer]:
    """Return the answers of these passages, in their order; one without a span has none."""
    if not read:
        return []
    scores = calibration.scores(
        [one.span.score for one in read], [one.retrieval_score for one in read]
    )
    return [
        Answer(
            text=one.candidate.passage.text[one.span.start : one.span.end],
            passage=one.candidate.passage,
            paper=one.candidate.paper,
            start=one.span.start,
            end=one.span.end,
            reader_score=score,
            retrieval_score=one.retrieval_score,
            final_score=fuse(score, one.retrieval_score, weight),
        )
        for one, score in zip(read, scores, strict=True)
        if one.span.end > one.span.start
    ]
