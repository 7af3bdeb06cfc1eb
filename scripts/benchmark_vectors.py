"""Compares the kinds of vector index: size, memory, time and recall, by number of passages.

Vectors are those of an index and noisy copies of them; the questions are real ones.
"""

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.corpora.squad import read_squad
from index.manifest import current_version, read_manifest
from index.types import CorpusError, IndexingError, VectorRecall
from index.vector_files import EMBEDDINGS, VectorFile
from index.vector_kinds import KINDS, build_faiss
from index.vector_recall import measure_recall
from index.vectors import VectorIndex
from models.contracts import FloatArray, ModelError
from scripts.arguments import at_least, command, from_0, some_path
from service.questions import QUESTIONS

_SLAB = 4096  # rows made at a time
_DEPTH = 100
_SHARE_ALLOWED = 0.05
_HEADER = (
    "| Passages | Kind | Bytes a passage | Build, s | Private memory, MB | Mapped, MB "
    "| Search, ms | Among 5 %, ms | Recall at 10 | at 100 |\n" + "| --- " * 10 + "|"
)


@dataclass(frozen=True, slots=True)
class OpenedIndex:
    """What a process that opens an index sees of it.

    `private` and `mapped` are the growth of its resident memory in bytes: the first, which the
    system cannot drop, on opening, the second after all the questions. `search` and `restricted`
    are the median processor times of a question in milliseconds, on one core: over all passages,
    and over a random share of them.
    """

    private: int
    mapped: int
    search: float
    restricted: float
    recall: VectorRecall


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command(
        "benchmark_vectors", __doc__, example="--index var/cord19 --passages 100000"
    )
    add = arguments.add_argument
    add(
        "--index",
        type=some_path,
        required=True,
        metavar="DIR",
        help="an index: its vectors are used",
    )
    add(
        "--passages",
        type=at_least(1),
        nargs="+",
        default=[100_000, 300_000, 1_000_000],
        metavar="N",
        help="numbers of passages (default: 100000 300000 1000000)",
    )
    add(
        "--kinds",
        nargs="+",
        choices=KINDS,
        default=KINDS,
        help=f"kinds of vector index (default: {' '.join(KINDS)})",
    )
    add(
        "--noise",
        type=from_0,
        default=0.5,
        metavar="X",
        help="mean length of the noise on a copy, whose vector has the length 1 (default: 0.5)",
    )
    add(
        "--questions",
        type=some_path,
        metavar="FILE",
        help="further questions beside the 30 suggested ones, in the SQuAD format",
    )
    add(
        "--encoder",
        default="default",
        metavar="DIR_OR_ID",
        help="the encoder that built the index (default: the one that comes with CovidQuest)",
    )
    return arguments


def noisy_copies(
    rows: NDArray[np.float16], count: int, noise: float
) -> Iterator[NDArray[np.float32]]:
    """Yield `count` unit vectors in slabs: the rows, then copies of them, each with its noise.

    The noise of a copy is normally distributed, of the mean length `noise`.
    """
    draw = np.random.default_rng(0)
    deviation = noise / rows.shape[1] ** 0.5
    for at in range(0, count, _SLAB):
        numbers = np.arange(at, min(at + _SLAB, count))
        slab = np.asarray(rows[numbers % len(rows)], np.float32)
        copies = numbers >= len(rows)
        slab[copies] += draw.normal(0, deviation, (int(copies.sum()), rows.shape[1]))
        yield slab / np.linalg.norm(slab, axis=1, keepdims=True)


def try_out(path: Path, embeddings: Path, questions: FloatArray) -> OpenedIndex:
    """Open an index, ask it every question and return what that took. Runs in a new process."""
    before = _resident()
    rows = VectorFile(embeddings, questions.shape[1]).read()
    index = VectorIndex(path, rows)
    opened = _resident()
    search = _median_ms(index, questions, None)
    searched = _resident()
    draw = np.random.default_rng(0)
    allowed = np.flatnonzero(draw.random(len(rows)) < _SHARE_ALLOWED)
    restricted = _median_ms(index, questions, allowed)
    return OpenedIndex(
        private=opened[0] - before[0],
        mapped=searched[1] - before[1],
        search=search,
        restricted=restricted,
        recall=measure_recall(index, rows, questions),
    )


def _median_ms(
    index: VectorIndex, questions: FloatArray, allowed: NDArray[np.int64] | None
) -> float:
    times = []
    for question in questions:
        started = time.thread_time()
        index.search(question[None], _DEPTH, allowed)
        times.append(1000 * (time.thread_time() - started))
    return statistics.median(times)


def _resident() -> tuple[int, int]:
    """Return this process's resident memory in bytes: private, and mapped from files."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    sizes = {line.split(":")[0]: line.split() for line in status if line.startswith("Rss")}
    return 1024 * int(sizes["RssAnon"][1]), 1024 * int(sizes["RssFile"][1])


def benchmark(
    vectors: VectorFile, embeddings: Path, kinds: Sequence[str], questions: FloatArray
) -> Iterator[str]:
    """Yield a row of the table for each kind."""
    rows = vectors.read()
    path = embeddings.with_suffix(".faiss")
    for kind in kinds:
        started = time.monotonic()
        build_faiss(rows, path, kind)
        seconds = time.monotonic() - started
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            opened = pool.submit(try_out, path, embeddings, questions).result()
        cells = (
            f"{len(rows):,}",
            kind,
            f"{path.stat().st_size / len(rows):,.0f}",
            f"{seconds:,.0f}",
            f"{opened.private / 1e6:,.0f}",
            f"{opened.mapped / 1e6:,.0f}",
            f"{opened.search:.1f}",
            f"{opened.restricted:.1f}",
            f"{opened.recall.at_10:.3f}",
            f"{opened.recall.at_100:.3f}",
        )
        yield f"| {' | '.join(cells)} |"


def _questions(options: argparse.Namespace) -> tuple[NDArray[np.float16], FloatArray]:
    """Return the index's vectors and those of the questions, shapes (n, d) and (m, d)."""
    from models.encoder import SentenceEncoder  # noqa: PLC0415 - seconds that --help need not wait

    folder = current_version(options.index)
    manifest = read_manifest(folder)
    rows = VectorFile(folder / EMBEDDINGS, manifest.dimension).read()
    if len(rows) == 0:
        raise IndexingError(f"{folder} holds no vectors: build the index again")
    encoder = SentenceEncoder(options.encoder)
    if encoder.name != manifest.encoder:
        raise IndexingError(f"{folder} was built with {manifest.encoder}: give it as --encoder")
    texts = [question.text for question in QUESTIONS]
    if options.questions is not None:
        texts += [gold.question for gold in read_squad(options.questions)]
    return rows, encoder.encode_questions(list(dict.fromkeys(texts))).vectors


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    try:
        rows, questions = _questions(options)
        print(f"{len(rows):,} vectors of {options.index}, {len(questions)} questions\n\n{_HEADER}")
        for count in options.passages:
            with tempfile.TemporaryDirectory() as folder:
                embeddings = Path(folder) / EMBEDDINGS
                vectors = VectorFile(embeddings, rows.shape[1])
                for slab in noisy_copies(rows, count, options.noise):
                    vectors.append(slab)
                for line in benchmark(vectors, embeddings, options.kinds, questions):
                    print(line, flush=True)
    except (CorpusError, IndexingError, ModelError) as error:
        print(f"benchmark_vectors: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
