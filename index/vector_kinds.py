"""The kinds of vector index, which of them fits how many passages, and how one is built.

    fp16    every vector in half precision, all of them compared: exact
    pq4     every two components in 4 bits, product-quantised, all of them compared with what the
            processor's registers hold (André, Kermarrec and Le Scouarnec, 2015)
    sq8     a byte for each component, all of them compared
    ivfpq   the vectors in lists around centroids, and of each the product-quantised difference to
            its centroid (Jégou et al., 2011): only the lists nearest to a question are compared

docs/decisions/0009 tells why these, and where the bounds between them come from.
"""

import math
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from index.types import IndexingError

AUTO = "auto"
EXACT = "fp16"
KINDS = (EXACT, "pq4", "sq8", "ivfpq")
"""The names of the kinds, as `--vector-index` takes them and a manifest holds them."""

_MOST_EXACT = 30_000  # vectors that are searched without any loss
_MOST_SCANNED = 1_000_000  # vectors that are all compared
_FEWEST = {
    EXACT: 0,
    "pq4": 16,  # one for each centroid
    "sq8": 1,
    "ivfpq": 9_984,  # 39 for each of a sub-quantiser's 256 centroids, as FAISS advises
}
_MOST_LISTS = 16_384
_SAMPLE = 65_536  # vectors to train with, or _PER_LIST for each list, where those are more
_PER_LIST = 16
_COMPONENTS = 8  # that one byte of ivfpq stands for, where that divides the dimension
_COMPONENTS_PQ4 = 2  # that 4 bits of pq4 stand for, likewise
_ROUNDS = 10  # of k-means; more move the centroids hardly
_PQ_POINTS = 64  # training vectors for each centroid of a sub-quantiser
_SLAB = 65_536  # rows converted at a time

# FAISS's stubs know neither the Python constructor nor that an index can be written so
_writer: Any = faiss.PyCallbackIOWriter
_write: Any = faiss.write_index


def kind_for(passages: int) -> str:
    """Return the kind that fits so many passages.

    >>> kind_for(9_000), kind_for(1_000_000), kind_for(20_000_000)
    ('fp16', 'pq4', 'ivfpq')
    """
    if passages <= _MOST_EXACT:
        return EXACT
    return "pq4" if passages <= _MOST_SCANNED else "ivfpq"


def resolved(kind: str, passages: int) -> str:
    """Return which one of `KINDS` a kind is for so many passages: that of `AUTO` follows from them.

    >>> resolved("auto", 90_000), resolved("fp16", 90_000)
    ('pq4', 'fp16')
    """
    return kind_for(passages) if kind == AUTO else kind


def check_kind(kind: str, passages: int) -> None:
    """Raise IndexingError for a kind that there is not, or that needs more passages than these."""
    kind = resolved(kind, passages)
    if kind not in KINDS:
        raise IndexingError(f"there is no vector index {kind!r}: choose one of {', '.join(KINDS)}")
    fewest = _FEWEST[kind]
    if passages < fewest:
        other = "fp16 or pq4" if passages >= _FEWEST["pq4"] else "fp16"
        raise IndexingError(
            f"a vector index of the kind {kind} needs {fewest:,} passages, and there are "
            f"{passages:,}: choose {other}"
        )


def build_faiss(vectors: NDArray[np.float16], path: Path, kind: str = AUTO) -> str:
    """Write a FAISS inner-product index of `vectors`, shape (n, dimension); return its kind.

    `kind` is one of `KINDS` or `AUTO`. The same vectors make the same file. Memory beyond the
    index itself is bounded: training takes a sample, and vectors are added slab by slab.

    Raises IndexingError when the file cannot be written, and for too few vectors for `kind`.
    """
    check_kind(kind, len(vectors))
    kind = resolved(kind, len(vectors))
    index = _empty(kind, *vectors.shape)
    if not index.is_trained:
        index.train(_sample(vectors, _lists(len(vectors)) if kind == "ivfpq" else 0))
    for at in range(0, len(vectors), _SLAB):
        index.add(np.ascontiguousarray(vectors[at : at + _SLAB], np.float32))
    try:
        with path.open("wb") as file:  # FAISS's own file does not say when closing it fails
            _write(index, _writer(file.write))
    except (OSError, RuntimeError) as error:
        raise IndexingError(f"{path} cannot be written: is the disk full?") from error
    return kind


def _empty(kind: str, count: int, dimension: int) -> Any:  # noqa: ANN401 - FAISS's stubs lack most fields
    """Return a FAISS index without vectors, of a kind that fits `count` of them."""
    if kind == EXACT:
        return faiss.index_factory(dimension, "SQfp16", faiss.METRIC_INNER_PRODUCT)
    if kind == "sq8":
        return faiss.index_factory(dimension, "SQ8", faiss.METRIC_INNER_PRODUCT)
    if kind == "pq4":
        return _pq4(dimension)
    pieces = _pieces(dimension, _COMPONENTS)
    text = f"IVF{_lists(count)},PQ{pieces}np"  # no polysemous training: unused, and slow
    index: Any = faiss.index_factory(dimension, text, faiss.METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid = 1  # the sample's size is chosen above; don't print about it
    index.cp.niter = index.pq.cp.niter = _ROUNDS
    index.pq.cp.max_points_per_centroid = _PQ_POINTS
    return index


def _pq4(dimension: int) -> Any:  # noqa: ANN401 - FAISS's stubs lack most fields
    pieces = _pieces(dimension, _COMPONENTS_PQ4)
    index: Any = faiss.index_factory(dimension, f"PQ{pieces}x4fs", faiss.METRIC_INNER_PRODUCT)
    index.pq.cp.min_points_per_centroid = 1  # don't print that there are few
    return index


def _pieces(dimension: int, components: int) -> int:
    """Return into how many pieces of as many components, or more, a vector is cut evenly."""
    return next(n for n in range(max(1, dimension // components), 0, -1) if dimension % n == 0)


def _lists(count: int) -> int:
    """Return the power of two nearest to 4 √count: lists enough that few are compared."""
    return min(_MOST_LISTS, 1 << round(math.log2(4 * math.sqrt(count))))


def _sample(vectors: NDArray[np.float16], lists: int) -> NDArray[np.float32]:
    """Return a bounded random sample of the rows, in their order, the same every time."""
    size = max(_SAMPLE, _PER_LIST * lists)
    if len(vectors) <= size:
        return np.asarray(vectors, np.float32)
    draw = np.random.default_rng(0)
    rows = np.sort(draw.choice(len(vectors), size, replace=False, shuffle=False))
    sample = np.empty((size, vectors.shape[1]), np.float32)
    for at in range(0, size, _SLAB):
        sample[at : at + _SLAB] = vectors[rows[at : at + _SLAB]]
    return sample
