"""Builds an index: papers to passages to vectors to a published version, each stage resumable."""

import fcntl
import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.chunking import Chunker
from index.corpora.archive import find_parses
from index.corpora.metadata import read_metadata
from index.corpora.records import RecordPlan
from index.keywords import build_keywords
from index.manifest import FORMAT, Manifest, describe, publish, version_name, write_durably
from index.passages import PassageStore
from index.reading import write_passages
from index.reuse import KnownVectors
from index.search import KEYWORDS, PASSAGES, VECTORS
from index.types import IndexingError, Progress
from index.vectors import EMBEDDINGS, VectorFile, build_faiss

BLOCK = 512  # passages embedded between two checkpoints
_PLAN = "plan.sqlite"
_PARSES = "parses.sqlite"
_STATE = "build.json"

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """The encoder as the builder needs it: who it is, and how to call it."""

    name: str
    dimension: int
    encode: Encode


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What became of a corpus. Every record is indexed, merged into another, or skipped."""

    version: str
    records: int
    papers: int
    passages: int
    skipped: dict[str, int]
    unreadable: dict[str, int]
    seconds: float
    size: int


def embedding_text(title: str, section: str, text: str) -> str:
    """Return what the encoder sees of a passage: its paper's title, its section, its text."""
    heading = f"{title}. {section}" if section else title
    return f"{heading}\n{text}"


def build_index(
    corpus: Path,
    index_dir: Path,
    encoder: EncoderSpec,
    progress: Progress,
    *,
    limit: int | None = None,
    workers: int = 0,
    resume: bool = False,
    reuse: bool = False,
) -> BuildReport:
    """Build an index of the CORD-19 release in `corpus` and publish it in `index_dir`.

    With `resume`, a build that was cut off goes on where it was. With `reuse`, passages that the
    published version holds as they are keep their vectors, and only the rest are embedded.

    Raises CorpusError for a corpus that cannot be read and IndexingError for an index that cannot
    be written; what `index_dir` had published before stays as it was.
    """
    started = time.monotonic()
    chunker = Chunker()
    metadata = corpus / "metadata.csv"
    next(read_metadata(metadata), None)  # a mistyped folder shall not cost what is there
    building = index_dir / ".building"
    arguments = {
        "format": FORMAT,
        "corpus": str(corpus.resolve()),
        "limit": limit,
        "encoder": encoder.name,
        "chunker": chunker.name,
    }
    with _alone(index_dir), _explained(index_dir):
        _prepare(building, arguments, resume=resume)
        plan = RecordPlan(building / _PLAN)
        plan.make(metadata, limit)
        records, _ = plan.counts()
        parses, passages = find_parses(corpus, building / _PARSES), building / PASSAGES
        write_passages(plan, parses, chunker, passages, progress, workers=workers)
        store = PassageStore(passages)
        with closing(store):
            if store.passages == 0:
                raise IndexingError(f"{corpus} holds no text to index")
            vectors = VectorFile(building / EMBEDDINGS, encoder.dimension)
            with closing(KnownVectors.of(index_dir, encoder.name, use=reuse)) as known:
                _embed(store, vectors, encoder.encode, known, progress)
            progress.stage("publishing", 1, 0, "index")
            kind = build_faiss(vectors.read(), building / VECTORS)
            shutil.rmtree(building / KEYWORDS, ignore_errors=True)  # of a run that was cut off
            build_keywords(_titles_and_texts(store), building / KEYWORDS)
            skipped, unreadable = store.skips(), store.unreadable()
            counts = store.papers, store.passages
        files = describe(building, without=(_PLAN, _STATE))
        now = datetime.now(UTC)
        manifest = Manifest(
            format=FORMAT,
            version=version_name(now, files[PASSAGES][1]),
            built_at=now.isoformat(timespec="seconds"),
            corpus=corpus.resolve().name,
            encoder=encoder.name,
            dimension=encoder.dimension,
            metric="inner_product",
            vector_index=kind,
            chunker=chunker.name,
            papers=counts[0],
            passages=counts[1],
            files=files,
        )
        manifest.write(building)
        folder = publish(building, index_dir, manifest.version)
        for scaffold in (_PLAN, _STATE):  # only now: until CURRENT is replaced, --resume needs them
            (folder / scaffold).unlink(missing_ok=True)
    progress.advance(1)
    return BuildReport(
        version=manifest.version,
        records=records,
        papers=manifest.papers,
        passages=manifest.passages,
        skipped=skipped,
        unreadable=unreadable,
        seconds=time.monotonic() - started,
        size=sum(size for size, _ in files.values()),
    )


@contextmanager
def _alone(index_dir: Path) -> Iterator[None]:
    """Keep a second build out of `index_dir`; the lock goes with the process that holds it."""
    try:
        index_dir.mkdir(parents=True, exist_ok=True)
        lock = (index_dir / ".lock").open("w", encoding="utf-8")
    except OSError as error:
        raise IndexingError(f"{index_dir} cannot be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise IndexingError(
                f"another build is writing to {index_dir}: wait for it, or give another --index"
            ) from error
        yield


@contextmanager
def _explained(index_dir: Path) -> Iterator[None]:
    """Turn what a full disk or a damaged unfinished build raises into an IndexingError."""
    try:
        yield
    except OSError as error:
        raise IndexingError(
            f"the build in {index_dir} stopped: {error.strerror or error}; "
            "mend that and go on with --resume"
        ) from error
    except sqlite3.Error as error:
        raise IndexingError(
            f"the build in {index_dir} stopped: {error}; free space on the disk and go on with "
            "--resume, or leave it out to start afresh"
        ) from error


def _prepare(building: Path, arguments: dict[str, object], *, resume: bool) -> None:
    """Make the folder of the build, or check that the one that is there is of the same build."""
    state = building / _STATE
    if resume and state.is_file():
        try:
            before = dict(json.loads(state.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise IndexingError(
                f"{state} is damaged: leave out --resume to start afresh"
            ) from error
        different = [name for name in arguments if before.get(name) != arguments[name]]
        if different:
            raise IndexingError(
                f"the unfinished build in {building} has another {', '.join(different)}: "
                "give the same arguments, or leave out --resume to start afresh"
            )
        return
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    write_durably(state, json.dumps(arguments))


def _embed(
    store: PassageStore,
    vectors: VectorFile,
    encode: Encode,
    known: KnownVectors,
    progress: Progress,
) -> None:
    """Append the vectors that `vectors` lacks, a block at a time.

    Blocks begin at the same passages in every run, so a resumed build ends in the same vectors.
    """
    done = vectors.rows // BLOCK * BLOCK if vectors.rows < store.passages else store.passages
    vectors.truncate(done)
    progress.stage("embedding", store.passages, done, "passages")
    for start in range(done, store.passages, BLOCK):
        rows = store.texts(start, start + BLOCK)
        found = known.find(rows)
        new = [place for place in range(len(rows)) if place not in found]
        made = encode([embedding_text(*rows[place]) for place in new])
        if len(made) != len(new):
            raise IndexingError(f"the encoder made {len(made)} vectors of {len(new)} texts")
        found |= dict(zip(new, made, strict=True))
        vectors.append(np.array([found[place] for place in range(len(rows))], np.float32))
        progress.advance(len(rows))


def _titles_and_texts(store: PassageStore) -> Iterator[tuple[str, str]]:
    for start in range(0, store.passages, BLOCK):
        for title, _, text in store.texts(start, start + BLOCK):
            yield title, text
