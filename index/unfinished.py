"""The folder of an unfinished build: who may write it, whose it is, and how it goes on.

    INDEX/.lock                   held by the process that builds
    INDEX/.building/build.json    the arguments of the build: it goes on only with the same
    INDEX/.building/...           the parts of the index, as far as they are made, and `SCAFFOLDS`

A finished build becomes a version by a rename (see `index.manifest`), scaffolds and all, and loses
them once `CURRENT` names it. So at any moment the scaffolds tell where a build was cut off.
"""

import fcntl
import json
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from files.writing import write_durably
from index.manifest import current_name, versions
from index.types import IndexingError, Watched

PLAN = "plan.sqlite"
PARSES = "parses.sqlite"
STATE = "build.json"
EMBEDDED = "embedded"
SCAFFOLDS = (STATE, PLAN, PARSES, EMBEDDED)
"""The files that a build needs and an index does not."""

_BUILDING = ".building"
_OF_CORPUS = {
    "metadata.csv": "metadata.csv is another",
    "document_parses": "parses came or went, or their archive is another",
}

Arguments = Mapping[str, object]


@contextmanager
def alone(index_dir: Path, *, dry_run: bool = False) -> Iterator[None]:
    """Keep a second build out of `index_dir`; the lock goes with the process that holds it.

    Raises IndexingError when another build holds it, and for what a full disk or a damaged
    unfinished build raises inside; a `dry_run` is not to be resumed.
    """
    try:
        index_dir.mkdir(parents=True, exist_ok=True)
        lock = (index_dir / ".lock").open("w", encoding="utf-8")
    except OSError as error:
        other = "; a dry run works elsewhere with --scratch DIR" if dry_run else ""
        raise IndexingError(f"{index_dir} cannot be written: {error.strerror}{other}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise IndexingError(
                f"another build is writing to {index_dir}: wait for it, or give another --index"
            ) from error
        except OSError as error:  # the file system has no locks, or none left
            raise IndexingError(
                f"{index_dir} cannot be written: its lock cannot be taken: {error.strerror}"
            ) from error
        with explained(index_dir, dry_run=dry_run):
            yield


@contextmanager
def explained(index_dir: Path, *, dry_run: bool) -> Iterator[None]:
    """Raise IndexingError for what a full disk or a damaged unfinished build raises inside."""
    stopped = f"the {'dry run' if dry_run else 'build'} in {index_dir} stopped"
    try:
        yield
    except OSError as error:
        then = "try again" if dry_run else "go on with --resume"
        raise IndexingError(
            f"{stopped}: {error.strerror or error}; mend that and {then}"
        ) from error
    except sqlite3.Error as error:
        then = "try again" if dry_run else "go on with --resume, or leave it out to start afresh"
        raise IndexingError(f"{stopped}: {error}; free space on the disk and {then}") from error


def just_published(index_dir: Path, arguments: Arguments) -> Path | None:
    """Return the current version when its build was killed before it could say so.

    None unless that build had these arguments.
    """
    current = _current(index_dir)
    if current and (current / STATE).is_file() and _state(current) == arguments:
        return current
    return None


def begin(index_dir: Path, arguments: Arguments, progress: Watched, *, resume: bool) -> Path:
    """Make the folder of a build or, with `resume`, find that of the one that was cut off.

    Notes when there is none to go on with, and when hours of work are thrown away. Raises
    IndexingError when that was a build with other arguments, or is damaged.
    """
    building = index_dir / _BUILDING
    current = _current(index_dir)
    if current:
        remove_scaffolds(current)
    _take_back(index_dir, building)
    if resume and (building / STATE).is_file():
        _check(building, arguments)
        for path in building.glob("*.tmp"):  # of a small file whose writing was cut off
            path.unlink()
        return building
    if resume:
        progress.note(f"no unfinished build is in {index_dir}: a new one begins")
    elif embedded := _embedded(building):
        progress.note(
            f"an unfinished build with {embedded:,} embedded passages is thrown away, with which "
            "--resume would have gone on"
        )
    discard(building)
    building.mkdir()
    write_durably(building / STATE, json.dumps(arguments))
    return building


def remove_scaffolds(folder: Path) -> None:
    """Remove what a version does not need once `CURRENT` names it; until then --resume does."""
    for name in SCAFFOLDS:
        (folder / name).unlink(missing_ok=True)


def discard(building: Path) -> None:
    """Remove an unfinished build. First its state: without it, no remains are taken for one."""
    (building / STATE).unlink(missing_ok=True)
    if building.exists():
        shutil.rmtree(building)


def _take_back(index_dir: Path, building: Path) -> None:
    """Make a build unfinished again that was killed as a version, before CURRENT named it."""
    if (building / STATE).is_file():
        return
    for folder in versions(index_dir):
        if folder != _current(index_dir) and (folder / STATE).is_file():
            discard(building)
            folder.rename(building)
            return


def _current(index_dir: Path) -> Path | None:
    name = current_name(index_dir)
    return next((folder for folder in versions(index_dir) if folder.name == name), None)


def _embedded(building: Path) -> int:
    """Return how many passages an unfinished build has embedded, 0 where it does not tell."""
    try:
        return int((building / EMBEDDED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0


def _check(building: Path, arguments: Arguments) -> None:
    before = _state(building)
    different = [name for name in arguments if before.get(name) != arguments[name]]
    if different and set(different) <= set(_OF_CORPUS):
        changed = "; ".join(_OF_CORPUS[name] for name in different)
        raise IndexingError(
            f"since the unfinished build in {building} began, the corpus has changed ({changed}): "
            "restore what was there, or leave out --resume to start afresh"
        )
    if different:
        raise IndexingError(
            f"the unfinished build in {building} has another {', '.join(different)}: "
            "give the same arguments, or leave out --resume to start afresh"
        )


def _state(folder: Path) -> dict[str, object]:
    try:
        return dict(json.loads((folder / STATE).read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise IndexingError(
            f"{folder / STATE} is damaged: leave out --resume to start afresh"
        ) from error
