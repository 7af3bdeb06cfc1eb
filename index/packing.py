"""An index as one file: a plain tar that one machine writes and another fetches and unpacks.

In it lie, as in the index's folder, `CURRENT`, the one version that it names, and the calibrations
fitted on it. The same index always gives the same bytes.
"""

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

from files.writing import expect_file, whole_file
from index.corpora.parses import checked as checked_name
from index.corpora.tar import DamagedError, Member, open_tar, write_member
from index.manifest import CURRENT, MANIFEST, Manifest, publish
from index.search import PassageIndex, checked
from index.types import CorpusError, IndexingError

CALIBRATION = "calibration"
_LEAST = 512  # bytes that a member counts for: each one takes its time, and most a file


def pack(index_dir: Path, target: Path, encoder: str | None = None) -> tuple[str, Manifest]:
    """Write the current version of an index to the file `target`.

    Returns the file's SHA-256, and the manifest of the version. `target` is complete or absent; of
    a link it is the file that this leads to. `encoder` is the name of the encoder that the index
    must be of, if given. Raises IndexingError when the index is not whole or of another encoder,
    or its version gives way to newer ones meanwhile, and OSError when the file cannot be written.
    """
    expect_file(target)
    target = target.resolve()
    version, manifest = checked(index_dir, encoder)
    PassageIndex.of(version, manifest)
    names = [f"{version.name}/{MANIFEST}"]
    names += [f"{version.name}/{name}" for name in sorted(manifest.files)]
    fitted = sorted((index_dir / CALIBRATION).glob("*.json"))
    names += [f"{CALIBRATION}/{path.name}" for path in fitted]
    named = f"{version.name}\n".encode()
    with whole_file(target) as file:
        written = _Hashed(file)
        with tarfile.open(
            fileobj=cast("IO[bytes]", written), mode="w|", format=tarfile.PAX_FORMAT
        ) as tar:
            _add(tar, CURRENT, len(named), io.BytesIO(named))  # not what is current by now
            for name in names:
                with _opened(index_dir / name) as content:
                    _add(tar, name, os.fstat(content.fileno()).st_size, content)
    return written.digest.hexdigest(), manifest


def _opened(path: Path) -> IO[bytes]:
    """Open a file of the index. Raises IndexingError where it went with its version."""
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise IndexingError(
            f"{path} is gone: newer versions were published meanwhile; pack the index again"
        ) from error


def _add(tar: tarfile.TarFile, name: str, size: int, content: IO[bytes]) -> None:
    """Add a file with nothing of where, when and by whom it was written."""
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o644
    tar.addfile(member, content)


class _Hashed:
    """A file that is written from beginning to end, with the SHA-256 of what went through."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._file.write(data)


def unpack(
    archive: Path,
    index_dir: Path,
    *,
    limit: int,
    encoder: str | None = None,
    before: Callable[[str], None] = lambda _: None,
) -> Path:
    """Publish the index in `archive` as the current version of `index_dir`; return its folder.

    The archive may be anything, by anyone: only regular files are taken from it, only below a
    folder of its own, at most `limit` bytes of them, where each member counts for 512 at least, and
    all are compared with the manifest before they are published. `encoder` is the name of the
    encoder that the index must be of, if given. `before` hears the version's name right before it
    becomes the current one.

    Raises IndexingError when the archive holds no whole index, one of another encoder, or more
    than `limit` bytes, and OSError when it cannot be written.
    """
    staging = index_dir / ".unpacking"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        _extract(archive, staging, limit)
        version = _only_version(archive, staging, encoder)
        before(version.name)
        published = _published(version, index_dir, staging / "before")
        _replace(staging / CALIBRATION, index_dir / CALIBRATION)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return published


def _published(version: Path, index_dir: Path, before: Path) -> Path:
    """Publish the unpacked version; return its folder.

    One of its name that is there already, of a start that was cut off before its end, is moved to
    `before`, and back when this fails.
    """
    there = index_dir / version.name
    if there.exists():
        there.rename(before)
    try:
        return publish(version, index_dir, version.name)
    except BaseException:
        if before.exists() and not there.exists():
            before.rename(there)
        raise


def _extract(archive: Path, staging: Path, limit: int) -> None:
    try:
        with open_tar(archive) as members:
            for name, content in _files(archive, members, limit):
                write_member(name, content, staging, archive.name)
    except DamagedError as error:
        raise IndexingError(
            f"{archive.name} is no tar archive, or a damaged one: pack the index again with "
            "`python -m scripts.pack_index`"
        ) from error
    except CorpusError as error:
        raise IndexingError(str(error)) from error


def _files(archive: Path, members: Iterator[Member], limit: int) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield name and content of each member.

    Raises IndexingError for one that is no file, and beyond `limit` bytes of all.
    """
    room = limit
    for member, content in members:
        room -= max(member.size, _LEAST)
        if room < 0:
            raise IndexingError(
                f"{archive.name} unpacks to more than {limit:,} bytes, which is the limit: raise "
                "it, or serve a smaller index"
            )
        if member.isdir():
            continue
        try:
            name = checked_name(member.name)
        except ValueError:
            name = ""
        if not name or content is None:
            raise IndexingError(
                f"{archive.name} holds {member.name[:80]!r}, which no packed index does: pack the "
                "index again with `python -m scripts.pack_index`"
            )
        yield name, content


def _only_version(archive: Path, staging: Path, encoder: str | None) -> Path:
    """Return the version that was unpacked, opened once, rid of files that are not part of it."""
    if not (staging / CURRENT).is_file():
        raise IndexingError(
            f"{archive.name} holds no index that can be served, as it has no file {CURRENT}: pack "
            "the index again with `python -m scripts.pack_index`"
        )
    try:
        version, manifest = checked(staging, encoder)
        PassageIndex.of(version, manifest)
    except IndexingError as error:
        raise IndexingError(
            f"{archive.name} holds no index that can be served: {_without(staging, error)}"
        ) from error
    known = {MANIFEST, *manifest.files}
    for path in version.rglob("*"):
        if path.is_file() and path.relative_to(version).as_posix() not in known:
            path.unlink()
    return version


def _without(staging: Path, error: Exception) -> str:
    return str(error).replace(f"{staging}/", "").replace(str(staging), "in it")


def _replace(source: Path, target: Path) -> None:
    """Let the folder `target` be `source`, or gone where there is no `source`."""
    shutil.rmtree(target, ignore_errors=True)
    if source.is_dir():
        source.rename(target)
