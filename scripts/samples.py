"""What a calibration is fitted to, and how well it then tells right from wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from index.types import CorpusError
from models.calibration import LogisticCalibration, matrix_of

FOLDS = 5
_POINTS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)  # finer where most rows are
_BINS = 10


@dataclass(frozen=True, eq=False)
class Samples:
    """What one calibration is fitted to: features (n, f), outcomes (n,), question of each row."""

    features: tuple[str, ...]
    values: NDArray[np.float64]
    outcomes: NDArray[np.int64]
    groups: NDArray[np.int64]

    def fit(self) -> LogisticCalibration:
        """Fit to all rows."""
        return fit(self.features, self.values, self.outcomes)

    @cached_property
    def held_out(self) -> NDArray[np.float64]:
        """Each row's probability by a calibration fitted without its question's fold.

        Raises CorpusError where there are too few questions to hold some out.
        """
        held_out = np.zeros(len(self.outcomes))
        if len(np.unique(self.groups)) < FOLDS:
            raise CorpusError(f"fewer than {FOLDS} questions found any passage: give more")
        for train, test in GroupKFold(FOLDS).split(self.values, groups=self.groups):
            if len(np.unique(self.outcomes[train])) == 1:
                raise CorpusError(
                    "all that was found right, or wrong, is of too few questions to fit and to "
                    "test on: give more"
                )
            fold = fit(self.features, self.values[train], self.outcomes[train])
            held_out[test] = fold.probability(self.values[test])
        return held_out

    def report(self, name: str) -> str:
        """Return a line of figures, all of held-out folds."""
        p = self.held_out
        return (
            f"{name:<10} n {len(p):>6,}  right {self.outcomes.mean():6.1%}  "
            f"AUROC {roc_auc_score(self.outcomes, p):.3f}  "
            f"calibration error {expected_calibration_error(p, self.outcomes):.3f}"
        )

    def reliability(self) -> str:
        """Return the points of a reliability diagram, one line a bin, all of held-out folds."""
        p = self.held_out
        lines = ["score            rows   mean score   right"]
        for low, high in pairwise(_POINTS):
            inside = (p >= low) & ((p < high) | (high == 1))  # 1.0 is in the last bin
            if inside.any():
                lines.append(
                    f"{low:.2f} to {high:.2f}{inside.sum():>9,}{p[inside].mean():>13.3f}"
                    f"{self.outcomes[inside].mean():>8.3f}"
                )
        return "\n".join(lines)


def fit(features: Sequence[str], values: ArrayLike, outcomes: ArrayLike) -> LogisticCalibration:
    """Fit a calibration to `values` of shape (n, features) and `outcomes` (n,) of 0 or 1.

    Targets are Platt's smoothed ones, (N1 + 1) / (N1 + 2) and 1 / (N0 + 2), so that separable data
    give finite weights: each row counts twice, as right by its target and as wrong by the rest.

    Raises ValueError where the outcomes are not 0 or 1, or all the same, or don't match.
    """
    matrix = matrix_of(values, len(features))
    right = np.asarray(outcomes, dtype=np.float64)
    if right.shape != (len(matrix),) or not np.isin(right, (0, 1)).all():
        raise ValueError("outcomes are 0 or 1, one per row of values")
    positives = right.sum()
    negatives = len(right) - positives
    if not positives or not negatives:
        raise ValueError("a calibration is fitted to both right and wrong outcomes")
    targets = np.where(right == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    centre, scale = matrix.mean(axis=0), matrix.std(axis=0)
    scale[np.ptp(matrix, axis=0) == 0] = np.inf  # a constant says nothing: its weight stays 0
    design = (matrix - centre) / scale
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
    model.fit(
        np.concatenate([design, design]),
        np.repeat([1, 0], len(design)),
        np.concatenate([targets, 1 - targets]),
    )
    weights = model.coef_[0] / scale
    return LogisticCalibration(
        features=tuple(features),
        weights=tuple(weights.tolist()),
        bias=float(model.intercept_[0] - weights @ centre),
    )


def expected_calibration_error(probabilities: ArrayLike, outcomes: ArrayLike) -> float:
    """Return the mean over ten equally wide bins of |accuracy - confidence|, weighted by count.

    Both arguments have shape (n,). Naeini, Cooper and Hauskrecht (2015). Raises ValueError
    where they are empty or don't match.
    """
    confidence = np.asarray(probabilities, dtype=np.float64)
    right = np.asarray(outcomes, dtype=np.float64)
    if confidence.ndim != 1 or confidence.shape != right.shape or not confidence.size:
        raise ValueError("give as many probabilities as outcomes, and at least one")
    bin_of = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)  # 1.0 is in the last bin
    gaps = np.bincount(bin_of, weights=right - confidence, minlength=_BINS)
    return float(np.abs(gaps).sum() / confidence.size)
