"""Embeds the passages of a store, in blocks; a killed run goes on after its last whole block."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from files.writing import write_durably
from index.passages import PassageStore
from index.reuse import Known, KnownVectors
from index.types import IndexingError, Progress
from index.vector_files import EMBEDDINGS, VectorFile
from index.word_vectors import Codes, WordVectorFile, quantised

BLOCK = 1024
"""Passages that are sorted by length together, and lie between two checkpoints: about a minute on
two slow cores (docs/evaluation.md)."""

_AT_ONCE = 256  # of these that go to the encoder in one call: whole batches of all usual sizes
_PAGE = 256  # passages that are read and looked up at a time
_WIDEST = 16  # blocks' worth of passages that one block spans at most, the known ones counted


class Embedded(Protocol):
    """What an encoder makes of n texts.

    `vectors` has shape (n, dimension), float32; `words` holds, for each text, the vectors of its
    words, shape (words, word_dimension), float32.
    """

    @property
    def vectors(self) -> NDArray[np.float32]: ...  # noqa: D102 - as above

    @property
    def words(self) -> Sequence[NDArray[np.float32]]: ...  # noqa: D102


Encode = Callable[[Sequence[str]], Embedded]


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """The encoder as the builder needs it: who it is, and how to call it.

    `word_dimension` is 0 where it makes no vectors of words.
    """

    name: str
    dimension: int
    encode: Encode
    word_dimension: int = 0


class EmbeddingFiles:
    """The vectors of the passages, and those of their words where the encoder makes any."""

    def __init__(self, folder: Path, dimension: int, word_dimension: int) -> None:
        """Open the files in `folder`; they need not exist."""
        self.vectors = VectorFile(folder / EMBEDDINGS, dimension)
        self.words = WordVectorFile(folder, word_dimension) if word_dimension else None

    @property
    def rows(self) -> int:
        """The number of passages that are whole in the files."""
        rows = self.vectors.rows
        return min(rows, self.words.rows) if self.words else rows

    def truncate(self, rows: int) -> None:
        """Drop everything after the first `rows` passages."""
        self.vectors.truncate(rows)
        if self.words:
            self.words.truncate(rows)

    def append(self, vectors: NDArray[np.float32], codes: Sequence[Codes]) -> None:
        """Append passages, durably: their vectors, shape (n, dimension), and their words' codes."""
        self.vectors.append(vectors)
        if self.words:
            self.words.append(codes)


@dataclass(slots=True)
class _Block:
    """Consecutive passages: the texts to be embedded, and what is known already, by place."""

    size: int = 0
    places: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    known: list[tuple[NDArray[np.int64], Known]] = field(default_factory=list)


def embedding_text(title: str, section: str, text: str) -> str:
    """Return what the encoder sees of a passage: its paper's title, its section, its text."""
    heading = f"{title}. {section}" if section else title
    return f"{heading}\n{text}"


def embed(
    store: PassageStore,
    files: EmbeddingFiles,
    checkpoint: Path,
    encoder: EncoderSpec,
    progress: Progress,
    *,
    known: KnownVectors | None = None,
) -> None:
    """Append what `files` lack, in the order of the passages.

    The file `checkpoint` holds how many rows are done. Where a block ends depends on where it
    begins and on what is known, so a run that goes on encodes the same blocks as one left alone.
    Raises IndexingError when the encoder makes something else than vectors of these texts.
    """
    done = min(_rows_done(checkpoint), files.rows)
    files.truncate(done)
    progress.stage("embedding", store.passages, done, "passages")
    while done < store.passages:
        block = _next_block(store, known, done)
        files.append(*_embedded(block, encoder, progress))
        done += block.size
        write_durably(checkpoint, f"{done}\n")
        progress.advance(block.size - len(block.texts))


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


def _embedded(
    block: _Block, encoder: EncoderSpec, progress: Progress
) -> tuple[NDArray[np.float32], list[Codes]]:
    """Return the vectors of a block, shape (block.size, dimension), and the codes of its words.

    Progress hears of the texts that are encoded, some at a time; in the order in which an encoder
    takes them anyway, so that its batches are the same.
    """
    vectors = np.empty((block.size, encoder.dimension), np.float32)
    codes: list[Codes] = [np.empty((0, 0), np.uint8)] * block.size
    for places, found in block.known:
        vectors[places] = found.vectors
        for place, words in zip(places.tolist(), found.codes, strict=bool(found.codes)):
            codes[place] = words
    order = sorted(range(len(block.texts)), key=lambda number: len(block.texts[number]))
    for at in range(0, len(order), _AT_ONCE):
        some = order[at : at + _AT_ONCE]
        made = _encoded([block.texts[number] for number in some], encoder)
        here = [block.places[number] for number in some]
        vectors[here] = made.vectors
        if encoder.word_dimension:
            for place, vectors_of_words in zip(here, made.words, strict=True):
                codes[place] = quantised(vectors_of_words)
        progress.advance(len(some))
    return vectors, codes


def _encoded(texts: list[str], encoder: EncoderSpec) -> Embedded:
    """Encode texts. Raises IndexingError when something else than their vectors is made."""
    made = encoder.encode(texts)
    expected = (len(texts), encoder.dimension)
    shapes = {words.shape[1] for words in made.words} if encoder.word_dimension else set()
    texts_with_words = len(made.words) if encoder.word_dimension else len(texts)
    if (
        made.vectors.shape != expected
        or shapes - {encoder.word_dimension}
        or texts_with_words != len(texts)
    ):
        raise IndexingError(
            f"the encoder made vectors of shape {made.vectors.shape} where {expected} was "
            f"expected, and of words {sorted(shapes)} where {encoder.word_dimension} was, for "
            f"{texts_with_words} texts: is it the model that it says it is?"
        )
    return made
