"""Brings a published index up to date with its corpus; only what is new is embedded."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from index.builder import BuildReport, arguments_of, complete, read_corpus, report_of
from index.changes import Changes, changes
from index.chunking import Chunker
from index.embedding import Encode, EncoderSpec
from index.manifest import Manifest, current_version
from index.reuse import KnownVectors
from index.search import PASSAGES, checked
from index.types import IndexingError, Progress
from index.unfinished import alone, begin, discard, remove_scaffolds
from index.vector_kinds import is_kind, kept_kind

_TRIAL = ".trial"


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """What an update changed, or would; `built` is None when no version was published.

    `needed` tells whether there was a reason for one: a change, or another kind of vector index.
    """

    version: str
    changes: Changes
    needed: bool
    built: BuildReport | None


def update_index(
    corpus: Path,
    index_dir: Path,
    encoder: str,
    encode: Encode,
    progress: Progress,
    *,
    workers: int = 0,
    resume: bool = False,
    dry_run: bool = False,
    vector_index: str | None = None,
    questions: Sequence[str] = (),
) -> UpdateReport:
    """Publish a version of the index in `index_dir` that holds what `corpus` holds now.

    Passages that the current version holds as they are keep their vectors. When nothing has
    changed and no other kind of vector index is wanted, nothing is published. `encoder` is the
    encoder's name; `encode` is called only when there is something to embed, and may wait till
    then with loading a model. With `resume`, an update that was cut off goes on; with `dry_run`,
    the index and any unfinished build stay as they are. `vector_index` and `questions` are those
    of `build_index`; by default a kind that was chosen stays, as it may have been chosen for a
    machine's memory.

    Raises CorpusError for a corpus that cannot be read and IndexingError for an index that is not
    there, is damaged, is of another encoder or chunker, or cannot be written; what is published
    stays as it was.
    """
    started = time.monotonic()
    arguments = arguments_of("update_index", corpus, encoder)
    current_version(index_dir)  # before `alone` would make the folder
    with alone(index_dir):
        current, manifest = _updatable(index_dir, encoder)
        if dry_run:
            building = index_dir / _TRIAL
            discard(building)  # of a trial that was killed
            building.mkdir()
        else:
            building = begin(index_dir, arguments, resume=resume)
        try:
            read_corpus(corpus, building, progress, limit=None, workers=workers)
            found = changes(current / PASSAGES, building / PASSAGES)
        finally:
            if dry_run:
                discard(building)
        kind = vector_index or kept_kind(manifest.vector_index, manifest.passages)
        needed = found.any_change or not is_kind(manifest.vector_index, kind, manifest.passages)
        if dry_run:
            return UpdateReport(current.name, found, needed, None)
        if not needed:
            discard(building)
            return UpdateReport(current.name, found, needed, None)
        spec = EncoderSpec(encoder, manifest.dimension, encode, manifest.word_dimension)
        with closing(KnownVectors(current)) as known:
            folder = complete(
                corpus,
                building,
                index_dir,
                spec,
                progress,
                known=known,
                vector_index=kind,
                questions=questions,
            )
        report = report_of(folder, started)
        remove_scaffolds(folder)
        return UpdateReport(folder.name, found, needed, report)


def _updatable(index_dir: Path, encoder: str) -> tuple[Path, Manifest]:
    """Return folder and manifest of the current version, verified. Raises IndexingError."""
    folder, manifest = checked(index_dir)
    if manifest.encoder != encoder:
        raise IndexingError(
            f"the index {index_dir} was built with the encoder {manifest.encoder}, and this is "
            f"{encoder}: give --encoder the folder of that one, or build the index again with "
            "scripts.build_index"
        )
    if manifest.chunker != Chunker().name:
        raise IndexingError(
            f"the index {index_dir} was cut by {manifest.chunker}, and this program cuts by "
            f"{Chunker().name}, so no passage would stay: build it again with scripts.build_index"
        )
    return folder, manifest
