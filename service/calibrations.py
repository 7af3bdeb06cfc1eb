"""What turns raw scores into probabilities, the same for every request."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from files.writing import write_durably
from models import calibration
from models.calibration import DoubleArray, LogisticCalibration
from models.contracts import ModelError

LEAST_LOG_ODDS = -7.0
"""Retrieval scores p below this log(p / (1 - p)), a thousandth, are alike to a reader's score."""

READER_FEATURES = ("span score above lowest", "the same x retrieval log odds above -7")
SPAN_FEATURES = ("span score",)
"""What the calibration of a reader was fitted to before; more passages must be read with it."""

_SURE = 1e-9  # a probability this near to 1 is as good as 1
_ROUNDING = 1e-9  # far more than two ways to add up the same numbers differ by
_HUGE = 1e9
_RANGE = "lowest and highest span score"


@dataclass(frozen=True, slots=True)
class ReaderCalibration:
    """The probability that a span is right, given its score and how well its passage was found.

    A reader that knows one passage at a time marks something in every one, and is often sure of
    it where the passage is about another matter. So a span score counts the more, the better the
    passage was found. `logistic` has `READER_FEATURES`, or `SPAN_FEATURES`. A span score below
    `lowest` counts as that, and one above `highest` as that, which makes the bound.
    """

    logistic: LogisticCalibration
    lowest: float = -_HUGE
    highest: float = _HUGE

    def scores(self, spans: ArrayLike, retrieval: ArrayLike) -> list[float]:
        """Return the probabilities of n spans with these scores, in passages with those."""
        if self.logistic.features == SPAN_FEATURES:
            known = _within(spans, self.lowest, self.highest)[:, None]
        else:
            known = reader_features(spans, retrieval, self.lowest, self.highest)
        return [float(score) for score in self.logistic.probability(known)]

    def bound(self, retrieval: float) -> float:
        """Return the greatest reader score of a passage of at most this retrieval score.

        It is 1 where the calibration has no range of span scores, and does not fall as the
        retrieval score grows. What is linear in each of two values is greatest at a corner of
        their ranges.
        """
        ends = [self.lowest, self.lowest, self.highest, self.highest]
        corners = self.scores(ends, [0, retrieval, 0, retrieval])
        return min(1.0, max(corners) + _ROUNDING)

    def save(self, path: Path) -> None:
        """Write the calibration as JSON, whole or not at all."""
        written = asdict(self.logistic) | {_RANGE: [self.lowest, self.highest]}
        write_durably(path, json.dumps(written, indent=2) + "\n")


def load_reader_calibration(path: Path) -> ReaderCalibration:
    """Read what `ReaderCalibration.save` wrote, or a calibration of `SPAN_FEATURES` alone.

    Raises ModelError, which names the file, where it is neither.
    """
    logistic = calibration.load(path)
    if logistic.features not in {READER_FEATURES, SPAN_FEATURES}:
        raise ModelError(
            f"{path} was fitted to other features: run scripts/calibrate.py --write index"
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8")).get(_RANGE, [-_HUGE, _HUGE])
        lowest, highest = (float(value) for value in found)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path} has no two numbers as {_RANGE!r}; fit it again") from error
    return ReaderCalibration(logistic, lowest, highest)


@dataclass(frozen=True, slots=True)
class Calibrations:
    """The probability of each raw score.

    `retrieval` takes the features of a candidate (`index.hybrid.Candidates`), `no_answer` the
    features of a whole question (`service.reading.NO_ANSWER_FEATURES`).
    """

    retrieval: LogisticCalibration
    reader: ReaderCalibration
    no_answer: LogisticCalibration


def reader_features(
    spans: ArrayLike, retrieval: ArrayLike, lowest: float, highest: float
) -> DoubleArray:
    """Return `READER_FEATURES` of n spans with these scores, in passages with those: (n, 2)."""
    odds = np.clip(np.asarray(retrieval, dtype=np.float64), _SURE, 1 - _SURE)
    found = np.maximum(np.log(odds / (1 - odds)), LEAST_LOG_ODDS) - LEAST_LOG_ODDS
    above = _within(spans, lowest, highest) - lowest
    return np.column_stack([above, above * found])


def _within(spans: ArrayLike, lowest: float, highest: float) -> DoubleArray:
    """Return span scores, shape (n,), as finite numbers of a range."""
    return np.clip(np.asarray(spans, dtype=np.float64), lowest, highest)
