"""Builds and updates that are killed, at every point between two steps that touch a file."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.unit.index.release import write_two_releases

ROOT = Path(__file__).parents[3]
LIMIT = 500  # seconds on a machine that has other work


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[Path]:
    """Return a folder in memory, where there is one: hundreds of builds wait for no disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.mark.parametrize("command", ["build", "update"])
def test_killed_at_any_point_it_goes_on_and_loses_nothing(fast: Path, command: str) -> None:
    write_two_releases(fast)
    ended = subprocess.run(
        [sys.executable, "-m", "tests.unit.index.killed_at", str(fast), command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 60  # points
