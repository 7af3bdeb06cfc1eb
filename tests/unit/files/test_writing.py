import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from files.writing import write_durably


def test_a_small_file_is_whole_or_absent(tmp_path: Path) -> None:
    write_durably(tmp_path / "x", "one")
    write_durably(tmp_path / "x", "two")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("x", "two")]


def test_a_small_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    def pieces() -> Iterator[str]:
        yield "one"
        raise ValueError

    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/full")):
        with pytest.raises(OSError, match="it is no regular file"):
            write_durably(path, "one")
        assert not path.is_file()
    (tmp_path / "pipe").unlink()
    (tmp_path / "folder").mkdir()
    for name, text, error in (("folder", "one", OSError), ("x", pieces(), ValueError)):
        with pytest.raises(error):
            write_durably(tmp_path / name, text)
        assert [path.name for path in tmp_path.iterdir()] == ["folder"]
