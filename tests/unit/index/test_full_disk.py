"""An update that a full disk stops at any moment, on a small file system in memory."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.manifest import current_version
from index.types import IndexingError
from index.updating import update_index
from tests.unit.index.comparing import everything
from tests.unit.index.fake_encoder import Silent, encode
from tests.unit.index.indexes import build
from tests.unit.index.release import write_two_releases

STEP = 4096  # bytes: a block of the disk
FEWEST = 6  # times that the update is stopped


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk, and not in every container")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_fills_up_at_any_moment(tmp_path: Path, disk: Path) -> None:
    write_two_releases(tmp_path)
    index, ballast = disk / "index", disk / "ballast"
    build(tmp_path / "old", index)
    build(tmp_path / "new", tmp_path / "calm")
    before = everything(index)
    version = current_version(index)
    failures = 0
    for free in range(0, 1_000_000, STEP):
        left = os.statvfs(disk)
        room = left.f_bavail * left.f_frsize
        assert room > free, "an update never got through"
        ballast.write_bytes(bytes(room - free))
        try:
            update_index(tmp_path / "new", index, "fake", encode, Silent(), workers=1, resume=True)
            break
        except IndexingError as error:
            assert "\n" not in str(error)  # noqa: PT017 - not every size fails
            failures += 1
        finally:
            ballast.unlink()
        assert everything(index) == before
        assert current_version(index) == version
    assert failures >= FEWEST
    assert everything(index) == everything(tmp_path / "calm")
