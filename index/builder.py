"""Builds an index: papers to passages to vectors to a published version, each stage resumable."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from files.checksums import sha256
from index.chunking import Chunker
from index.corpora.archive import find_parses
from index.corpora.metadata import read_metadata
from index.embedding import EmbeddingFiles, EncoderSpec, embed
from index.keywords import KEYWORDS, Searchable, build_keywords
from index.manifest import (
    FORMAT,
    Manifest,
    describe,
    expect_no_version,
    publish,
    read_manifest,
    version_name,
)
from index.passages import PASSAGES, PassageStore
from index.reading import READING, read_corpus
from index.reuse import KnownVectors
from index.spelling import write_spelling
from index.survey import Survey, survey_of
from index.types import IndexingError, Progress, VectorRecall, Watched
from index.unfinished import (
    EMBEDDED,
    SCAFFOLDS,
    Arguments,
    alone,
    begin,
    just_published,
    remove_scaffolds,
)
from index.vector_kinds import AUTO, build_faiss, check_kind
from index.vector_recall import recall_of
from index.vectors import VECTORS

_PAGE = 1024  # passages that are read at a time for the keyword index


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What became of a corpus, and the version that was published; `size` is in bytes."""

    corpus: Survey
    version: str
    seconds: float
    size: int
    vector_index: str
    recall: VectorRecall | None


def build_index(
    corpus: Path,
    index_dir: Path,
    encoder: EncoderSpec,
    progress: Watched,
    *,
    limit: int | None = None,
    workers: int = 0,
    resume: bool = False,
    vector_index: str = AUTO,
    questions: Sequence[str] = (),
) -> BuildReport:
    """Build an index of the CORD-19 release in `corpus` and publish it in `index_dir`.

    With `resume`, a build that was cut off goes on where it was.

    `vector_index` is one of `index.vector_kinds.KINDS`, or chosen by the number of passages. If it
    is not exact, its recall is measured by the `questions`.

    Raises CorpusError for a corpus that cannot be read and IndexingError for an index that cannot
    be written, lies in the corpus or around it, or is one version of an index; what `index_dir` had
    published before stays as it was.
    """
    started = time.monotonic()
    expect_apart(corpus, index_dir)
    expect_no_version(index_dir)
    arguments = arguments_of("build_index", corpus, encoder.name, limit)
    with alone(index_dir):
        folder = just_published(index_dir, arguments) if resume else None
        if folder is None:
            building = begin(index_dir, arguments, progress, resume=resume)
            passages = building / PASSAGES
            read_corpus(corpus, building, passages, progress, limit=limit, workers=workers)
            folder = complete(
                corpus,
                building,
                index_dir,
                encoder,
                progress,
                vector_index=vector_index,
                questions=questions,
            )
        report = report_of(folder, started)
        remove_scaffolds(folder)
        return report


def expect_apart(corpus: Path, index_dir: Path) -> None:
    """Raise IndexingError where the folders of corpus and index are one, or one is in the other.

    Whoever replaces or removes the one would do so with the other, too.
    """
    of_corpus, of_index = corpus.resolve(), index_dir.resolve()
    how = "lies in" if of_corpus in of_index.parents else "lies around"
    if of_corpus == of_index:
        how = "is"
    elif of_corpus not in of_index.parents and of_index not in of_corpus.parents:
        return
    raise IndexingError(
        f"the index {index_dir} {how} the corpus {corpus}: give --index a folder apart from it (an "
        "index that is there can be moved as a whole)"
    )


def expect_to_build(corpus: Path, index_dir: Path) -> None:
    """See that a build can begin, before a model is loaded for it.

    Raises CorpusError and IndexingError as `build_index` does, and as little is written.
    """
    expect_apart(corpus, index_dir)
    expect_no_version(index_dir)
    next(read_metadata(corpus / "metadata.csv"), None)
    with alone(index_dir):
        pass


def arguments_of(command: str, corpus: Path, encoder: str, limit: int | None = None) -> Arguments:
    """Return what must be the same when a build goes on: papers are not read again.

    Raises CorpusError when `corpus` is none: before anything is written, so that a mistyped folder
    does not cost what is there.
    """
    metadata = corpus / "metadata.csv"
    next(read_metadata(metadata), None)
    return {
        "format": FORMAT,
        "reading": READING,
        "command": command,
        "metadata.csv": sha256(metadata),
        "document_parses": find_parses(corpus, Path()).identity(),
        "limit": limit,
        "encoder": encoder,
        "chunker": Chunker().name,
    }


def complete(
    corpus: Path,
    building: Path,
    index_dir: Path,
    encoder: EncoderSpec,
    progress: Progress,
    *,
    known: KnownVectors | None = None,
    vector_index: str,
    questions: Sequence[str],
) -> Path:
    """Make an index of the passages in `building` and publish it; return the version's folder.

    Vectors that are `known` are not made again.
    """
    with closing(PassageStore(building / PASSAGES)) as store:
        if store.passages == 0:
            raise IndexingError(f"{corpus} holds no text to index")
        check_kind(vector_index, store.passages)
        files = EmbeddingFiles(building, encoder.dimension, encoder.word_dimension)
        embed(store, files, building / EMBEDDED, encoder, progress, known=known)
        progress.stage("publishing", 1, 0, "index")
        rows = files.vectors.read()
        kind = build_faiss(rows, building / VECTORS, vector_index)
        recall = recall_of(
            kind, building / VECTORS, rows, lambda texts: encoder.encode(texts).vectors, questions
        )
        shutil.rmtree(building / KEYWORDS, ignore_errors=True)  # of a run that was cut off
        build_keywords(_searchable(store), building / KEYWORDS)
        write_spelling(store, building)
        papers, passages = store.papers, store.passages
    described = describe(building, without=SCAFFOLDS)
    now = datetime.now(UTC)
    manifest = Manifest(
        format=FORMAT,
        version=version_name(now, described[PASSAGES][1]),
        built_at=now.isoformat(timespec="seconds"),
        corpus=corpus.resolve().name,
        encoder=encoder.name,
        dimension=encoder.dimension,
        word_dimension=encoder.word_dimension,
        metric="inner_product",
        vector_index=kind,
        chunker=Chunker().name,
        papers=papers,
        passages=passages,
        files=described,
        recall=recall,
        vector_index_chosen=vector_index != AUTO,
    )
    manifest.write(building)
    folder = publish(building, index_dir, manifest.version)
    progress.advance(1)
    return folder


def report_of(folder: Path, started: float) -> BuildReport:
    """Return the report of a version that still has its scaffolds; `started` is monotonic."""
    manifest = read_manifest(folder)
    return BuildReport(
        corpus=survey_of(folder),
        version=manifest.version,
        seconds=time.monotonic() - started,
        size=sum(size for size, _ in manifest.files.values()),
        vector_index=manifest.vector_index,
        recall=manifest.recall,
    )


def _searchable(store: PassageStore) -> Iterator[Searchable]:
    for start in range(0, store.passages, _PAGE):
        yield from store.searchable(start, start + _PAGE)
