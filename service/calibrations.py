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

_SURE = 1e-9  # a probability this near to 1 is as good as 1
_ROUNDING = 1e-9  # far more than two ways to add up the same numbers differ by
_HUGE = 1e8
_RANGE = "lowest and highest span score"
_RISE = "highest span score rises by"


@dataclass(frozen=True, slots=True)
class SpanRange:
    """Within which span scores count: what is below or above counts as the end of the range.

    It ends at `highest` for a passage that was found as badly as can be, at log odds of -7 or
    less, and `rise` higher for each unit above: however sure a reader is, it is right about a
    passage that has nothing to do with the question as rarely as where it is hardly sure.
    """

    lowest: float = -_HUGE
    highest: float = _HUGE
    rise: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError where the range is none, or ends lower for what was found better."""
        numbers = (self.lowest, self.highest, self.rise)
        if not (np.isfinite(numbers).all() and self.lowest <= self.highest and self.rise >= 0):
            raise ValueError("a range is from a finite number to another that does not fall")

    def end(self, retrieval: ArrayLike) -> DoubleArray:
        """Return the greatest span scores that count in n passages of these retrieval scores."""
        return self.highest + self.rise * _above_least(retrieval)

    def features(self, spans: ArrayLike, retrieval: ArrayLike) -> DoubleArray:
        """Return `READER_FEATURES` of n spans with these scores, in passages with those: (n, 2)."""
        scores = np.asarray(spans, dtype=np.float64)
        above = np.clip(scores, self.lowest, self.end(retrieval)) - self.lowest
        return np.column_stack([above, above * _above_least(retrieval)])


@dataclass(frozen=True, slots=True)
class ReaderCalibration:
    """The probability that a span is right, given its score and how well its passage was found.

    A reader that knows one passage at a time marks something in every one, and is often sure of
    it where the passage is about another matter. So a span score counts the more, the better the
    passage was found. `logistic` has `READER_FEATURES`. That `within` ends makes the bound.
    """

    logistic: LogisticCalibration
    within: SpanRange = SpanRange()

    def scores(self, spans: ArrayLike, retrieval: ArrayLike) -> list[float]:
        """Return the probabilities of n spans with these scores, in passages with those."""
        known = self.within.features(spans, retrieval)
        return [float(score) for score in self.logistic.probability(known)]

    def bound(self, retrieval: float) -> float:
        """Return the greatest reader score of a passage of at most this retrieval score.

        It is 1 where the calibration has no range of span scores, and does not fall as the
        retrieval score grows. What is linear in each of two values is greatest at a corner of
        their ranges.
        """
        most = float(self.within.end(retrieval)) - self.within.lowest
        odds = float(_above_least(retrieval))
        corners = [[0.0, 0.0], [most, 0.0], [most, most * odds]]
        return min(1.0, float(self.logistic.probability(corners).max()) + _ROUNDING)

    def save(self, path: Path) -> None:
        """Write the calibration as JSON, whole or not at all."""
        written = asdict(self.logistic) | {
            _RANGE: [self.within.lowest, self.within.highest],
            _RISE: self.within.rise,
        }
        write_durably(path, json.dumps(written, indent=2) + "\n")


def load_calibration(path: Path, features: tuple[str, ...]) -> LogisticCalibration:
    """Read a calibration of these features. Raises ModelError, which names the file."""
    found = calibration.load(path)
    if found.features != features:
        raise ModelError(
            f"{path} was fitted to other features: run scripts/calibrate.py --write index"
        )
    return found


def load_reader_calibration(path: Path) -> ReaderCalibration:
    """Read what `ReaderCalibration.save` wrote; where no range is in it, all scores count.

    Raises ModelError, which names the file, where it is none.
    """
    logistic = load_calibration(path, READER_FEATURES)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        lowest, highest = (float(value) for value in content.get(_RANGE, [-_HUGE, _HUGE]))
        within = SpanRange(lowest, highest, float(content.get(_RISE, 0.0)))
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path} has no numbers as {_RANGE!r} ({error}); fit it again") from error
    return ReaderCalibration(logistic, within)


@dataclass(frozen=True, slots=True)
class Calibrations:
    """The probability of each raw score.

    `retrieval` takes the features of a candidate (`index.hybrid.Candidates`), `no_answer` the
    features of a whole question (`service.reading.NO_ANSWER_FEATURES`).
    """

    retrieval: LogisticCalibration
    reader: ReaderCalibration
    no_answer: LogisticCalibration


def _above_least(retrieval: ArrayLike) -> DoubleArray:
    """Return the log odds of retrieval scores, counted from the least that differ, which is 0."""
    score = np.clip(np.asarray(retrieval, dtype=np.float64), _SURE, 1 - _SURE)
    above: DoubleArray = np.maximum(np.log(score / (1 - score)) - LEAST_LOG_ODDS, 0.0)
    return above
