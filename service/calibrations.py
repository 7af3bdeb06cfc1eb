"""What turns raw scores into probabilities, the same for every request."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from models import calibration
from models.calibration import DoubleArray, LogisticCalibration
from models.contracts import ModelError

LEAST_LOG_ODDS = -7.0
"""Retrieval scores p below this log(p / (1 - p)), a thousandth, are alike to a reader's score."""

READER_FEATURES = ("span score x retrieval log odds above -7",)
SPAN_FEATURES = ("span score",)
"""What the calibration of a reader was fitted to before; more passages must be read with it."""

_SURE = 1e-9  # a probability this near to 1 is as good as 1
_ROUNDING = 1e-9  # far more than two ways to add up the same numbers differ by
_HUGE = 1e9
_HIGHEST = "highest span score"


@dataclass(frozen=True, slots=True)
class ReaderCalibration:
    """The probability that a span is right, given its score and how well its passage was found.

    A reader that knows one passage at a time marks something in every one, and is often sure of
    it where the passage is about another matter. So a span score counts the more, the better the
    passage was found: the one feature is the product of both. `logistic` has `READER_FEATURES`, or
    `SPAN_FEATURES`. A span score above `highest` counts as that; it makes the bound.
    """

    logistic: LogisticCalibration
    highest: float = np.inf

    def scores(self, spans: ArrayLike, retrieval: ArrayLike) -> list[float]:
        """Return the probabilities of n spans with these scores, in passages with those."""
        known = reader_features(spans, retrieval, self.highest)
        if self.logistic.features == SPAN_FEATURES:
            known = _spans(spans, self.highest)
        return [float(score) for score in self.logistic.probability(known)]

    def bound(self, retrieval: float) -> float:
        """Return the greatest reader score of a passage of at most this retrieval score.

        It is 1 where the calibration has no `highest`, and does not fall as the retrieval score
        grows. What is linear in each of two features is greatest at a corner of their ranges.
        """
        corners = self.scores([-np.inf, -np.inf, np.inf, np.inf], [0, retrieval, 0, retrieval])
        return min(1.0, max(corners) + _ROUNDING)

    def save(self, path: Path) -> None:
        """Write the calibration as JSON."""
        written = asdict(self.logistic) | {_HIGHEST: self.highest}
        path.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


def load_reader_calibration(path: Path) -> ReaderCalibration:
    """Read what `ReaderCalibration.save` wrote, or a calibration of `SPAN_FEATURES` alone.

    Raises ModelError, which names the file, where it is neither.
    """
    logistic = calibration.load(path)
    if logistic.features not in {READER_FEATURES, SPAN_FEATURES}:
        raise ModelError(f"{path} was fitted to other features: run scripts/calibrate.py --write")
    try:
        highest = float(json.loads(path.read_text(encoding="utf-8")).get(_HIGHEST, np.inf))
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path} has no number as {_HIGHEST!r}; fit it again") from error
    return ReaderCalibration(logistic, highest)


@dataclass(frozen=True, slots=True)
class Calibrations:
    """The probability of each raw score.

    `retrieval` takes the features of a candidate (`index.hybrid.Candidates`), `no_answer` the
    evidence of a whole question (`service.reading.EVIDENCE`).
    """

    retrieval: LogisticCalibration
    reader: ReaderCalibration
    no_answer: LogisticCalibration


def reader_features(spans: ArrayLike, retrieval: ArrayLike, highest: float) -> DoubleArray:
    """Return `READER_FEATURES` of n spans with these scores, in passages with those: (n, 1)."""
    odds = np.clip(np.asarray(retrieval, dtype=np.float64), _SURE, 1 - _SURE)
    above = np.maximum(np.log(odds / (1 - odds)), LEAST_LOG_ODDS) - LEAST_LOG_ODDS
    return _spans(spans, highest) * above[:, None]


def _spans(spans: ArrayLike, highest: float) -> DoubleArray:
    """Return span scores as finite numbers of at most `highest`: shape (n, 1)."""
    return np.clip(np.asarray(spans, dtype=np.float64), -_HUGE, min(highest, _HUGE))[:, None]
