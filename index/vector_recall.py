"""How much of what an exact search finds an approximate one finds."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.types import VectorRecall
from index.vector_kinds import EXACT
from index.vectors import VectorIndex

LOW = 0.95
"""A recall at 100 below this costs answers."""

_DEPTHS = (10, 100)
_SLAB = 16_384  # rows compared at a time
_BLOCK = 256  # questions that are compared with them at a time
_SAME = 1e-5  # scores closer than this differ by rounding only


def recall_of(
    kind: str,
    path: Path,
    rows: NDArray[np.float16],
    encode: Callable[[Sequence[str]], NDArray[np.float32]],
    questions: Sequence[str],
) -> VectorRecall | None:
    """Return the recall of the index of that kind at `path`; None if there is nothing to ask it.

    An exact one is not asked.
    """
    if kind == EXACT:
        return VectorRecall(1.0, 1.0, 0)
    if not questions:
        return None
    return measure_recall(VectorIndex(path, rows), rows, encode(questions))


def measure_recall(
    index: VectorIndex, rows: NDArray[np.float16], questions: NDArray[np.float32]
) -> VectorRecall:
    """Compare the index with an exact search of its `rows`, shape (n, dimension).

    `questions`, shape (m, dimension), m > 0, are vectors of real questions: those that are as far
    from passages as questions are. A hit counts when it scores like one of the exact best k, so
    that of equal passages either one is right.
    """
    shares: list[list[float]] = []
    for at in range(0, len(questions), _BLOCK):
        block = questions[at : at + _BLOCK]
        best = exact_scores(rows, block, max(_DEPTHS))
        for hits, scores in zip(index.search(block, max(_DEPTHS)), best, strict=True):
            found = [hit.score for hit in hits]
            shares.append([_share(found, scores, depth) for depth in _DEPTHS])
    at_10, at_100 = (float(np.mean(column)) for column in zip(*shares, strict=True))
    return VectorRecall(at_10, at_100, len(questions))


def _share(found: list[float], best: NDArray[np.float32], depth: int) -> float:
    """Return the share of the `depth` best scores that is among the found ones."""
    wanted = best[:depth]
    right = sum(score >= wanted[-1] - _SAME for score in found[:depth])
    return float(right / len(wanted))


def exact_scores(
    rows: NDArray[np.float16], questions: NDArray[np.float32], k: int
) -> NDArray[np.float32]:
    """Return the best min(k, n) scores of each question, descending; all rows are compared."""
    best = np.empty((len(questions), 0), np.float32)
    for at in range(0, len(rows), _SLAB):
        scores = questions @ np.asarray(rows[at : at + _SLAB], np.float32).T
        best = -np.sort(-np.concatenate([best, scores], axis=1), axis=1)[:, :k]
    return best
