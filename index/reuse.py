"""Takes over vectors from the version that is published, for passages that have not changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.manifest import read_manifest
from index.passages import PASSAGES, PassageStore
from index.types import IndexingError
from index.vector_files import EMBEDDINGS, VectorFile
from index.word_vectors import Codes, WordVectors

Row = tuple[str, str, str]
"""Title, section and text of a passage: all that its vector depends on."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """The vectors of n passages, shape (n, dimension), and the codes of the words of each.

    `codes` is empty where there are no vectors of words.
    """

    vectors: NDArray[np.float16]
    codes: list[Codes]


class KnownVectors:
    """The vectors of one version, found by what was embedded.

    Versions hold most passages in the same order. So a row is looked for where the one before it
    was found, which reads the store from front to back, and only then by its digest.
    """

    def __init__(self, folder: Path) -> None:
        """Open the version in `folder`. Raises IndexingError when it is damaged."""
        manifest = read_manifest(folder)
        file = VectorFile(folder / EMBEDDINGS, manifest.dimension)
        self._store = PassageStore(folder / PASSAGES)
        if file.rows != self._store.passages:
            self._store.close()
            raise IndexingError(
                f"{folder / EMBEDDINGS} holds {file.rows:,} vectors of {self._store.passages:,} "
                "passages: build the index again"
            )
        self._vectors = file.read()
        words = manifest.word_dimension
        self._words = WordVectors(folder, words) if words else None
        self._next = 0

    def find(self, rows: Sequence[Row]) -> tuple[list[int], Known]:
        """Return the places of those rows that are known, ascending, and what is known of them."""
        near = self._store.texts(self._next, self._next + len(rows))
        id_of = {row: self._next + n for n, row in enumerate(near)}
        ids = {place: id_of[row] for place, row in enumerate(rows) if row in id_of}
        far = [place for place in range(len(rows)) if place not in ids]
        elsewhere = self._store.find([rows[place] for place in far])
        ids |= {far[n]: id_ for n, id_ in elsewhere.items()}
        places = sorted(ids)
        if places:
            self._next = ids[places[-1]] + 1
        found = [ids[place] for place in places]
        codes = [self._words.codes(id_) for id_ in found] if self._words else []
        return places, Known(self._vectors[found], codes)

    def close(self) -> None:
        """Close the store and the words."""
        self._store.close()
        if self._words:
            self._words.close()
