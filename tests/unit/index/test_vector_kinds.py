"""Building each kind of vector index, and how much of the exact result it finds."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from index.types import Hit, IndexingError, VectorRecall
from index.vector_kinds import EXACT, KINDS, build_faiss, kind_for
from index.vector_recall import exact_scores, measure_recall, recall_of
from index.vectors import VectorIndex
from tests.making import unit
from tests.unit.index.disk import largest_file


def test_the_kind_follows_from_the_number_of_passages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [kind_for(n) for n in (0, 1, 20_000)] == [EXACT] * 3
    assert [kind_for(n) for n in (90_000, 900_000)] == ["pq4"] * 2
    assert kind_for(20_000_000) == "ivfpq"
    monkeypatch.setattr("index.vector_kinds._MOST_EXACT", 100)
    monkeypatch.setattr("index.vector_kinds._MOST_SCANNED", 9_999)
    rows = unit(10_000).astype(np.float16)
    for count, kind in [(100, EXACT), (101, "pq4"), (9_999, "pq4"), (10_000, "ivfpq")]:
        assert build_faiss(rows[:count], tmp_path / "v") == kind == kind_for(count)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_vectors_make_the_same_file(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.vector_kinds._SAMPLE", 9_990)  # some of them are left out
    monkeypatch.setattr("index.vector_kinds._PER_LIST", 1)
    rows = unit(10_050, 16).astype(np.float16)
    for name in "ab":
        build_faiss(rows, tmp_path / name, kind)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_slabs_make_no_difference(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = unit(10_000, 16).astype(np.float16)
    build_faiss(rows, tmp_path / "whole", kind)
    monkeypatch.setattr("index.vector_kinds._SLAB", 777)
    build_faiss(rows, tmp_path / "slabs", kind)
    found = [
        VectorIndex(tmp_path / name, rows).search(unit(5, 16, seed=1), 10)
        for name in ("whole", "slabs")
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("kind", "count", "message"),
    [
        ("ivfpq", 9_983, "needs 9,984 passages, and there are 9,983: choose fp16 or pq4"),
        ("pq4", 15, "needs 16 passages, and there are 15: choose fp16"),
        ("sq8", 0, "sq8 needs 1 passages, and there are 0: choose fp16"),
        ("flat", 10, "no vector index 'flat': choose one of fp16, pq4, sq8, ivfpq"),
    ],
)
def test_a_kind_that_does_not_fit_is_refused(
    tmp_path: Path, kind: str, count: int, message: str
) -> None:
    with pytest.raises(IndexingError, match=message):
        build_faiss(np.zeros((count, 8), np.float16), tmp_path / "v", kind)
    assert not (tmp_path / "v").exists()


@pytest.mark.parametrize("kind", ["pq4", "ivfpq"])
@pytest.mark.parametrize("dimension", [1, 7, 12, 20])
def test_any_dimension_can_be_quantised(tmp_path: Path, dimension: int, kind: str) -> None:
    rows = unit(10_000, dimension).astype(np.float16)
    build_faiss(rows, tmp_path / "v", kind)
    question = unit(1, dimension, seed=1)
    best = exact_scores(rows, question, 1)[0, 0]
    hit = VectorIndex(tmp_path / "v", rows).search(question, 1)[0][0]
    assert hit.score == pytest.approx(best, abs=1e-2)


def test_an_index_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IndexingError, match="cannot be written: is the disk full"):
        build_faiss(unit(3).astype(np.float16), tmp_path / "file" / "v.faiss")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [0, 5_000])
def test_an_index_that_a_full_disk_cuts_off(tmp_path: Path, kind: str, size: int) -> None:
    rows = unit(10_000, 16).astype(np.float16)
    with largest_file(size), pytest.raises(IndexingError, match="written: is the disk full"):
        build_faiss(rows, tmp_path / "v", kind)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_a_small_index_that_is_written_when_its_file_is_closed() -> None:
    with pytest.raises(IndexingError, match="/dev/full cannot be written: is the disk full"):
        build_faiss(unit(3).astype(np.float16), Path("/dev/full"))


def test_exact_scores_are_of_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.vector_recall._SLAB", 30)
    rows, questions = unit(100).astype(np.float16), unit(4, seed=1)
    expected = -np.sort(-(questions @ rows.astype(np.float32).T), axis=1)
    np.testing.assert_allclose(exact_scores(rows, questions, 10), expected[:, :10], rtol=1e-6)
    assert exact_scores(rows, questions, 1000).shape == (4, 100)


def test_recall_is_the_share_that_is_found(tmp_path: Path) -> None:
    rows, questions = unit(2000).astype(np.float16), unit(5, seed=1)
    wrong = np.concatenate([rows[:1000], -rows[1000:]])  # half of the rows cannot be found
    build_faiss(wrong, tmp_path / "v")
    index = VectorIndex(tmp_path / "v", rows)
    found = [[hit.passage_id for hit in hits] for hits in index.search(questions, 100)]
    best = np.argsort(-(questions @ rows.astype(np.float32).T), axis=1).tolist()
    expected = [
        np.mean([len({*f[:k]} & {*b[:k]}) / k for f, b in zip(found, best, strict=True)])
        for k in (10, 100)
    ]
    recall = measure_recall(index, rows, questions)
    assert (recall.at_10, recall.at_100) == pytest.approx(tuple(expected))
    assert 0.2 < recall.at_10 < 0.8
    assert recall.questions == 5


def test_questions_are_measured_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, questions = unit(2000).astype(np.float16), unit(50, seed=1)
    wrong = np.concatenate([rows[:1000], -rows[1000:]])  # half of the rows cannot be found
    build_faiss(wrong, tmp_path / "v")
    index = VectorIndex(tmp_path / "v", rows)
    whole = measure_recall(index, rows, questions)
    monkeypatch.setattr("index.vector_recall._BLOCK", 7)
    asked: list[int] = []
    search = VectorIndex.search

    def noted(self: VectorIndex, vectors: NDArray[np.float32], k: int) -> list[list[Hit]]:
        asked.append(len(vectors))
        return search(self, vectors, k)

    monkeypatch.setattr(VectorIndex, "search", noted)
    assert measure_recall(index, rows, questions) == whole
    assert asked == [7] * 7 + [1]


def test_either_of_equal_rows_is_right(tmp_path: Path) -> None:
    rows = np.repeat(np.eye(2, dtype=np.float16), [150, 50], axis=0)
    build_faiss(rows, tmp_path / "v", "sq8")
    index = VectorIndex(tmp_path / "v", rows)
    question = np.array([[1, 0]], np.float32)
    assert measure_recall(index, rows, question) == VectorRecall(1.0, 1.0, 1)


def test_recall_of_few_rows(tmp_path: Path) -> None:
    rows = unit(7).astype(np.float16)
    build_faiss(rows, tmp_path / "v", "sq8")
    index = VectorIndex(tmp_path / "v", rows)
    assert measure_recall(index, rows, unit(3, seed=1)) == VectorRecall(1.0, 1.0, 3)


def test_only_what_is_not_exact_is_measured(tmp_path: Path) -> None:
    rows = unit(500).astype(np.float16)
    build_faiss(rows, tmp_path / "v", "sq8")
    path = tmp_path / "v"
    assert recall_of(EXACT, path, rows, lambda _: unit(1), ["Why?"]) == VectorRecall(1.0, 1.0, 0)
    assert recall_of("sq8", path, rows, lambda _: unit(1), []) is None
    found = recall_of("sq8", path, rows, lambda texts: unit(len(texts), seed=1), ["Why?", "How?"])
    assert found == VectorRecall(1.0, 1.0, 2)
