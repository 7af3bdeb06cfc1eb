from pathlib import Path

import numpy as np
import pytest

from index.types import IndexingError
from index.vectors import VectorFile, VectorIndex, build_faiss
from models.contracts import FloatArray


def unit(count: int, dimension: int = 8, seed: int = 0) -> FloatArray:
    rows = np.random.default_rng(seed).normal(size=(count, dimension))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_rows_are_appended_and_read_back(tmp_path: Path) -> None:
    file = VectorFile(tmp_path / "v", 8)
    assert file.rows == 0
    assert file.read().shape == (0, 8)
    vectors = unit(5)
    file.append(vectors[:3])
    file.append(vectors[3:])
    file.append(vectors[:0])
    again = VectorFile(tmp_path / "v", 8)
    assert again.rows == 5
    np.testing.assert_array_equal(again.read(), vectors.astype(np.float16))


def test_half_a_row_does_not_count(tmp_path: Path) -> None:
    file = VectorFile(tmp_path / "v", 8)
    vectors = unit(5)
    file.append(vectors)
    with (tmp_path / "v").open("ab") as raw:
        raw.write(b"\xff" * 15)  # a row has 16 bytes
    assert file.rows == 5
    assert file.read().shape == (5, 8)
    file.truncate(3)
    assert (tmp_path / "v").stat().st_size == 48
    file.append(vectors[3:])
    np.testing.assert_array_equal(file.read(), vectors.astype(np.float16))


def test_truncating_makes_the_file(tmp_path: Path) -> None:
    VectorFile(tmp_path / "v", 8).truncate(0)
    assert (tmp_path / "v").read_bytes() == b""


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (unit(3, 7), r"shape \(3, 7\) where \(n, 8\)"),
        (unit(1)[0], r"shape \(8,\)"),
        (np.full((2, 8), np.nan, np.float32), "not numbers"),
        (np.full((2, 8), np.inf, np.float32), "not numbers"),
    ],
)
def test_other_vectors_are_refused(tmp_path: Path, vectors: FloatArray, message: str) -> None:
    with pytest.raises(IndexingError, match=message):
        VectorFile(tmp_path / "v", 8).append(vectors)
    assert not (tmp_path / "v").exists()


@pytest.mark.parametrize("slab", [7, 65_536])
def test_search_is_that_of_brute_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slab: int
) -> None:
    monkeypatch.setattr("index.vectors._SLAB", slab)
    vectors = unit(200).astype(np.float16)
    assert build_faiss(vectors, tmp_path / "v.faiss") == "Flat"
    index = VectorIndex(tmp_path / "v.faiss")
    assert (index.size, index.dimension) == (200, 8)
    questions = unit(20, seed=1)
    scores = questions @ vectors.astype(np.float32).T
    for row, hits in zip(scores, index.search(questions, 10), strict=True):
        best = np.argsort(-row)[:10]
        assert [hit.passage_id for hit in hits] == best.tolist()
        assert [hit.score for hit in hits] == pytest.approx(row[best].tolist(), abs=1e-6)


def test_more_hits_than_there_are_vectors(tmp_path: Path) -> None:
    build_faiss(unit(3).astype(np.float16), tmp_path / "v.faiss")
    hits = VectorIndex(tmp_path / "v.faiss").search(unit(2), 10)
    assert [sorted(hit.passage_id for hit in row) for row in hits] == [[0, 1, 2], [0, 1, 2]]


def test_search_among_some_rows_is_that_of_brute_force_among_them(tmp_path: Path) -> None:
    vectors = unit(2_000).astype(np.float16)
    build_faiss(vectors, tmp_path / "v.faiss")
    index = VectorIndex(tmp_path / "v.faiss")
    questions = unit(3, seed=1)
    scores = questions @ vectors.astype(np.float32).T
    for allowed in (np.arange(3, 2_000, 7), np.arange(1_990, 1_997), np.array([5]), np.arange(0)):
        for row, hits in zip(scores, index.search(questions, 100, allowed), strict=True):
            best = allowed[np.argsort(-row[allowed])][:100]
            assert [hit.passage_id for hit in hits] == best.tolist()
            assert [hit.score for hit in hits] == pytest.approx(row[best].tolist(), abs=1e-6)


def test_an_index_of_nothing(tmp_path: Path) -> None:
    build_faiss(unit(0).astype(np.float16), tmp_path / "v.faiss")
    assert VectorIndex(tmp_path / "v.faiss").search(unit(1), 10) == [[]]


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.faiss"
    build_faiss(unit(50).astype(np.float16), path)
    whole = path.read_bytes()
    for content in (b"", b"IxF", whole[:4], whole[:30], whole[:-1], b"XXXX" + whole[4:]):
        path.write_bytes(content)
        with pytest.raises(IndexingError, match="is not a FAISS index: build the index again"):
            VectorIndex(path)
    path.unlink()
    with pytest.raises(IndexingError, match="is not a FAISS index"):
        VectorIndex(path)


def test_an_index_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IndexingError, match="cannot be written: is the disk full"):
        build_faiss(unit(3).astype(np.float16), tmp_path / "file" / "v.faiss")
