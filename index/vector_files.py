"""The vectors of an index: an append-only file of float16 rows, and how they are read again."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from files.writing import append_durably
from index.byte_ranges import ByteRanges
from index.types import IndexingError

EMBEDDINGS = "embeddings.f16"
"""The name of the vector file in an index."""


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
        """Append vectors of shape (n, dimension), durably. Raises IndexingError for no numbers."""
        if not np.isfinite(vectors).all():
            raise IndexingError("the encoder made vectors that are not numbers: try --device cpu")
        append_durably(self._path, vectors.astype(np.float16).tobytes())

    def read(self) -> NDArray[np.float16]:
        """Return all rows, shape (rows, dimension), mapped from the file."""
        if self.rows == 0:
            return np.zeros((0, self._dimension), np.float16)
        return np.memmap(self._path, np.float16, "r", shape=(self.rows, self._dimension))


class Rows(Protocol):
    """Vectors by their number: an array of shape (n, dimension), or a `VectorRows`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of rows, and of components of each."""
        ...

    def __getitem__(self, ids: NDArray[np.int64], /) -> NDArray[np.float16]:
        """Return these rows, shape (len(ids), dimension)."""
        ...


class VectorRows:
    """The rows of a file that a `VectorFile` wrote, read when they are wanted.

    Safe to use from threads. A question wants some 300 rows. The file is open until nothing refers
    to them any more.
    """

    def __init__(self, path: Path, dimension: int) -> None:
        """Open the file at `path`, of rows of so many components."""
        self._width = 2 * dimension  # bytes of a row
        self._file = ByteRanges(path)
        self.shape: tuple[int, ...] = (path.stat().st_size // self._width, dimension)

    def __getitem__(self, ids: NDArray[np.int64], /) -> NDArray[np.float16]:
        """Return these rows, shape (len(ids), dimension); neighbours are read in one go.

        Raises IndexingError when the file has become shorter.
        """
        begins = ids * self._width
        content = self._file.read(begins, begins + self._width)
        return np.frombuffer(content, np.float16).reshape(len(ids), self.shape[1])
