"""Reads tar archives from beginning to end, plain or gzipped, with flat memory."""

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Self, cast

from index.types import CorpusError

_GZIP = b"\x1f\x8b"
_BUFFER = 1 << 20  # bytes
_BROKEN = (EOFError, tarfile.TarError, zlib.error, gzip.BadGzipFile)


class DamagedError(CorpusError):
    """An archive is cut off or damaged."""


Member = tuple[tarfile.TarInfo, IO[bytes] | None]


@contextmanager
def open_tar(
    path: Path, advance: Callable[[int], None] = lambda _: None
) -> Iterator[Iterator[Member]]:
    """Yield the members of an archive, each with its content when it is a regular file.

    A content can be read until the next member is asked for. `advance` hears of the bytes of the
    file as they are read. A file named .gz that was unpacked on its way is read all the same.

    Raises CorpusError when the file cannot be opened, and DamagedError, where it is noticed, when
    it is damaged or cut off. Only who asks for all members, to the end, knows that it is whole.
    """
    with ExitStack() as opened:
        try:
            file = opened.enter_context(path.open("rb"))
            gzipped = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
        except OSError as error:
            raise CorpusError(
                f"{path} cannot be read ({error.strerror}): fetch it again"
            ) from error
        try:
            content: IO[bytes] = cast("IO[bytes]", _Heard(file, advance))
            if gzipped:
                content = cast("IO[bytes]", opened.enter_context(gzip.GzipFile(fileobj=content)))
            tar = tarfile.open(  # noqa: SIM115 - closed by `opened`
                fileobj=content,
                mode="r|",
                bufsize=_BUFFER,
                tarinfo=_StrictHeader,
                encoding="utf-8",
                errors="replace",
            )
            opened.enter_context(tar)
            yield _members(tar, content)
        except _BROKEN as error:
            raise DamagedError(
                f"{path} is cut off or damaged ({error}): compare its size with the original's and "
                "fetch it again"
            ) from error


def _members(tar: tarfile.TarFile, content: IO[bytes]) -> Iterator[Member]:
    while member := tar.next():
        yield member, tar.extractfile(member) if member.isreg() else None
        forget_members(tar)
    while content.read(_BUFFER):  # gzip's checksum is at the end
        pass


def forget_members(tar: tarfile.TarFile) -> None:
    """Drop the list of members that a TarFile keeps; a stream has no use for it, and it grows."""
    vars(tar)["members"].clear()  # an attribute that the type stubs leave out


class _StrictHeader(tarfile.TarInfo):
    """A header that tarfile cannot read is an error; tarfile itself takes it for the end."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined] # left out of the type stubs
            raise  # the block of zeros with which an archive ends
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


class _Heard:
    """A file that tells how much of it is read."""

    def __init__(self, file: IO[bytes], advance: Callable[[int], None]) -> None:
        self._file = file
        self._advance = advance

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._advance(len(data))
        return data
