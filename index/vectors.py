"""Vectors: an append-only file of float16 rows, and the FAISS index made from it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from index.types import Hit, IndexingError

EMBEDDINGS = "embeddings.f16"
"""The name of the vector file in an index."""

_SLAB = 65_536  # rows converted at a time


class VectorFile:
    """Rows of float16 in one file, row after row: what the encoder made, in passage order.

    The file is the checkpoint of an embedding run: after a kill, its whole blocks count.
    """

    def __init__(self, path: Path, dimension: int) -> None:
        """Open the file at `path`; it need not exist."""
        self._path = path
        self._dimension = dimension

    @property
    def rows(self) -> int:
        """The number of whole rows in the file."""
        size = self._path.stat().st_size if self._path.exists() else 0
        return size // (2 * self._dimension)

    def truncate(self, rows: int) -> None:
        """Drop everything after the first `rows` rows."""
        with self._path.open("ab") as file:
            file.truncate(2 * self._dimension * rows)

    def append(self, vectors: NDArray[np.float32]) -> None:
        """Append vectors of shape (n, dimension), durably. Raises IndexingError for others."""
        if vectors.ndim != 2 or vectors.shape[1] != self._dimension:  # noqa: PLR2004 - a matrix
            raise IndexingError(
                f"the encoder made vectors of shape {vectors.shape} where (n, {self._dimension}) "
                "was expected: is it the model that it says it is?"
            )
        if not np.isfinite(vectors).all():
            raise IndexingError("the encoder made vectors that are not numbers: try --device cpu")
        with self._path.open("ab") as file:
            file.write(vectors.astype(np.float16).tobytes())
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> NDArray[np.float16]:
        """Return all rows, shape (rows, dimension), mapped from the file."""
        if self.rows == 0:
            return np.zeros((0, self._dimension), np.float16)
        return np.memmap(self._path, np.float16, "r", shape=(self.rows, self._dimension))


def build_faiss(vectors: NDArray[np.float16], path: Path) -> str:
    """Write a FAISS inner-product index of `vectors`, shape (n, dimension); return its kind.

    Raises IndexingError when it cannot be written.
    """
    kind = "Flat"
    index = faiss.index_factory(vectors.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    for at in range(0, len(vectors), _SLAB):
        index.add(np.ascontiguousarray(vectors[at : at + _SLAB], np.float32))
    try:
        faiss.write_index(index, os.fspath(path))
    except RuntimeError as error:
        raise IndexingError(f"{path} cannot be written: is the disk full?") from error
    return kind


class VectorIndex:
    """A FAISS inner-product index, ready to search. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Load the index at `path`. Raises IndexingError when it is not one."""
        try:
            self._index: Any = faiss.read_index(os.fspath(path))
        except RuntimeError as error:
            raise IndexingError(f"{path} is not a FAISS index: build the index again") from error
        self.size: int = self._index.ntotal
        self.dimension: int = self._index.d

    def search(
        self, vectors: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> list[list[Hit]]:
        """Return, for each row of `vectors`, at most `k` hits by descending inner product.

        With `allowed`, ids of shape (n,), only among these.
        """
        only = None
        if allowed is not None:
            only = faiss.SearchParameters(sel=faiss.IDSelectorBatch(allowed))  # type: ignore[call-arg] # the stub lacks it
        scores, ids = self._index.search(np.ascontiguousarray(vectors, np.float32), k, params=only)
        return [
            [Hit(int(i), float(s)) for i, s in zip(row_ids, row_scores, strict=True) if i >= 0]
            for row_ids, row_scores in zip(ids, scores, strict=True)
        ]

    def cosines(self, vector: NDArray[np.float32], ids: Sequence[int]) -> dict[int, float]:
        """Return the inner product of `vector`, shape (dimension,), with each of these rows."""
        if not ids:
            return {}
        rows = self._index.reconstruct_batch(np.array(ids, np.int64))
        return dict(zip(ids, (rows @ vector).tolist(), strict=True))
