"""Brings a published index up to date with its corpus; only what is new is embedded."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from index.builder import BuildReport, arguments_of, complete, expect_apart, report_of
from index.changes import Changes, Counts, changes
from index.chunking import Chunker
from index.embedding import Encode, EncoderSpec
from index.manifest import Manifest, current_version
from index.passages import PASSAGES, PassageStore
from index.reading import ParsesRead, lost_parses, read_corpus
from index.reuse import KnownVectors
from index.search import checked
from index.types import IndexingError, Watched
from index.unfinished import alone, begin, discard, explained, remove_scaffolds
from index.vector_kinds import AUTO, check_kind, resolved

_TRIAL = ".trial"
_MOST_LOST = 0.2  # of the papers, or of the passages: what an update drops without being asked


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """What an update changed, or would; `built` is None when no version was published.

    `becomes` is the kind of vector index that it then has, where another one was asked for, or the
    same one by choice that the number of passages had chosen, or the other way round.
    """

    version: str
    changes: Changes
    becomes: str | None
    built: BuildReport | None

    @property
    def needed(self) -> bool:
        """Whether there is a reason to publish a version."""
        return self.changes.any_change or self.becomes is not None


def update_index(
    corpus: Path,
    index_dir: Path,
    encoder: str,
    encode: Encode,
    progress: Watched,
    *,
    workers: int = 0,
    resume: bool = False,
    dry_run: bool = False,
    vector_index: str | None = None,
    questions: Sequence[str] = (),
    allow_loss: bool = False,
    scratch: Path | None = None,
) -> UpdateReport:
    """Publish a version of the index in `index_dir` that holds what `corpus` holds now.

    Passages that the current version holds as they are keep their vectors. When nothing has
    changed and no other kind of vector index is asked for, nothing is published. `encoder` is the
    encoder's name; `encode` is called only when there is something to embed, or questions to
    measure a vector index by, and may wait till then with loading a model. With `resume`, an
    update that was cut off goes on; with `dry_run`, the index and any unfinished build stay as
    they are; it works in the folder `scratch`, if that is given, and writes nothing to that of the
    index. `vector_index` and `questions` are those of `build_index`; by default a kind that was
    chosen stays, as it may have been chosen for a machine's memory.

    Raises CorpusError for a corpus that cannot be read and IndexingError for an index that is not
    there, is damaged, is of another encoder or chunker, cannot be written, or lies in the corpus or
    around it; and, unless `allow_loss`, when so much would be lost that the corpus seems not to be
    all there. What is published stays as it was.
    """
    started = time.monotonic()
    expect_apart(corpus, index_dir)
    arguments = arguments_of("update_index", corpus, encoder)
    current_version(index_dir)  # before `alone` would make the folder
    aside = dry_run and scratch is not None
    with explained(index_dir, dry_run=True) if aside else alone(index_dir, dry_run=dry_run):
        current, manifest = _updatable(index_dir, encoder)
        if dry_run:
            building = _trial(index_dir, scratch)
        else:
            discard(index_dir / _TRIAL)
            building = begin(index_dir, arguments, progress, resume=resume)
        try:
            passages = building / PASSAGES
            read = read_corpus(corpus, building, passages, progress, limit=None, workers=workers)
            found = changes(current / PASSAGES, passages)
        finally:
            if dry_run:
                discard(building)
        report = UpdateReport(current.name, found, _becomes(manifest, vector_index), None)
        kind = vector_index or _chosen(manifest)
        if report.needed and found.passages.now:
            check_kind(kind, found.passages.now)
        lost = [] if allow_loss or not found.passages.now else _lost(found, read, current)
        if dry_run:
            if lost:
                progress.note(f"warning: the update needs --allow-loss: {'; '.join(lost)}")
            return report
        if lost:
            raise IndexingError(
                f"{'; '.join(lost)}: see that all of {corpus} is there, or give --allow-loss "
                "(with --resume, nothing is read again). Nothing was published"
            )
        if not report.needed:
            discard(building)
            return report
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
        built = report_of(folder, started)
        remove_scaffolds(folder)
        return replace(report, version=folder.name, built=built)


def _trial(index_dir: Path, scratch: Path | None) -> Path:
    """Return an empty folder that a dry run works in: in `scratch`, or else in the index's own."""
    if scratch is not None:
        return Path(tempfile.mkdtemp(prefix="covidquest-", dir=scratch))
    trial = index_dir / _TRIAL
    discard(trial)  # of a dry run that was killed
    trial.mkdir()
    return trial


def _lost(found: Changes, read: ParsesRead, current: Path) -> list[str]:
    """Return in words what an update would lose beyond what updates usually do."""
    papers, passages = found.papers, found.passages
    gone = passages.dropped - passages.added  # what is cut anew is dropped and added, and not lost
    lost = [
        f"{number:,} of {present:,} {name} would go"
        for name, number, present in [
            ("papers", papers.dropped, _present(papers)),
            ("passages", gone, _present(passages)),
        ]
        if number > _MOST_LOST * present
    ]
    if read.mostly_lost and not _were_lost_before(current, read):
        lost.append(str(read))
    return lost


def _present(counts: Counts) -> int:
    return counts.changed + counts.kept + counts.dropped


def _were_lost_before(current: Path, read: ParsesRead) -> bool:
    """Return whether the version that is there lacks half of these parses or more, too."""
    with closing(PassageStore(current / PASSAGES)) as store:
        return 2 * lost_parses(store) >= read.unreadable


def _chosen(manifest: Manifest) -> str:
    """Return the kind that the vector index has because somebody wanted it, or `AUTO`."""
    return manifest.vector_index if manifest.vector_index_chosen else AUTO


def _becomes(manifest: Manifest, wanted: str | None) -> str | None:
    """Return the kind that is wanted instead of what there is, or for another reason, if any."""
    if wanted is None:
        return None
    kind, chosen = resolved(wanted, manifest.passages), wanted != AUTO
    return None if (kind, chosen) == (manifest.vector_index, manifest.vector_index_chosen) else kind


def _updatable(index_dir: Path, encoder: str) -> tuple[Path, Manifest]:
    """Return folder and manifest of the current version, verified. Raises IndexingError."""
    folder, manifest = checked(index_dir)
    if manifest.encoder != encoder:
        raise IndexingError(
            f"the index {index_dir} was built with the encoder {manifest.encoder}, and this is "
            f"{encoder}: give --encoder the folder of that one, or build the index again with "
            "scripts.build_index"
        )
    if _lengths(manifest.chunker) != _lengths(Chunker().name):
        raise IndexingError(
            f"the index {index_dir} was cut by {manifest.chunker}, and this program cuts by "
            f"{Chunker().name}, so no passage would stay: build it again with scripts.build_index"
        )
    return folder, manifest


def _lengths(chunker: str) -> str:
    """Return a chunker's name without its version: most passages are cut alike by both."""
    return chunker.rpartition("/")[0]
