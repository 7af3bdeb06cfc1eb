"""The search over a FAISS index of vectors."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from index.opening import unopened
from index.types import Hit, IndexingError
from index.vector_files import Rows

VECTORS = "vectors.faiss"
"""The name of the file in an index that holds what is searched of the vectors."""

_SLAB = 4096  # rows converted at a time
_SMALLEST = 80  # bytes of an index; FAISS 1.15.1 crashes where a mapped file ends in its header
_FAST_SCAN = b"IPfs"  # how the file of such an index begins
_PROBES = 256  # lists that a question is compared with
_SIGN_AND_HALF = np.int32(~0x7000_0000)  # the bits of a single that a half can have
_BIAS = np.float32(2.0**112)  # of a single's exponent over a half's
_FEWEST = 100  # hits that FAISS is asked for: by codes alone it can miss the very best
_FEW = 20_000  # allowed rows that are scored one and all, rather than looked for in lists
_FEW_SCANNED = 4_000  # the same, or a hundredth, rather than found by codes of which all are read

# FAISS's stubs describe the classes of C++, not the Python constructors put over them
_parameters: Any = faiss.SearchParameters
_parameters_ivf: Any = faiss.SearchParametersIVF
_bitmap: Any = faiss.IDSelectorBitmap


class VectorIndex:
    """A FAISS inner-product index over the rows of a `VectorFile`. Safe to use from threads.

    The index is mapped, not read, unless its kind has to be: memory holds the parts that searches
    touch, and the system may drop those. Scores are exact cosines to half precision whatever the
    kind of the index, since what FAISS finds is scored again by the rows.
    """

    def __init__(self, path: Path, rows: Rows) -> None:
        """Open the index at `path`, made from `rows`, shape (n, dimension).

        Raises IndexingError when it is no FAISS index, or one of other rows, and ShortageError.
        """
        self._index: Any = _mapped(path)
        self.size: int = self._index.ntotal
        self.dimension: int = self._index.d
        if (self.size, self.dimension) != rows.shape:
            raise IndexingError(
                f"{path} and the vectors beside it do not belong together: build it again"
            )
        self._rows = rows.view(np.ndarray) if isinstance(rows, np.memmap) else rows  # faster
        self._lists: int = getattr(self._index, "nlist", 0)
        self._selects = not isinstance(self._index, faiss.IndexPQFastScan)
        self._widening = _widening(self._index, path)

    def search(
        self, vectors: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> list[list[Hit]]:
        """Return, for each row of `vectors`, at most `k` hits by descending inner product.

        With `allowed`, ascending ids of shape (m,), only these are searched, and min(k, m) of them
        come back.
        """
        vectors = np.ascontiguousarray(vectors, np.float32)
        among = self.size if allowed is None else len(allowed)
        if min(k, among) == 0:
            return [[] for _ in vectors]
        if allowed is not None and among <= self._few:
            return [self._best(vector, allowed, k) for vector in vectors]
        with _one_core():
            found = self._find(vectors, min(k, among), among, allowed)
        return [
            self._best(vector, np.sort(ids[ids >= 0]), k)
            for vector, ids in zip(vectors, found, strict=True)
        ]

    def cosines(self, vector: NDArray[np.float32], ids: Sequence[int]) -> dict[int, float]:
        """Return the inner product of `vector`, shape (dimension,), with each of these rows."""
        if not ids:
            return {}
        scores = self._scores(vector, np.array(ids, np.int64))
        return dict(zip(ids, scores.tolist(), strict=True))

    @property
    def _few(self) -> int:
        """How many allowed rows are scored one and all: where finding them takes as long."""
        if self._selects:
            return _FEW if self._lists else 0
        return max(_FEW_SCANNED, self.size // 100)

    def _find(
        self,
        vectors: NDArray[np.float32],
        needed: int,
        among: int,
        allowed: NDArray[np.int64] | None,
    ) -> NDArray[np.int64]:
        """Return the ids of likely rows, `needed` at least; shape (n, any), -1 where none is."""
        count = min(among, max(needed, _FEWEST) * self._widening)
        if not self._selects and allowed is not None:
            return self._sift(vectors, count, allowed)
        selector = None if allowed is None else _selector(allowed, self.size)
        if not self._lists:
            only = None if selector is None else _parameters(sel=selector)
            return np.asarray(self._index.search(vectors, count, params=only)[1])
        probes = _PROBES * self.size // among  # as many rows as without a restriction
        while True:
            some = _parameters_ivf(sel=selector, nprobe=min(probes, self._lists))
            found = np.asarray(self._index.search(vectors, count, params=some)[1])
            if probes >= self._lists or (found[:, needed - 1] >= 0).all():
                return found
            probes *= 4

    def _sift(
        self, vectors: NDArray[np.float32], count: int, allowed: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return what `_find` does, at least half of `count` ids, from an index without selectors.

        More are asked for, as many as are thrown away again. Where too few are left, the allowed
        rows are far from the question: then a few of them are all returned, and of many more are
        asked for.
        """
        permitted = np.zeros(self.size, np.bool_)
        permitted[allowed] = True
        asked = count * self.size // len(allowed)
        while True:
            found = np.asarray(self._index.search(vectors, min(asked, self.size))[1])
            right = permitted[found] & (found >= 0)
            if asked >= self.size or (right.sum(1) >= count / 2).all():
                return np.where(right & (right.cumsum(1) <= count), found, -1)
            if len(allowed) <= _FEW:
                return np.tile(allowed, (len(vectors), 1))
            asked *= 4

    def _best(self, vector: NDArray[np.float32], ids: NDArray[np.int64], k: int) -> list[Hit]:
        """Return the best `k` of these rows; of equal ones, those that come first."""
        if not ids.size:  # FAISS finds none for a vector of zeros among codes
            return []
        scores = self._scores(vector, ids)
        best = np.argsort(-scores, kind="stable")[:k]
        return list(map(Hit, ids[best].tolist(), scores[best].tolist()))

    def _scores(self, vector: NDArray[np.float32], ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the inner product of `vector` with these rows, shape (len(ids),)."""
        parts = [
            np.vecdot(_single(self._rows[ids[at : at + _SLAB]]), vector)
            for at in range(0, len(ids), _SLAB)
        ]
        return np.concatenate(parts)


def _single(rows: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return finite rows in single precision, exactly as `astype` does.

    That takes several times as long, one number at a time. Here the bits of exponent and fraction
    move to where a single has them, and a product mends the exponent's bias.
    """
    wide = rows.view(np.int16).astype(np.int32)
    wide <<= 13
    wide &= _SIGN_AND_HALF
    single = wide.view(np.float32)
    single *= _BIAS
    return single


def _mapped(path: Path) -> Any:  # noqa: ANN401 - FAISS's stubs lack the wrappers
    """Return the FAISS index at `path`, mapped. Raises IndexingError when there is none."""
    try:
        with path.open("rb") as file:
            head = file.read(_SMALLEST)
        if len(head) < _SMALLEST:
            raise ValueError(f"it has {len(head)} bytes")  # noqa: TRY301 - as FAISS would
        # codes that are searched fast are read in any case; mapped, a file cut short would crash
        flags = 0 if head.startswith(_FAST_SCAN) else faiss.IO_FLAG_MMAP_IFC
        return faiss.read_index(os.fspath(path), flags)
    except (OSError, RuntimeError, ValueError) as error:
        raise unopened(path, error, "is not a FAISS index") from error


def _widening(index: Any, path: Path) -> int:  # noqa: ANN401 - FAISS's stubs lack the wrappers
    """Return how many times as many rows as are wanted FAISS is asked for, to be scored again."""
    if isinstance(index, faiss.IndexIVFPQ):
        return 20
    if isinstance(index, faiss.IndexPQFastScan):
        return 4
    if isinstance(index, faiss.IndexScalarQuantizer):
        return 1 if index.sq.qtype == faiss.ScalarQuantizer.QT_fp16 else 2
    raise IndexingError(f"{path} is of a kind that is not served: build the index again")


def _selector(allowed: NDArray[np.int64], size: int) -> Any:  # noqa: ANN401 - FAISS's stubs lack the wrappers
    """Return a selector of these ids among `size`: a bit for each."""
    chosen = np.zeros(size, np.bool_)
    chosen[allowed] = True
    return _bitmap(np.packbits(chosen, bitorder="little"))


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep FAISS from starting threads of its own for this thread: a question gains none by them.

    Waiting for each other they take twice the time where the cores have other work.
    """
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
