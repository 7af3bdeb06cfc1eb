"""Turns raw scores into probabilities: Platt scaling, which is logistic regression.

Platt, "Probabilistic outputs for support vector machines" (1999). scripts/samples.py fits it.
"""

import json
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
        return _sigmoid(matrix_of(values, len(self.features)) @ np.array(self.weights) + self.bias)

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


def _sigmoid(logits: DoubleArray) -> DoubleArray:
    """Return 1 / (1 + exp(-x)) without overflow: exp is taken of negative numbers only."""
    small = np.exp(-np.abs(logits))
    return np.asarray(np.where(logits >= 0, 1.0, small) / (1.0 + small))


def matrix_of(values: ArrayLike, columns: int) -> DoubleArray:
    """Return `values` as shape (n, columns), clipped to finite numbers."""
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim == 1 and columns == 1:
        matrix = matrix[:, None]
    if matrix.ndim != 2 or matrix.shape[1] != columns:  # noqa: PLR2004 - rows and columns
        raise ValueError(f"values have shape (n, {columns}), not {matrix.shape}")
    if np.isnan(matrix).any():
        raise ValueError("values hold NaN, which has no probability")
    return np.clip(matrix, -_LIMIT, _LIMIT)
