"""Builds an index: papers to passages to vectors to a published version, each stage resumable."""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.chunking import Chunker
from index.corpora.cord19 import FolderParses, RecordPlan
from index.manifest import FORMAT, Manifest, describe, publish, write_durably
from index.passages import PassageStore
from index.reading import write_passages
from index.types import IndexingError
from index.vectors import VectorFile, build_faiss

BLOCK = 512  # passages embedded between two checkpoints

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


class Progress(Protocol):
    """What a builder tells whoever watches."""

    def stage(self, name: str, total: int, done: int, unit: str) -> None:
        """Say that a stage begins, of which `done` of `total` are done already."""
        ...

    def advance(self, count: int) -> None:
        """Say that `count` more of the current stage are done."""
        ...


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
) -> BuildReport:
    """Build an index of the CORD-19 release in `corpus` and publish it in `index_dir`.

    With `resume`, a build that was cut off goes on where it was. Raises CorpusError for a corpus
    that cannot be read and IndexingError for an index that cannot be written; what `index_dir`
    had published before stays as it was.
    """
    started = time.monotonic()
    chunker = Chunker()
    building = index_dir / ".building"
    _prepare(
        building,
        {
            "format": FORMAT,
            "corpus": str(corpus.resolve()),
            "limit": limit,
            "encoder": encoder.name,
            "chunker": chunker.name,
        },
        resume=resume,
    )
    plan = RecordPlan(building / "plan.sqlite")
    plan.make(corpus / "metadata.csv", limit)
    records, papers = plan.counts()
    progress.stage("reading papers", papers, 0, "papers")
    unreadable = write_passages(
        plan,
        FolderParses(corpus),
        chunker,
        building / "passages.sqlite",
        progress.advance,
        workers=workers,
    )
    store = PassageStore(building / "passages.sqlite")
    with closing(store):
        if store.passages == 0:
            raise IndexingError(f"{corpus} holds no text to index")
        vectors = VectorFile(building / "embeddings.f16", encoder.dimension)
        _embed(store, vectors, encoder.encode, progress)
        progress.stage("publishing", 1, 0, "index")
        kind = build_faiss(vectors.read(), building / "vectors.faiss")
        skipped, counts = store.skips(), (store.papers, store.passages)
    for scaffold in ("plan.sqlite", "build.json"):
        (building / scaffold).unlink()
    files = describe(building)
    now = datetime.now(UTC)
    fingerprint = files["passages.sqlite"][1][:8]
    manifest = Manifest(
        format=FORMAT,
        version=f"{now:%Y%m%dT%H%M%S.%f}-{fingerprint}",
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
    publish(building, index_dir, manifest.version)
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


def _prepare(building: Path, arguments: dict[str, object], *, resume: bool) -> None:
    """Make the folder of the build, or check that the one that is there is of the same build."""
    state = building / "build.json"
    try:
        if resume and state.is_file():
            before = json.loads(state.read_text(encoding="utf-8"))
            different = [name for name in arguments if before.get(name) != arguments[name]]
            if different:
                raise IndexingError(
                    f"the unfinished build in {building} has another {', '.join(different)}: "
                    "give the same arguments, or leave out --resume to start afresh"
                )
            return
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        write_durably(state, json.dumps(arguments))
    except OSError as error:
        raise IndexingError(f"{building} cannot be written: {error.strerror}") from error


def _embed(store: PassageStore, vectors: VectorFile, encode: Encode, progress: Progress) -> None:
    """Append the vectors that `vectors` lacks, a block at a time.

    Blocks begin at the same passages in every run, so a resumed build ends in the same vectors.
    """
    done = vectors.rows // BLOCK * BLOCK if vectors.rows < store.passages else store.passages
    vectors.truncate(done)
    progress.stage("embedding", store.passages, done, "passages")
    for start in range(done, store.passages, BLOCK):
        texts = [embedding_text(*row) for row in store.texts(start, start + BLOCK)]
        vectors.append(encode(texts))
        progress.advance(len(texts))
