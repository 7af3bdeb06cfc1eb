"""Builds and updates that are killed, at every point between two steps that touch a file."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.serving import ROOT
from tests.unit.index.release import write_two_releases

LIMIT = 500  # seconds on a machine that has other work
COMMANDS = ("build", "update")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Kill both commands at the same time, each in a process of its own.

    Its folder is in memory, where there is such: hundreds of builds wait for no disk.
    """
    memory = Path("/dev/shm")
    parent = memory if memory.is_dir() else tmp_path_factory.mktemp("killed")
    processes = {}
    with ExitStack() as opened:
        for command in COMMANDS:
            folder = Path(opened.enter_context(TemporaryDirectory(dir=parent)))
            write_two_releases(folder)
            processes[command] = opened.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.unit.index.killed_at", str(folder), command],
                    cwd=ROOT,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            opened.callback(processes[command].kill)  # does nothing where it has ended
        yield processes


@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_any_point_it_goes_on_and_loses_nothing(
    killed: dict[str, subprocess.Popen[str]], command: str
) -> None:
    out, errors = killed[command].communicate(timeout=LIMIT)
    assert killed[command].returncode == 0, errors
    assert int(out) > 40  # points
