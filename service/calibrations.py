"""What turns raw scores into probabilities, the same for every request."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from models.calibration import DoubleArray, LogisticCalibration

READER_FEATURES = ("span score", "retrieval log odds")
"""What a reader's calibration is told of a span: its score, and how well its passage was found.

A calibration that was fitted to the score alone serves as well; more is read with it.
"""

_SURE = 1e-9  # probabilities this near to 0 or 1 are as good as certain
_ROUNDING = 1e-9  # far more than two ways to add up the same numbers differ by


@dataclass(frozen=True, slots=True)
class Calibrations:
    """The probability of each raw score.

    `retrieval` takes the features of a candidate (`index.hybrid.Candidates`), `reader` those of a
    span (`READER_FEATURES`, or the first alone), `no_answer` the evidence of a whole question
    (`service.reading.EVIDENCE`).
    """

    retrieval: LogisticCalibration
    reader: LogisticCalibration
    no_answer: LogisticCalibration

    def reader_scores(self, spans: Sequence[float], retrieval: Sequence[float]) -> list[float]:
        """Return the probability that a span is right, given its score and its passage's."""
        columns = np.column_stack([spans, log_odds(retrieval)])
        known = columns[:, : len(self.reader.features)]
        return [float(score) for score in self.reader.probability(known)]

    def reader_bound(self, retrieval: float) -> float:
        """Return the greatest reader score of a passage of at most this retrieval score.

        It is 1 where the calibration has no `highest` span score, and does not fall as the
        retrieval score grows.
        """
        if min(self.reader.weights) < 0:
            return 1.0  # then the greatest features have not the greatest probability
        (best,) = self.reader_scores([np.inf], [retrieval])
        return min(1.0, best + _ROUNDING)


def log_odds(probabilities: ArrayLike) -> DoubleArray:
    """Return log(p / (1 - p)) of each, shape (n,); of certainties a great finite number."""
    inside = np.clip(np.asarray(probabilities, dtype=np.float64), _SURE, 1 - _SURE)
    return np.asarray(np.log(inside / (1 - inside)))
