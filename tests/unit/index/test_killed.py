"""Builds and updates that are killed, at every point between two steps that touch a file."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.unit.index.release import parse, sentences, write_release

ROOT = Path(__file__).parents[3]
LIMIT = 500  # seconds on a machine that has other work


def write_corpora(root: Path) -> None:
    """Write two corpora of three papers; one is gone, one new and one changed in the second."""
    for name, papers in [("old", "abc"), ("new", "dbA")]:
        records = [
            {"cord_uid": uid.lower(), "title": f"Paper {uid}", "pdf_json_files": f"{uid}.json"}
            for uid in papers
        ]
        parses = {f"{uid}.json": parse(sentences(25, f"ward {uid}")) for uid in papers}
        write_release(root / name, records, parses)


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[Path]:
    """Return a folder in memory, where there is one: hundreds of builds wait for no disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.mark.parametrize("command", ["build", "update"])
def test_killed_at_any_point_it_goes_on_and_loses_nothing(fast: Path, command: str) -> None:
    write_corpora(fast)
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
