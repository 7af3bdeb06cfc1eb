"""An opened index: verified, ready to search, with the passages and papers behind its hits."""

from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from index.hybrid import Candidate, HybridSearch
from index.keywords import KeywordIndex
from index.manifest import Manifest, current_version, read_manifest, verify
from index.passages import PassageStore
from index.types import IndexingError
from index.vectors import EMBEDDINGS, VectorFile, VectorIndex

PASSAGES = "passages.sqlite"
VECTORS = "vectors.faiss"
KEYWORDS = "keywords"


class PassageIndex:
    """One version of an index. Safe to use from several threads."""

    def __init__(self, manifest: Manifest, search: HybridSearch) -> None:
        """Join the parts; `open` finds and checks them."""
        self.manifest = manifest
        self._search = search

    @classmethod
    def open(cls, index_dir: Path, encoder: str | None = None) -> Self:
        """Open the current version of an index; `encoder` and the errors are those of `checked`."""
        folder, manifest = checked(index_dir, encoder)
        store = PassageStore(folder / PASSAGES)
        rows = VectorFile(folder / EMBEDDINGS, manifest.dimension).read()
        vectors = VectorIndex(folder / VECTORS, rows)
        keywords = KeywordIndex(folder / KEYWORDS)
        found = (store.papers, store.passages, vectors.size, keywords.size, vectors.dimension)
        passages = manifest.passages
        if found != (manifest.papers, passages, passages, passages, manifest.dimension):
            raise IndexingError(
                f"the parts of the index {folder} do not belong together: build it again"
            )
        return cls(manifest, HybridSearch(store, vectors, keywords))

    def candidates(self, question: str, vector: NDArray[np.float32]) -> list[Candidate]:
        """Return the passages that may answer; `vector` is the question's, shape (dimension,)."""
        return self._search.candidates(question, vector)


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
    parts = {name.split("/")[0] for name in manifest.files}
    if missing := {PASSAGES, VECTORS, EMBEDDINGS, KEYWORDS} - parts:
        raise IndexingError(
            f"the index {folder} has no {', '.join(sorted(missing))}: build it again"
        )
    verify(folder, manifest)
    return folder, manifest
