"""Gets a CORD-19 release: fetches its archive, checks it, unpacks it into a folder.

Releases: https://github.com/allenai/cord19 (the README's "Historical releases").
"""

import fcntl
import json
import os
import shutil
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from files.writing import write_durably
from index.corpora.fetching import Patience, fetch
from index.corpora.megabytes import MEGABYTE, in_megabytes, sha256_watched
from index.corpora.metadata import read_metadata
from index.corpora.parses import checked
from index.corpora.tar import DamagedError, open_tar, write_member
from index.types import CorpusError, Progress, Watched

OFFICIAL = "https://ai2-semanticscholar-cord-19.s3-us-west-2.amazonaws.com/historical_releases"
_FIRST = "2020-05-26"  # release whose metadata.csv names its parses, in one archive
_METADATA = "metadata.csv"
_WORK = ".download"
_LOCK = ".download.lock"  # never deleted: else two could each lock one of that name
_OURS = "ours.json"  # in _WORK: the names in the release's folder that may be replaced


@dataclass(frozen=True, slots=True)
class Download:
    """A release that is in its folder now: the archive's SHA-256, and what was left out of it."""

    sha256: str
    skipped: dict[str, int]
    already: bool


def download(
    date: str,
    output: Path,
    progress: Watched,
    *,
    base: str = OFFICIAL,
    sha256: str | None = None,
    patience: Patience | None = None,
) -> Download:
    """Get the release of `date`, YYYY-MM-DD, into the folder `output`.

    Every file in it is complete or absent, and metadata.csv comes after the others; last comes
    cord-19_<date>.tar.gz.sha256, by which a later call knows that nothing is left to do. A call
    that was cut off is continued by the next one.

    Raises CorpusError when the release cannot be fetched, differs from `sha256`, is damaged, has
    another layout or finds no room, or when `output` holds another one, or anything that it
    would replace.
    """
    name = f"cord-19_{date}.tar.gz"
    if date < _FIRST:
        raise CorpusError(
            f"releases before {_FIRST} have another layout, which no build can read: give --date "
            f"{_FIRST} or later"
        )
    try:
        with _alone(output):
            found = _already(output, name, sha256)
            if found:
                return Download(found, {}, already=True)
            archive = output / _WORK / name
            if not archive.is_file():
                fetch(f"{base.rstrip('/')}/{name}", archive, progress, patience, note=progress.note)
            computed = sha256_watched(archive, progress)
            if sha256 and computed != sha256.lower():
                archive.unlink()
                raise CorpusError(
                    f"{name} has the SHA-256 {computed}, and not {sha256.lower()}; it was deleted: "
                    "run the command again, or see where that checksum is from"
                )
            skipped = _unpack(archive, output, progress)
            write_durably(output / f"{name}.sha256", f"{computed}  {name}\n")
            return Download(computed, skipped, already=False)
    except OSError as error:
        raise CorpusError(
            f"{output} cannot be written: {error.strerror or error}; mend that, and the same "
            "command goes on"
        ) from error


@contextmanager
def _alone(output: Path) -> Iterator[None]:
    """Keep a second download out of `output`, and the files of this one until it is done.

    The lock goes with the process that holds it; its file stays.
    """
    (output / _WORK).mkdir(parents=True, exist_ok=True)
    with (output / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:  # any other OSError is said by `download`
            raise CorpusError(
                f"another download is writing to {output}: wait for it, or give another --output"
            ) from error
        yield
        shutil.rmtree(output / _WORK, ignore_errors=True)


def _already(output: Path, name: str, sha256: str | None) -> str:
    """Return the SHA-256 of the release that is complete in `output`, "" when there is none."""
    for marker in output.glob("cord-19_*.tar.gz.sha256"):
        computed = marker.read_text(encoding="utf-8", errors="replace").split(" ")[0]
        if marker.name != f"{name}.sha256":
            raise CorpusError(
                f"{output} holds {marker.name.removesuffix('.sha256')}: give another --output"
            )
        if sha256 and computed != sha256.lower():
            raise CorpusError(
                f"{output} holds {name} with the SHA-256 {computed}, and not {sha256.lower()}: "
                "give another --output"
            )
        if (output / _METADATA).is_file():
            return computed
        _note(output, [path.name for path in output.iterdir()])
        marker.unlink()
    if (output / _METADATA).exists() and not (output / _WORK / name).is_file():
        raise CorpusError(
            f"{output} holds a metadata.csv that this command did not get: give another --output"
        )
    return ""


def _unpack(archive: Path, output: Path, progress: Progress) -> dict[str, int]:
    """Unpack the archive into `output`; return how many members were left out, by reason.

    Stricter than tarfile's data filter: only regular files come out, and only below `output`.
    """
    staging = output / _WORK / "unpacked"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    skipped: Counter[str] = Counter()
    progress.stage("unpacking", archive.stat().st_size // MEGABYTE, 0, "MB")
    try:
        with open_tar(archive, in_megabytes(progress)) as members:
            for member, content in members:
                if not member.isdir():
                    reason = _unpack_one(member, content, staging, archive.name)
                    skipped.update([reason] if reason else [])
    except DamagedError as error:
        archive.unlink()
        raise CorpusError(f"{error}. It was deleted: run the command again") from error
    _publish(_root(staging, archive), output)
    return dict(skipped)


def _unpack_one(
    member: tarfile.TarInfo, content: IO[bytes] | None, staging: Path, archive: str
) -> str:
    """Write a member below `staging`, or return the reason why not.

    Raises DamagedError for a name that no file can have, or not beside the others.
    """
    try:
        name = checked(member.name)
    except ValueError:
        return "leaves the release's folder"
    if {_WORK, _LOCK} & set(name.split("/")):
        return "has a name that the download itself uses"
    if content is None:
        return "is a link, a device or a pipe"
    free = shutil.disk_usage(staging).free
    if free < member.size:
        raise CorpusError(
            f"{name} needs {member.size / 1e9:.1f} GB in {staging}, where {free / 1e9:.1f} GB are "
            "free: free space, and the same command goes on"
        )
    write_member(name, content, staging, archive)
    return ""


def _root(staging: Path, archive: Path) -> Path:
    """Return the folder in `staging` that holds metadata.csv: itself, or the release's own.

    Raises CorpusError when none does: then this is another archive, and not a damaged one.
    """
    wrong = f"no {_METADATA}"
    for folder in (staging, *staging.glob("*/")):
        if (folder / _METADATA).is_file():
            try:
                next(read_metadata(folder / _METADATA), None)
            except CorpusError:
                wrong = f"a {_METADATA} without the columns of a CORD-19 release"
            else:
                return folder
    raise CorpusError(
        f"{archive.name} is whole and holds {wrong}: see that --date and --url are those of a "
        f"release since {_FIRST}. It is kept as {archive}; delete it to have it fetched again"
    )


def _publish(root: Path, output: Path) -> None:
    """Move what was unpacked into its place, metadata.csv last; replace only what was noted."""
    names = sorted(entry.name for entry in root.iterdir())
    ours = _noted(output)
    foreign = [name for name in names if os.path.lexists(output / name) and name not in ours]
    if foreign:
        raise CorpusError(
            f"{output} holds {foreign[0]}, which this command did not get: move it away, or give "
            "another --output"
        )
    _note(output, [*ours, *names])
    for entry in sorted(root.iterdir(), key=lambda path: path.name == _METADATA):
        target = output / entry.name
        if target.is_dir():
            shutil.rmtree(target)
        entry.replace(target)


def _noted(output: Path) -> list[str]:
    """Return the names in `output` that may be replaced: an earlier run put them there."""
    note = output / _WORK / _OURS
    return list(json.loads(note.read_text(encoding="utf-8"))) if note.is_file() else []


def _note(output: Path, names: Iterable[str]) -> None:
    write_durably(output / _WORK / _OURS, json.dumps(sorted(set(names))))
