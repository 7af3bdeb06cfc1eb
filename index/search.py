"""An opened index: verified, ready to search, with the passages and papers behind its hits."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from index.filters import Filters
from index.hybrid import Candidate, Candidates, HybridSearch
from index.keywords import KEYWORDS, KeywordIndex
from index.manifest import Manifest, current_version, read_manifest, verify
from index.opening import opening
from index.passages import PASSAGES, PassageStore
from index.spelling import Spelling
from index.types import IndexingError, MisfitError, Paper, Passage
from index.vector_files import EMBEDDINGS, VectorRows
from index.vectors import VECTORS, VectorIndex
from index.word_vectors import CODES, COUNTS, WordVectors


class PassageIndex(HybridSearch):
    """One version of an index. Safe to use from several threads."""

    def __init__(
        self,
        store: PassageStore,
        vectors: VectorIndex,
        keywords: KeywordIndex,
        words: WordVectors | None,
        *,
        manifest: Manifest,
        spelling: Spelling,
    ) -> None:
        """Join the parts; `open` finds and checks them."""
        super().__init__(store, vectors, keywords, words)
        self._spelling = spelling
        self.manifest = manifest
        self.facets = store.facets()

    @classmethod
    def open(
        cls,
        index_dir: Path,
        encoder: str | None = None,
        *,
        ordinary: Collection[str] = (),
        verified: str = "",
    ) -> Self:
        """Open the current version of an index; `encoder` and the errors are those of `checked`.

        `ordinary` words are not taken for misspelt ones though no passage has them. The files of
        the version `verified` are not read once more: whoever names it has just done so. Raises
        IndexingError also for parts that do not belong together, and what `of` does.
        """
        folder, manifest = described(index_dir, encoder)
        if folder.name != verified:
            verify(folder, manifest)
        return cls.of(folder, manifest, ordinary=ordinary)

    @classmethod
    def of(cls, folder: Path, manifest: Manifest, *, ordinary: Collection[str] = ()) -> Self:
        """Open a version whose files are as its manifest says.

        Raises IndexingError when its parts do not belong together, and ShortageError.
        """
        with opening(folder):
            return cls._of(folder, manifest, ordinary)

    @classmethod
    def _of(cls, folder: Path, manifest: Manifest, ordinary: Collection[str]) -> Self:
        store = PassageStore(folder / PASSAGES)
        rows = VectorRows(folder / EMBEDDINGS, manifest.dimension)
        vectors = VectorIndex(folder / VECTORS, rows)
        keywords = KeywordIndex(folder / KEYWORDS)
        has_words = CODES in manifest.files
        words = WordVectors(folder, manifest.word_dimension) if has_words else None
        sizes = {store.passages, vectors.size, keywords.size, *([words.size] if words else [])}
        if (store.papers, sizes, vectors.dimension) != (
            manifest.papers,
            {manifest.passages},
            manifest.dimension,
        ):
            raise IndexingError(
                f"the parts of the index {folder} do not belong together: build it again"
            )
        spelling = Spelling.open(folder, manifest.passages, ordinary)
        return cls(store, vectors, keywords, words, manifest=manifest, spelling=spelling)

    def corrected(self, question: str) -> str | None:
        """Return a question as it is meant to be written, by the words of the passages, or None."""
        return self._spelling.corrected(question)

    def passages(self, ids: Sequence[int]) -> list[Passage]:
        """Return the passages with these ids, in their order."""
        return self._store.get(ids)

    def papers(self, cord_uids: Sequence[str]) -> dict[str, Paper]:
        """Return the papers of these cord_uids, by cord_uid."""
        return self._store.get_papers(cord_uids)

    def of_paper(self, cord_uid: str) -> list[Passage]:
        """Return the passages of a paper, by id; none where the index does not have it."""
        return self._store.of_paper(cord_uid)

    def published_before(self, found: Candidates, date: str) -> NDArray[np.bool_]:
        """Tell of n candidates whether their papers were surely published before a date: (n,)."""
        return self._store.published_before(found.ids, date)

    def fetch(self, found: Candidates, places: Sequence[int]) -> list[Candidate]:
        """Return the candidates at these places of `found`, with passage and paper."""
        passages = self._store.get(found.ids[list(places)].tolist())
        papers = self._store.get_papers(sorted({passage.cord_uid for passage in passages}))
        rows = found.features[list(places)].tolist()
        return [
            Candidate(passage, papers[passage.cord_uid], tuple(row))
            for passage, row in zip(passages, rows, strict=True)
        ]

    def searched(self, filters: Filters) -> int:
        """Return how many passages match the filters: those that a search is among."""
        return len(self._store.matching(filters)) if filters else self.manifest.passages


def missing_parts(manifest: Manifest) -> list[str]:
    """Return the names of what an index needs and a manifest does not list, sorted."""
    parts = {name.split("/")[0] for name in manifest.files}
    words = {CODES, COUNTS} if manifest.word_dimension else set()
    return sorted(({PASSAGES, VECTORS, EMBEDDINGS, KEYWORDS} | words) - parts)


def misfit(index_dir: Path, manifest: Manifest, encoder: str | None) -> str:
    """Return what is wrong where questions would be embedded with another encoder, else ""."""
    if encoder in {None, manifest.encoder}:
        return ""
    return (
        f"the index {index_dir} was built with the encoder {manifest.encoder}, and questions would "
        f"be embedded with {encoder}: use that encoder (COVIDQUEST_ENCODER, or a command's "
        "--encoder), or build the index again"
    )


def checked(index_dir: Path, encoder: str | None = None) -> tuple[Path, Manifest]:
    """Return folder and manifest of the current version, after verifying every file of it.

    With `encoder`, the name of the encoder that questions will be embedded with, an index built
    by another one is refused. Raises MisfitError for that and for another format, and
    IndexingError for an index that is not there and for a file that is missing or altered.
    """
    folder, manifest = described(index_dir, encoder)
    verify(folder, manifest)
    return folder, manifest


def described(index_dir: Path, encoder: str | None = None) -> tuple[Path, Manifest]:
    """Return what `checked` does, after comparing no more than the sizes of the files.

    So it takes no time, and a flipped byte goes unnoticed. Errors are those of `checked`.
    """
    folder = current_version(index_dir)
    manifest = read_manifest(folder)
    if wrong := misfit(index_dir, manifest, encoder):
        raise MisfitError(wrong)
    if missing := missing_parts(manifest):
        raise IndexingError(f"the index {folder} has no {', '.join(missing)}: build it again")
    verify(folder, manifest, content=False)
    return folder, manifest
