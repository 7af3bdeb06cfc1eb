"""What the calibrations are fitted to: rows of features with their outcomes, of known questions."""

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from index.corpora.squad import GoldQuestion
from scripts.metrics import f1
from scripts.pairs import gold_passages
from scripts.samples import Samples
from service.answering import Answerer
from service.calibrations import LEAST_LOG_ODDS, READER_FEATURES, SpanRange
from service.reading import NO_ANSWER_FEATURES, Reading, ReadPassage, no_answer_features

_RIGHT_F1 = 0.5  # a span that shares so much with a gold answer is right
_LOWEST = 1.0
_HIGHEST = ((LEAST_LOG_ODDS, 50.0), (-2.5, 99.9))
"""Span scores below a percentile of all that were read count alike, and so do those above another.

The second one is the median for passages of such log odds of the retrieval score, and rises to
nearly the greatest score for passages of those. The sooner it rises, the more has to be read, and
the later, the more right answers are held back: docs/decisions/0013.
"""


def retrieval_samples(
    answerer: Answerer, questions: Sequence[GoldQuestion], off_topic: Sequence[GoldQuestion]
) -> Samples:
    """Return a row per candidate: right when it is of the question's paper and has its answer.

    No candidate of an off-topic question is right.
    """
    asked = [*((gold, True) for gold in questions), *((gold, False) for gold in off_topic)]
    values, outcomes, groups = [], [], []
    for group, (gold, on_topic) in enumerate(tqdm(asked, desc="retrieving", unit=" questions")):
        found = answerer.index.candidates(answerer.encode(gold.question))
        right = gold_passages(answerer, gold) if on_topic else []
        values.append(found.features)
        outcomes.append(np.isin(found.ids, right).astype(np.int64))
        groups.append(np.full(len(found.ids), group))
    return Samples(
        answerer.index.features,
        np.concatenate(values),
        np.concatenate(outcomes),
        np.concatenate(groups),
    )


def read_all(answerer: Answerer, questions: Sequence[GoldQuestion]) -> list[Reading]:
    """Retrieve and read for each question what the service would."""
    bar = tqdm(questions, desc="reading", unit=" questions", mininterval=1)
    return [answerer.read(gold.question, 1) for gold in bar]


def span_range(readings: Sequence[Reading]) -> SpanRange:
    """Return the range within which span scores count."""
    scores = np.array([one.span.score for reading in readings for one in reading.passages])
    (begin, low), (end, high) = _HIGHEST
    lowest, highest, most = np.percentile(scores[np.isfinite(scores)], (_LOWEST, low, high))
    return SpanRange(float(lowest), float(highest), float(most - highest) / (end - begin))


def reader_samples(
    questions: Sequence[GoldQuestion], readings: Sequence[Reading], within: SpanRange
) -> Samples:
    """Return a row per passage read: right when its span has an F1 of 0.5 with a gold answer."""
    rows = [
        (group, one.span.score, one.retrieval_score, f1(_text(one), gold.answers) >= _RIGHT_F1)
        for group, (gold, reading) in enumerate(zip(questions, readings, strict=True))
        for one in reading.passages
        if one.span.end > one.span.start
    ]
    groups, scores, found, right = (np.array(column) for column in zip(*rows, strict=True))
    values = within.features(scores, found)
    return Samples(READER_FEATURES, values, right.astype(np.int64), groups)


def no_answer_samples(on_topic: Sequence[Reading], off_topic: Sequence[Reading]) -> Samples:
    """Return a row per question: 1 when it was asked about something else than this corpus."""
    values = np.array([no_answer_features(reading.passages) for reading in (*on_topic, *off_topic)])
    outcomes = np.array([0] * len(on_topic) + [1] * len(off_topic))
    return Samples(NO_ANSWER_FEATURES, values, outcomes, np.arange(len(outcomes)))


def _text(one: ReadPassage) -> str:
    return one.candidate.passage.text[one.span.start : one.span.end]
