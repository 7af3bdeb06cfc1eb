"""Embeds the passages of a store, in blocks; a killed run goes on after its last whole block."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.manifest import write_durably
from index.passages import PassageStore
from index.reuse import KnownVectors
from index.types import IndexingError
from index.vectors import VectorFile

BLOCK = 1024
"""Passages that go to the encoder in one call, which sorts them by length, and between two
checkpoints: about a minute on two slow cores (docs/evaluation.md)."""

_PAGE = 256  # passages that are read and looked up at a time
_WIDEST = 16  # blocks' worth of passages that one block spans at most, the known ones counted

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


class Progress(Protocol):
    """What a builder tells whoever watches."""

    def stage(self, name: str, total: int, done: int, unit: str) -> None:
        """Say that a stage begins, of which `done` of `total` are done already."""
        ...

    def advance(self, count: int) -> None:
        """Say that `count` more of the current stage are done."""
        ...


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """The encoder as the builder needs it: who it is, and how to call it."""

    name: str
    dimension: int
    encode: Encode


@dataclass(slots=True)
class _Block:
    """Consecutive passages: the texts to be embedded, and the vectors that are known, by place."""

    size: int = 0
    places: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    known: list[tuple[NDArray[np.int64], NDArray[np.float16]]] = field(default_factory=list)


def embedding_text(title: str, section: str, text: str) -> str:
    """Return what the encoder sees of a passage: its paper's title, its section, its text."""
    heading = f"{title}. {section}" if section else title
    return f"{heading}\n{text}"


def embed(
    store: PassageStore,
    vectors: VectorFile,
    checkpoint: Path,
    encoder: EncoderSpec,
    progress: Progress,
    *,
    known: KnownVectors | None = None,
) -> None:
    """Append the vectors that `vectors` lacks, in the order of the passages.

    The file `checkpoint` holds how many rows are done. Where a block ends depends on where it
    begins and on what is known, so a run that goes on encodes the same blocks as one left alone.
    Raises IndexingError when the encoder makes something else than vectors of these texts.
    """
    done = min(_rows_done(checkpoint), vectors.rows)
    vectors.truncate(done)
    progress.stage("embedding", store.passages, done, "passages")
    while done < store.passages:
        block = _next_block(store, known, done)
        vectors.append(_vectors(block, encoder))
        done += block.size
        write_durably(checkpoint, f"{done}\n")
        progress.advance(block.size)


def _rows_done(checkpoint: Path) -> int:
    if not checkpoint.is_file():
        return 0
    try:
        return int(checkpoint.read_text(encoding="utf-8", errors="replace"))
    except ValueError as error:
        raise IndexingError(
            f"{checkpoint} is damaged: leave out --resume to start afresh"
        ) from error


def _next_block(store: PassageStore, known: KnownVectors | None, start: int) -> _Block:
    block = _Block()
    page = min(_PAGE, BLOCK)
    while len(block.texts) < BLOCK and block.size < _WIDEST * BLOCK:
        rows = store.texts(start + block.size, start + block.size + page)
        if not rows:
            break
        places, found = known.find(rows) if known else ([], None)
        if found is not None:
            block.known.append((np.array(places, np.int64) + block.size, found))
        for place in sorted(set(range(len(rows))).difference(places)):
            block.places.append(block.size + place)
            block.texts.append(embedding_text(*rows[place]))
        block.size += len(rows)
    return block


def _vectors(block: _Block, encoder: EncoderSpec) -> NDArray[np.float32]:
    """Return the vectors of a block, shape (block.size, dimension)."""
    vectors = np.empty((block.size, encoder.dimension), np.float32)
    for places, found in block.known:
        vectors[places] = found
    if block.texts:
        made = encoder.encode(block.texts)
        expected = (len(block.texts), encoder.dimension)
        if made.shape != expected:
            raise IndexingError(
                f"the encoder made vectors of shape {made.shape} where {expected} was expected: "
                "is it the model that it says it is?"
            )
        vectors[block.places] = made
    return vectors
