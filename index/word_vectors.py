"""Vectors of passages' words, 2 bits a coordinate, and the late interaction that compares them.

Khattab and Zaharia, "ColBERT" (2020): a passage's score is the mean, over the question's words, of
the greatest inner product with a word of the passage. Coordinates of unit vectors of d dimensions
are close to normal with variance 1/d, so each is stored as one of the four levels that lose least
of a normal variable (Max, "Quantizing for Minimum Distortion", 1960).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from files.writing import append_durably
from index.byte_ranges import ByteRanges
from index.types import IndexingError

CODES = "word_vectors.bin"
COUNTS = "word_counts.u16"

Codes: TypeAlias = NDArray[np.uint8]

_SLAB = 2048  # words compared at a time
_ONE_THREAD = 262_144  # multiplications that OpenBLAS computes without waking its other threads
MOST_WORDS = 65_535  # of a passage; what a count can hold
_PER_BYTE = 4  # coordinates
_EDGES = np.array([-0.9816, 0.0, 0.9816], np.float32)  # between the levels of a standard normal
_LEVELS = np.array([-127, -38, 38, 127], np.float32)  # 1.5104 and 0.4528, times 84
_DECODED = _LEVELS[(np.arange(256)[:, None] >> np.array([0, 2, 4, 6])) & 3].view(np.complex128)
"""Shape (256, 1): the four levels that a byte stands for, as one item that one look-up gets."""


def quantised(vectors: NDArray[np.float32]) -> Codes:
    """Return the codes, shape (n, d / 4), of unit vectors, shape (n, d); d is divisible by 4.

    Raises IndexingError for vectors that are not numbers.
    """
    if not np.isfinite(vectors).all():
        raise IndexingError("the encoder made words that are not numbers: try --device cpu")
    count, dimension = vectors.shape
    levels = np.digitize(vectors * np.sqrt(dimension), _EDGES).astype(np.uint8)
    fours = levels.reshape(count, dimension // _PER_BYTE, _PER_BYTE)
    codes: Codes = np.bitwise_or.reduce(fours << np.array([0, 2, 4, 6], np.uint8), axis=2)
    return codes


def likeness(codes: Codes, question: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the inner products, shape (n, q), of the unit vectors that `codes` stand for.

    `codes` has shape (n, d / 4), the question's words (q, d).
    """
    vectors = np.take(_DECODED, codes).view(np.float32)
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    products = np.empty((len(codes), len(question)), np.float32)
    step = max(1, _ONE_THREAD // max(1, question.size))
    for at in range(0, len(codes), step):
        np.matmul(vectors[at : at + step], question.T, out=products[at : at + step])
    products /= lengths[:, None]
    return products


class WordVectorFile:
    """The codes of every passage's words, passage after passage, in two append-only files.

    The files are the checkpoint of an embedding run, as `index.vector_files.VectorFile` is.
    """

    def __init__(self, folder: Path, dimension: int) -> None:
        """Open the files in `folder`; they need not exist."""
        self._codes = folder / CODES
        self._counts = folder / COUNTS
        self._dimension = dimension
        self._width = dimension // _PER_BYTE  # bytes of one word's vector

    @property
    def rows(self) -> int:
        """The number of passages whose words are whole in the files."""
        if not (self._counts.exists() and self._codes.exists()):
            return 0
        ends = np.cumsum(self._read_counts(), dtype=np.int64) * self._width
        return int(np.searchsorted(ends, self._codes.stat().st_size, side="right"))

    def truncate(self, rows: int) -> None:
        """Drop everything after the first `rows` passages."""
        counts = self._read_counts()[:rows] if self._counts.exists() else np.zeros(0, np.uint16)
        size = int(counts.sum(dtype=np.int64)) * self._width
        for path, length in ((self._codes, size), (self._counts, 2 * rows)):
            with path.open("ab") as file:
                file.truncate(length)

    def append(self, passages: Sequence[Codes]) -> None:
        """Append the codes of the words of each passage, shape (words, dimension / 4), durably."""
        kept = [codes[:MOST_WORDS] for codes in passages]
        counts = np.array([len(codes) for codes in kept], np.uint16)
        content = b"".join(codes.tobytes() for codes in kept)
        for path, written in ((self._codes, content), (self._counts, counts.tobytes())):
            append_durably(path, written)

    def _read_counts(self) -> NDArray[np.uint16]:
        return np.fromfile(self._counts, np.uint16)


class WordVectors:
    """The word vectors of an index, ready to score passages. Safe to use from several threads.

    The codes stay on the disk: each passage's are read when it is scored, so that they take the
    system's page cache and not the process's memory. Only where each begins is held, 8 bytes a
    passage. The file is opened once, and closed by `close` or when nothing refers to it any more.
    """

    def __init__(self, folder: Path, dimension: int) -> None:
        """Open the files in `folder`. Raises IndexingError where they don't belong together."""
        self.dimension = dimension
        self._width = dimension // _PER_BYTE
        counts = np.fromfile(folder / COUNTS, np.uint16)
        self._ends = np.cumsum(counts, dtype=np.int64)
        self.size = len(counts)
        expected = int(self._ends[-1]) * self._width if self.size else 0
        if (folder / CODES).stat().st_size != expected:
            raise IndexingError(
                f"{folder / CODES} and {COUNTS} do not belong together: build the index again"
            )
        self._file = ByteRanges(folder / CODES)

    def codes(self, id_: int) -> Codes:
        """Return the codes of a passage's words, shape (words, dimension / 4)."""
        return self._read(*self._places(np.array([id_])))

    def scores(self, question: NDArray[np.float32], ids: Sequence[int]) -> NDArray[np.float32]:
        """Return the late interaction, shape (len(ids),), of a question with these passages.

        `question` has shape (words, dimension); each word's vector is as long as its weight. A
        passage without words scores 0. Passages that follow each other are read in one go.

        Raises IndexingError when the file has become shorter.
        """
        scores = np.zeros(len(ids), np.float32)
        if not len(question):
            return scores
        rows = np.asarray(ids, np.int64)
        first, counts = self._places(rows)
        held = np.flatnonzero(counts)
        # what is computed at a time fits into a core's cache: a quarter faster than all at once
        slab = (np.cumsum(counts[held]) - 1) // _SLAB
        for places in np.split(held, np.flatnonzero(np.diff(slab)) + 1):
            if places.size:
                some = counts[places]
                products = likeness(self._read(first[places], some), question)
                starts = np.cumsum(some) - some
                scores[places] = np.maximum.reduceat(products, starts, axis=0).sum(1)
        return scores

    def _places(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return before how many words each passage begins, and how many it has."""
        first = np.where(ids > 0, self._ends[ids - 1], 0)
        return first, self._ends[ids] - first

    def _read(self, first: NDArray[np.int64], counts: NDArray[np.int64]) -> Codes:
        """Return the codes of all words of these passages, shape (words, dimension / 4)."""
        content = self._file.read(first * self._width, (first + counts) * self._width)
        return np.frombuffer(content, np.uint8).reshape(-1, self._width)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
