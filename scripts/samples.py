"""What a calibration is fitted to, and how well it then tells right from wrong."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from index.types import CorpusError
from models.calibration import LogisticCalibration, expected_calibration_error, fit

FOLDS = 5
_BINS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)  # finer where most rows are


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
        for low, high in pairwise(_BINS):
            inside = (p >= low) & (p < high)
            if inside.any():
                lines.append(
                    f"{low:.2f} to {high:.2f}{inside.sum():>9,}{p[inside].mean():>13.3f}"
                    f"{self.outcomes[inside].mean():>8.3f}"
                )
        return "\n".join(lines)
