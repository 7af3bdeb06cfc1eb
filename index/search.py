"""An opened index: verified, ready to search, with the passages and papers behind its hits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from index.manifest import Manifest, current_version, read_manifest, verify
from index.passages import PassageStore
from index.types import Hit, IndexingError, Paper, Passage
from index.vectors import VectorIndex


class PassageIndex:
    """One version of an index. Safe to use from several threads."""

    def __init__(self, manifest: Manifest, store: PassageStore, vectors: VectorIndex) -> None:
        """Join the parts; `open` finds and checks them."""
        self.manifest = manifest
        self._store = store
        self._vectors = vectors

    @classmethod
    def open(cls, index_dir: Path, encoder: str | None = None) -> Self:
        """Open the current version of an index; `encoder` and the errors are those of `checked`."""
        folder, manifest = checked(index_dir, encoder)
        store = PassageStore(folder / "passages.sqlite")
        vectors = VectorIndex(folder / "vectors.faiss")
        found = (store.papers, store.passages, vectors.size, vectors.dimension)
        said = (manifest.papers, manifest.passages, manifest.passages, manifest.dimension)
        if found != said:
            raise IndexingError(
                f"the parts of the index {folder} do not belong together: build it again"
            )
        return cls(manifest, store, vectors)

    def search(self, vector: NDArray[np.float32], k: int) -> list[Hit]:
        """Return at most `k` hits for a unit vector of shape (dimension,), best first."""
        return self._vectors.search(vector[None, :], k)[0]

    def passages(self, ids: Sequence[int]) -> list[Passage]:
        """Return the passages of these ids, in their order."""
        return self._store.get(ids)

    def papers(self, cord_uids: Sequence[str]) -> dict[str, Paper]:
        """Return the papers of these cord_uids, by cord_uid."""
        return self._store.get_papers(cord_uids)


def checked(index_dir: Path, encoder: str | None = None) -> tuple[Path, Manifest]:
    """Return folder and manifest of the current version, after verifying every file of it.

    With `encoder`, the name of the encoder that questions will be embedded with, an index built
    by another one is refused. Raises IndexingError for that, for an index that is not there, and
    for a file that is missing or altered.
    """
    folder = current_version(index_dir)
    manifest = read_manifest(folder)
    if encoder is not None and manifest.encoder != encoder:
        raise IndexingError(
            f"the index {index_dir} was built with the encoder {manifest.encoder}, and questions "
            f"would be embedded with {encoder}: use that encoder, or build the index again"
        )
    verify(folder, manifest)
    return folder, manifest
