"""Writes to files so that it is on the disk, and of most so that they are complete or absent."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to write to, which takes the place of `path` when the block is left.

    Whatever happens, `path` is as it was or complete; it is on the disk when this returns. Where
    the block or the disk fails nothing stays beside `path`; what a killed process left there is
    written over. Two must not write to one path at once. Raises OSError, also where `path` is a
    folder, a device or a pipe.
    """
    expect_file(path)
    beside = temporary(path)
    try:  # before it is opened: a signal may come as soon as it is there
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            beside.replace(path)
    except BaseException:
        with suppress(OSError):  # where it could not be opened
            beside.unlink()
        raise
    sync(path.parent)


def write_durably(path: Path, text: str | Iterable[str]) -> None:
    """Write a `whole_file` of a text, or of its pieces, in UTF-8."""
    with whole_file(path) as file:
        for piece in [text] if isinstance(text, str) else text:
            file.write(piece.encode())


def expect_file(path: Path) -> None:
    """Raise OSError where there is something at `path` that is no regular file, nor a link to one.

    A file that is written and then takes its name would be in the place of a device.
    """
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "it is no regular file", str(path))


def append_durably(path: Path, content: bytes) -> None:
    """Append to a file, which need not exist; on the disk when this returns. Raises OSError.

    Where the process or the disk fails, the file may end with a part of the content.
    """
    with path.open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def temporary(path: Path) -> Path:
    """Return the file beside `path` that is written, and then takes its name."""
    return path.with_name(path.name + ".tmp")


def sync(path: Path) -> None:
    """Return when what was written to the file or folder `path` is on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
