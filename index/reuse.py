"""Takes over vectors from the version that is published, for passages that have not changed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from index.manifest import current_version, read_manifest
from index.passages import PassageStore
from index.search import PASSAGES
from index.types import IndexingError
from index.vectors import EMBEDDINGS, VectorFile

Row = tuple[str, str, str]
"""Title, section and text of a passage: all that its vector depends on."""


class KnownVectors:
    """The vectors of one version, found by what was embedded."""

    def __init__(self, store: PassageStore | None, vectors: NDArray[np.float16]) -> None:
        """Take a store and its vectors, shape (passages, dimension); None knows no vector."""
        self._store = store
        self._vectors = vectors

    @classmethod
    def of(cls, index_dir: Path, encoder: str, *, use: bool) -> Self:
        """Return the vectors of the version that is published.

        None is known unless `use`, nor where no version is published, where another encoder made
        its vectors, and where its vector file was left out.
        """
        nothing = np.zeros((0, 0), np.float16)
        try:
            folder = current_version(index_dir)
            manifest = read_manifest(folder)
            if not use or manifest.encoder != encoder:
                return cls(None, nothing)
            store = PassageStore(folder / PASSAGES)
        except IndexingError:
            return cls(None, nothing)
        file = VectorFile(folder / EMBEDDINGS, manifest.dimension)
        if file.rows != store.passages:
            store.close()
            return cls(None, nothing)
        return cls(store, file.read())

    def find(self, rows: Sequence[Row]) -> dict[int, NDArray[np.float32]]:
        """Return the vectors, shape (dimension,), of those rows that are known, by place."""
        if self._store is None:
            return {}
        same = self._store.find(rows).items()
        return {place: np.asarray(self._vectors[id_], np.float32) for place, id_ in same}

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()
