"""Turns raw scores into probabilities: Platt scaling, which is logistic regression.

Platt, "Probabilistic outputs for support vector machines" (1999), fitted as in Lin, Lin and
Weng, "A note on Platt's probabilistic outputs" (2007).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from files.reading import json_object, reason
from files.writing import write_durably
from models.contracts import ModelError

DoubleArray: TypeAlias = NDArray[np.float64]

_LIMIT = 1e9  # features are clipped here, so that an infinite one of weight 0 adds 0, not NaN
_STEPS = 100
_RIDGE = 1e-9  # keeps the Hessian invertible where features are collinear
_BINS = 10


@dataclass(frozen=True, slots=True)
class LogisticCalibration:
    """P(right) = 1 / (1 + exp(-(weights . features + bias))), over named features."""

    features: tuple[str, ...]
    weights: tuple[float, ...]
    bias: float

    def __post_init__(self) -> None:
        """Raise ValueError unless there is one finite weight per feature and a finite bias."""
        if not self.features or len(self.features) != len(self.weights):
            raise ValueError("a calibration has one weight per feature, and at least one")
        if not np.isfinite([*self.weights, self.bias]).all():
            raise ValueError("the weights and the bias of a calibration are finite numbers")

    def probability(self, values: ArrayLike) -> DoubleArray:
        """Return probabilities in [0, 1] for `values` of shape (n, features), or (n,) for one.

        The result has shape (n,). Infinite values are extremes; NaN raises ValueError.
        """
        return _sigmoid(_matrix(values, len(self.features)) @ np.array(self.weights) + self.bias)

    def save(self, path: Path) -> None:
        """Write the calibration as JSON, whole or not at all."""
        write_durably(path, json.dumps(asdict(self), indent=2) + "\n")


def load(path: Path) -> LogisticCalibration:
    """Read what `LogisticCalibration.save` wrote.

    Raises ModelError, which names the file, where it is absent, not JSON, or says nonsense.
    """
    try:
        fields = json_object(path)
        return LogisticCalibration(
            features=tuple(str(name) for name in fields["features"]),
            weights=tuple(float(weight) for weight in fields["weights"]),
            bias=float(fields["bias"]),
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path} is not a calibration ({reason(error)}): fit it again") from error


def fit(features: Sequence[str], values: ArrayLike, outcomes: ArrayLike) -> LogisticCalibration:
    """Fit a calibration to `values` of shape (n, features) and `outcomes` (n,) of 0 or 1.

    Newton's method with halved steps. Targets are Platt's smoothed ones,
    (N1 + 1) / (N1 + 2) and 1 / (N0 + 2), so that separable data give finite weights.

    Raises ValueError where the outcomes are not 0 or 1, or all the same, or don't match.
    """
    matrix = _matrix(values, len(features))
    right = np.asarray(outcomes, dtype=np.float64)
    if right.shape != (len(matrix),) or not np.isin(right, (0, 1)).all():
        raise ValueError("outcomes are 0 or 1, one per row of values")
    positives = right.sum()
    negatives = len(right) - positives
    if not positives or not negatives:
        raise ValueError("a calibration is fitted to both right and wrong outcomes")
    targets = np.where(right == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    centre, scale = matrix.mean(axis=0), matrix.std(axis=0)
    scale[scale == 0] = 1.0  # a constant feature: its weight stays 0, the bias does its work
    design = np.column_stack([(matrix - centre) / scale, np.ones(len(matrix))])
    solution = _newton(design, targets)
    weights = solution[:-1] / scale
    return LogisticCalibration(
        features=tuple(features),
        weights=tuple(weights.tolist()),
        bias=float(solution[-1] - weights @ centre),
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


def _newton(design: DoubleArray, targets: DoubleArray) -> DoubleArray:
    """Return the weights, shape (columns,), of least cross-entropy to soft targets."""
    weights = np.zeros(design.shape[1])
    loss = _cross_entropy(design @ weights, targets)
    for _ in range(_STEPS):
        probability = _sigmoid(design @ weights)
        gradient = design.T @ (probability - targets)
        curvature = (design.T * (probability * (1 - probability))) @ design
        curvature[np.diag_indices_from(curvature)] += _RIDGE
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while size > _RIDGE:
            lower = _cross_entropy(design @ (weights - size * step), targets)
            if lower <= loss:
                break
            size /= 2
        else:
            return weights
        weights = weights - size * step
        if loss - lower < _RIDGE:
            return weights
        loss = lower
    return weights


def _cross_entropy(logits: DoubleArray, targets: DoubleArray) -> float:
    return float((np.logaddexp(0, logits) - targets * logits).sum())


def _sigmoid(logits: DoubleArray) -> DoubleArray:
    """Return 1 / (1 + exp(-x)) without overflow: exp is taken of negative numbers only."""
    small = np.exp(-np.abs(logits))
    return np.asarray(np.where(logits >= 0, 1.0, small) / (1.0 + small))


def _matrix(values: ArrayLike, columns: int) -> DoubleArray:
    """Return `values` as shape (n, columns), clipped to finite numbers."""
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim == 1 and columns == 1:
        matrix = matrix[:, None]
    if matrix.ndim != 2 or matrix.shape[1] != columns:  # noqa: PLR2004 - rows and columns
        raise ValueError(f"values have shape (n, {columns}), not {matrix.shape}")
    if np.isnan(matrix).any():
        raise ValueError("values hold NaN, which has no probability")
    return np.clip(matrix, -_LIMIT, _LIMIT)
