from pathlib import Path

import numpy as np
import pytest

from index.types import IndexingError
from index.vector_files import VectorFile, VectorRows
from tests.making import unit


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


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_refused(tmp_path: Path, value: float) -> None:
    with pytest.raises(IndexingError, match="not numbers"):
        VectorFile(tmp_path / "v", 8).append(np.full((2, 8), value, np.float32))
    assert not (tmp_path / "v").exists()


@pytest.mark.parametrize(
    "ids", [[], [0], [4], [0, 1, 2, 3, 4], [1, 3], [0, 1, 4], [3, 2, 2, 0, 1]], ids=str
)
def test_rows_are_read_as_they_are_wanted(tmp_path: Path, ids: list[int]) -> None:
    vectors = unit(5)
    VectorFile(tmp_path / "v", 8).append(vectors)
    rows = VectorRows(tmp_path / "v", 8)
    assert rows.shape == (5, 8)
    (tmp_path / "v").unlink()  # an index may be deleted while it is served
    np.testing.assert_array_equal(rows[np.array(ids, np.int64)], vectors.astype(np.float16)[ids])


def test_rows_that_are_gone_are_an_error(tmp_path: Path) -> None:
    VectorFile(tmp_path / "v", 8).append(unit(5))
    rows = VectorRows(tmp_path / "v", 8)
    VectorFile(tmp_path / "v", 8).truncate(4)  # a map would end the process here
    assert rows[np.array([3])].shape == (1, 8)
    for ids in ([4], [2, 3, 4], [0, 4]):
        with pytest.raises(IndexingError, match="was cut short while it is served: copy it again"):
            rows[np.array(ids)]
