"""Reads parts of a file when they are wanted, from the system's page cache."""

import os
from pathlib import Path
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from index.types import IndexingError


class ByteRanges:
    """A file of which parts are read, many at a time. Safe to use from threads.

    Mapped, each small part would keep a page of 4,096 bytes in the process's memory, and soon the
    whole file would be there; read, it is in the system's page cache alone. The file is open until
    `close` is called or nothing refers to this any more.
    """

    def __init__(self, path: Path) -> None:
        """Open the file at `path`."""
        self._path = path
        self._file = path.open("rb", buffering=0)
        finalize(self, self._file.close)

    def read(self, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> bytearray:
        """Return what n half-open ranges hold, shape (n,) both, in bytes, one after the other.

        Ranges that touch are read in one go. Raises IndexingError when the file has become shorter.
        """
        content = bytearray(int((ends - begins).sum()))
        view = memoryview(content)
        # where a run of ranges that touch begins, and where it ends
        first = begins[begins != np.concatenate([[-1], ends[:-1]])].tolist()
        last = ends[ends != np.concatenate([begins[1:], [-1]])].tolist()
        at = 0
        for begin, end in zip(first, last, strict=True):
            part = view[at : at + end - begin]
            if os.preadv(self._file.fileno(), [part], begin) != len(part):
                raise IndexingError(f"{self._path} was cut short while it is served: copy it again")
            at += len(part)
        return content

    def close(self) -> None:
        """Close the file."""
        self._file.close()
