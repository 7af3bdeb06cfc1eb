"""Reads tar archives from beginning to end, plain or gzipped, with flat memory."""

import errno
import gzip
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Self, cast

from index.types import CorpusError

_GZIP = b"\x1f\x8b"
_BUFFER = 1 << 20  # bytes
_MOST_HEADERS = 1 << 20  # bytes before a member's own header: long names, and pax
_EXTENDED = {
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
}
_SPARSE = "a sparse file: pack it without --sparse"
_IMPOSSIBLE = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}  # of a name alone
_BROKEN = (
    EOFError,
    RecursionError,  # tarfile calls itself for each header that another one follows
    tarfile.TarError,
    zlib.error,
    gzip.BadGzipFile,
)


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


def write_member(name: str, content: IO[bytes], folder: Path, archive: str) -> None:
    """Write the content of a member to the file `name` below a folder; it is on the disk then.

    Raises DamagedError for a name that no file can have, or not beside the others, and OSError.
    """
    target = folder / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            shutil.copyfileobj(content, file, _BUFFER)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in _IMPOSSIBLE:
            raise
        raise DamagedError(f"{archive} holds {name[:80]}: {error.strerror}") from error


class _StrictHeader(tarfile.TarInfo):
    """A header that tarfile cannot read is an error; tarfile itself takes it for the end.

    So is one that is too long: tarfile reads those that extend a member's own whole. And so is that
    of a sparse file, whose list of places it reads whole.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type in _EXTENDED and header.size > _MOST_HEADERS:
            raise tarfile.ReadError(f"a header of {header.size:,} bytes")
        if header.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError(_SPARSE)
        return header

    def _proc_gnusparse_10(self, *_: object) -> None:
        """Take the place of what tarfile does where pax headers tell of a list in the content."""
        raise tarfile.ReadError(_SPARSE)

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        held = tarfile_.pax_headers  # of all members that follow
        before = tarfile_.fileobj.tell() - tarfile_.offset if tarfile_.fileobj else 0
        if max(before, sum(map(len, (*held, *held.values())))) > _MOST_HEADERS:
            raise tarfile.ReadError(f"headers of more than {_MOST_HEADERS:,} bytes")
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
