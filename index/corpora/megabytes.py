"""Progress in megabytes, of what is counted in bytes."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from index.types import Progress

MEGABYTE = 1_000_000
_CHUNK = 1 << 20  # bytes


def in_megabytes(progress: Progress, done: int = 0) -> Callable[[int], None]:
    """Return what takes bytes, after the first `done`, and tells `progress` of whole megabytes."""
    position = done

    def advance(count: int) -> None:
        nonlocal position
        before, position = position, position + count
        if moved := position // MEGABYTE - before // MEGABYTE:
            progress.advance(moved)

    return advance


def sha256_watched(path: Path, progress: Progress) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits, as the stage "checking"."""
    progress.stage("checking", path.stat().st_size // MEGABYTE, 0, "MB")
    advance = in_megabytes(progress)
    computed = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            computed.update(chunk)
            advance(len(chunk))
    return computed.hexdigest()
