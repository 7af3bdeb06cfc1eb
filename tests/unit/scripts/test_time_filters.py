from pathlib import Path

import pytest

from index.builder import build_index
from scripts import time_filters
from tests.unit.index.fake_encoder import ENCODER, Silent

SAMPLE = Path(__file__).parents[3] / "data" / "sample"


def test_each_filter_has_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build_index(SAMPLE, tmp_path / "index", ENCODER, Silent(), workers=1, limit=20)
    assert time_filters.main(["--index", str(tmp_path / "index")]) == 0
    plain, *filtered = capsys.readouterr().out.splitlines()
    assert "without filters" in plain
    assert [line.split(" ")[0] for line in filtered[:2]] == ["full", "from"]
    assert all("times by fields" in line for line in filtered)


def test_no_index_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert time_filters.main(["--index", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err.startswith("time_filters: the index")
