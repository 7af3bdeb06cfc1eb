"""Kills a build, or an update, at one point after another, and checks that it always goes on.

Usage: python -m tests.unit.index.killed_at FOLDER build|update

FOLDER/old and FOLDER/new are corpora; an update goes from the one to the other. A point is a moment
before Python opens a file to write, renames, removes or makes a file or folder, connects to a
database, or flushes a file to the disk. First the build is killed at every point there is, and each
time goes on to its end. Then it is killed again and again as it goes on. Prints the number of
points.
"""

import hashlib
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from index import embedding, keywords, reading
from index.updating import update_index
from tests.unit.index.comparing import everything
from tests.unit.index.fake_encoder import Silent, encode
from tests.unit.index.indexes import build

_POINTS = {
    *("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "sqlite3.connect"),
}


def die_at(point: int) -> None:
    """Let this process kill itself at a point, counted from 1."""
    left = point

    def step() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _POINTS or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            step()

    os.fsync = lambda _: step()  # a kill loses nothing that the disk does not have yet
    sys.addaudithook(audit)


def in_child(work: Callable[[], object], point: int = 0) -> bool:
    """Do work in a process of its own, killed at `point`; return whether it got through."""
    child = os.fork()
    if child == 0:
        try:
            die_at(point)
            work()
        except BaseException:  # noqa: BLE001 - whatever it is, this process must end here
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status not in (0, signal.SIGKILL):
        sys.exit(f"failed (at point {point})")
    return status == 0


def digest(index: Path, *, finished: bool = True) -> str:
    """Return a digest of `everything` in an index, found in a process of its own."""
    seen = index.with_suffix(".seen")

    def look() -> None:
        found = repr(everything(index, finished=finished)).encode()
        seen.write_text(hashlib.sha256(found).hexdigest())

    in_child(look)
    return seen.read_text()


def main() -> None:
    """Kill, look, go on and compare, until the work gets through before its point comes."""
    root, command = Path(sys.argv[1]), sys.argv[2]
    old, new, start = root / "calm-old", root / "calm-new", root / "start"

    def update(index: Path) -> None:
        update_index(root / "new", index, "fake", encode, Silent(), workers=1, resume=True)

    work = update if command == "update" else lambda index: build(root / "new", index, resume=True)
    in_child(lambda: build(root / "old", old))
    in_child(lambda: build(root / "new", new))
    shutil.copytree(old, start) if command == "update" else start.mkdir()

    known = [digest(index) for index in ([old, new] if command == "update" else [new])]

    def look(index: Path) -> None:
        published = (index / "CURRENT").exists()
        assert published or command == "build"
        assert not published or digest(index, finished=False) in known

    def compare(index: Path) -> None:
        assert digest(index) == known[-1]
        left = {path.name for path in index.iterdir()}
        assert len(left) <= 4, left  # two versions, CURRENT, .lock

    def go_on(index: Path) -> None:
        look(index)
        work(index)
        compare(index)

    for point in count(1):
        index = Path(shutil.copytree(start, root / "killed"))
        through = in_child(lambda index=index: work(index), point)
        in_child(lambda index=index: go_on(index))
        shutil.rmtree(index)
        if through:
            break
    shutil.copytree(start, index)
    for longer in range(1, point + 1):
        if in_child(lambda: work(index), longer):
            break
    in_child(lambda: go_on(index))
    sys.stdout.write(f"{point}\n")


if __name__ == "__main__":
    embedding.BLOCK = 8
    keywords._HEAP = 15_000_000  # the least: it is allocated anew for each build
    reading._PAPERS_PER_COMMIT = 2
    main()
