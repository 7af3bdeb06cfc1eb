"""Searching an index of each kind, over everything and over what is allowed."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from index.types import IndexingError
from index.vector_files import VectorFile, VectorRows
from index.vector_kinds import KINDS, build_faiss
from index.vectors import VectorIndex, _single
from tests.making import unit

COUNT = 12_000  # enough for ivfpq
QUESTIONS = unit(10, 16, seed=1)


@pytest.fixture(scope="module")
def rows() -> NDArray[np.float16]:
    return unit(COUNT, 16).astype(np.float16)


@pytest.fixture(scope="module")
def paths(rows: NDArray[np.float16], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("kinds")
    for kind in KINDS:
        assert build_faiss(rows, folder / kind, kind) == kind
    return {kind: folder / kind for kind in KINDS}


@pytest.fixture(scope="module")
def file(rows: NDArray[np.float16], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "embeddings"
    VectorFile(path, 16).append(rows.astype(np.float32))
    return path


@pytest.fixture(params=KINDS)
def index(request: pytest.FixtureRequest, paths: dict[str, Path], file: Path) -> VectorIndex:
    return VectorIndex(paths[request.param], VectorRows(file, 16))


def is_exact(index: VectorIndex) -> bool:
    return isinstance(index._index, faiss.IndexScalarQuantizer)


def best_of(
    rows: NDArray[np.float16], question: NDArray[np.float32], ids: NDArray[np.int64], k: int
) -> tuple[list[int], list[float]]:
    scores = rows[ids].astype(np.float32) @ question
    best = np.argsort(-scores, kind="stable")[:k]
    return ids[best].tolist(), scores[best].tolist()


def test_search_is_that_of_brute_force(index: VectorIndex, rows: NDArray[np.float16]) -> None:
    assert (index.size, index.dimension) == (COUNT, 16)
    everything = np.arange(COUNT)
    for question, hits in zip(QUESTIONS, index.search(QUESTIONS, 100), strict=True):
        ids, scores = best_of(rows, question, everything, 100)
        found = [hit.passage_id for hit in hits]
        assert len(set(found)) == 100
        assert found[:5] == ids[:5]
        assert len(set(found) & set(ids)) >= (100 if is_exact(index) else 85)
        assert [hit.score for hit in hits[:5]] == pytest.approx(scores[:5], abs=1e-6)


@pytest.mark.parametrize("share", [0.0001, 0.001, 0.01, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("few", [0, 1000])
def test_what_is_allowed_is_searched_and_nothing_else(
    index: VectorIndex,
    rows: NDArray[np.float16],
    share: float,
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("_FEW", "_FEW_SCANNED"):
        monkeypatch.setattr(f"index.vectors.{name}", few)  # 0: all is searched even for one row
    allowed = np.sort(np.random.default_rng(2).choice(COUNT, int(share * COUNT), replace=False))
    for question, hits in zip(QUESTIONS, index.search(QUESTIONS, 50, allowed), strict=True):
        ids, scores = best_of(rows, question, allowed, 50)
        found = [hit.passage_id for hit in hits]
        assert len(set(found)) == len(found) == min(50, len(allowed))
        assert set(found) <= set(allowed.tolist())
        assert len(set(found) & set(ids)) >= (1 if is_exact(index) else 0.85) * len(ids)
        assert hits[0].score == pytest.approx(scores[0], abs=1e-6)


def test_allowed_rows_that_are_far_from_the_question_come_back(
    index: VectorIndex, rows: NDArray[np.float16], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_FEW", "_FEW_SCANNED"):
        monkeypatch.setattr(f"index.vectors.{name}", 0)
    monkeypatch.setattr("index.vectors._PROBES", 1)
    question = QUESTIONS[:1]
    far = np.argsort(rows.astype(np.float32) @ question[0])[:200]
    assert far.dtype == np.int64
    hits = index.search(question, 100, np.sort(far))[0]
    assert len(hits) == 100
    assert {hit.passage_id for hit in hits} <= set(far.tolist())


def test_a_vector_of_zeros_breaks_nothing(index: VectorIndex) -> None:
    hits = index.search(np.zeros((1, 16), np.float32), 5)[0]
    found = 0 if isinstance(index._index, faiss.IndexPQFastScan) else 5  # it scales by the largest
    assert [hit.score for hit in hits] == [0] * found


def test_nothing_is_allowed(index: VectorIndex) -> None:
    assert index.search(QUESTIONS, 5, np.zeros(0, np.int64)) == [[]] * len(QUESTIONS)


def test_more_hits_than_there_are_vectors(index: VectorIndex) -> None:
    found = [hit.passage_id for hit in index.search(QUESTIONS[:1], COUNT + 1)[0]]
    assert sorted(found) == list(range(COUNT))


def test_cosines_are_those_of_the_rows(index: VectorIndex, rows: NDArray[np.float16]) -> None:
    ids = [7, 3, COUNT - 1, 7]
    cosines = index.cosines(QUESTIONS[0], ids)
    assert cosines == pytest.approx(
        {id_: float(rows[id_].astype(np.float32) @ QUESTIONS[0]) for id_ in ids}, abs=1e-6
    )
    assert index.cosines(QUESTIONS[0], []) == {}
    for hit in index.search(QUESTIONS[:1], 5)[0]:
        assert index.cosines(QUESTIONS[0], [hit.passage_id]) == {hit.passage_id: hit.score}


def test_threads_find_the_same(index: VectorIndex) -> None:
    allowed = np.arange(0, COUNT, 3)
    threads = faiss.omp_get_max_threads()
    alone = [index.search(question[None], 20, allowed) for question in QUESTIONS]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            asked = [
                pool.submit(index.search, question[None], 20, allowed) for question in QUESTIONS
            ]
            assert [future.result() for future in asked] == alone
    assert faiss.omp_get_max_threads() == threads


def test_an_index_of_nothing(tmp_path: Path) -> None:
    nothing = np.zeros((0, 8), np.float16)
    build_faiss(nothing, tmp_path / "v.faiss")
    assert VectorIndex(tmp_path / "v.faiss", nothing).search(unit(1), 10) == [[]]


def test_another_kind_is_refused(tmp_path: Path) -> None:
    rows = unit(50)
    graph = faiss.IndexHNSWFlat(8, 4)
    graph.add(rows)
    faiss.write_index(graph, str(tmp_path / "v.faiss"))
    with pytest.raises(IndexingError, match="of a kind that is not served: build the index again"):
        VectorIndex(tmp_path / "v.faiss", rows.astype(np.float16))


def test_vectors_of_another_index_are_refused(
    paths: dict[str, Path], rows: NDArray[np.float16]
) -> None:
    for other in (rows[:-1], np.zeros((COUNT, 8), np.float16)):
        with pytest.raises(IndexingError, match="do not belong together: build it again"):
            VectorIndex(paths["fp16"], other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_refused(
    paths: dict[str, Path], rows: NDArray[np.float16], kind: str, tmp_path: Path
) -> None:
    whole = paths[kind].read_bytes()
    path = tmp_path / "v.faiss"
    cuts = (
        0,
        3,
        4,
        20,
        30,
        63,
        64,
        70,
        len(whole) // 2,
        len(whole) - 9,
        *(range(1110, 1140) if kind == "pq4" else ()),  # where its centroids end
    )  # FAISS forgives half an id
    for content in (*(whole[:cut] for cut in cuts), b"XXXX" + whole[4:]):
        path.write_bytes(content)
        with pytest.raises(
            IndexingError, match=r"is not a FAISS index \(.*: build the index again"
        ):
            VectorIndex(path, rows)
    path.unlink()
    with pytest.raises(IndexingError, match="is not a FAISS index"):
        VectorIndex(path, rows)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory below /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_opening_reads_nothing_into_memory(tmp_path: Path, kind: str) -> None:
    rows = unit(12_000, 128).astype(np.float16)
    build_faiss(rows, tmp_path / "v", kind)
    size = (tmp_path / "v").stat().st_size
    before = private_bytes()
    indexes = [VectorIndex(tmp_path / "v", rows) for _ in range(8)]
    assert len(indexes) == 8
    if kind == "pq4":
        size *= 4  # FAISS reads codes that it searches fast; an eighth of the vectors
    assert private_bytes() - before < 4 * size  # of eight copies


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads maps below /proc")
def test_only_the_index_itself_is_mapped(index: VectorIndex, paths: dict[str, Path]) -> None:
    index.search(QUESTIONS, 100)
    mapped = Path("/proc/self/maps").read_text()
    read = isinstance(index._index, faiss.IndexPQFastScan)
    assert (str(paths["fp16"].parent) in mapped) != read
    assert "embeddings" not in mapped


def private_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("RssAnon")).split()[1])


def test_halves_become_singles_as_numpy_makes_them() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)].reshape(-1, 8)
    single = _single(finite)
    np.testing.assert_array_equal(single, finite.astype(np.float32))
    np.testing.assert_array_equal(np.signbit(single), np.signbit(finite))
