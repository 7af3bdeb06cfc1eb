"""Parses that lie in an archive beside metadata.csv: document_parses.tar.gz, .tgz or .tar.

An archive can only be read from beginning to end, and holds its parses in another order than
metadata.csv names them. So the named ones are first copied, compressed, into a SQLite file in the
build's folder, in one pass; papers are then read from there.
"""

import sqlite3
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO

from index.corpora.megabytes import MEGABYTE, in_megabytes
from index.corpora.parses import FOLDER, LARGEST, FolderParses, Parses, checked
from index.corpora.tar import Member, open_tar
from index.databases import read_only
from index.types import Progress

_NAMES = (f"{FOLDER}.tar.gz", f"{FOLDER}.tgz", f"{FOLDER}.tar")
_LEVEL = 1  # of compression: the fastest
_CACHE = 32  # MiB of the file that SQLite keeps in memory
_BYTES_PER_COMMIT = 64_000_000  # of parses: what a kill may cost
_SCHEMA = """
CREATE TABLE IF NOT EXISTS named (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parses (path TEXT PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS refused (path TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS refused_path ON refused (path);
CREATE TABLE IF NOT EXISTS progress (size INT, mtime INT, members INT, complete INT);
"""


def find_parses(corpus: Path, scratch: Path) -> Parses:
    """Return the parses of the release in `corpus`: its folder document_parses, or its archive.

    Where both are, the archive has what the folder lacks. `scratch` is the file that an archive's
    parses may be copied to.
    """
    archives = [corpus / name for name in _NAMES if (corpus / name).is_file()]
    folder = FolderParses(corpus)
    return ArchivedParses(folder, archives[0], scratch) if archives else folder


@dataclass(frozen=True, slots=True)
class ArchivedParses:
    """The parses of `folder`, and of `archive` those that the folder lacks.

    These are read from the copy in `scratch`, which `prepare` makes. There may be no folder, or one
    that an unpacking was cut off in.
    """

    folder: FolderParses
    archive: Path
    scratch: Path

    def _has_folder(self) -> bool:
        return (self.folder.root / FOLDER).is_dir()

    @property
    def remark(self) -> str:
        """Return which of the two is read, where both are there."""
        if not self._has_folder():
            return ""
        return (
            f"{self.folder.root / FOLDER} and {self.archive.name} are both there: the folder is "
            "read, and the archive for what the folder lacks"
        )

    def identity(self) -> str:
        """Return the archive's name, size and time, after what identifies the folder, if any."""
        own = f"{self.archive.name} {self._identity()}"
        return f"{self.folder.identity()} {own}" if self._has_folder() else own

    def _identity(self) -> tuple[int, int]:
        status = self.archive.stat()
        return status.st_size, status.st_mtime_ns

    def prepare(self, named: Iterable[str], progress: Progress) -> None:
        """Copy the named parses that the folder lacks; the archive is not opened if it lacks none.

        Goes on where a run was cut off, unless the archive has changed. What was copied before is
        not written again, but the archive is read from its beginning. Raises CorpusError for an
        archive that is damaged or cut off, and OSError or sqlite3.Error when the copy cannot be
        written.
        """
        lacking = (path for path in named if not self.folder.holds(path))
        first = next(lacking, None)
        if first is None:
            return
        identity = self._identity()
        with closing(self._opened(identity)) as db:
            _, _, members, complete = db.execute("SELECT * FROM progress").fetchone()
            if not complete:
                progress.stage("unpacking parses", identity[0] // MEGABYTE, 0, "MB")
                copied = _each_checked(chain([first], lacking))
                with db:
                    db.executemany("INSERT OR IGNORE INTO named VALUES (?)", copied)
                with open_tar(self.archive, in_megabytes(progress)) as content:
                    _copy(db, content, members)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute("PRAGMA journal_mode=DELETE")  # one file, which needs no lock to be read

    def _opened(self, identity: tuple[int, int]) -> sqlite3.Connection:
        """Open the copy; begin a new one when there is none, or one of another archive."""
        db = sqlite3.connect(self.scratch)
        try:
            db.execute(f"PRAGMA cache_size=-{_CACHE}000")
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("PRAGMA journal_mode=WAL")
            db.executescript(_SCHEMA)
            with db:
                found = db.execute("SELECT size, mtime FROM progress").fetchone()
                if found != identity:
                    for table in ("named", "parses", "refused", "progress"):
                        db.execute(f"DELETE FROM {table}")  # noqa: S608 - our tables
                    db.execute("INSERT INTO progress VALUES (?,?,0,0)", identity)
        except BaseException:
            db.close()
            raise
        return db

    def read(self, path: str) -> bytes:
        """Return the content of a parse, from the folder if it is there, else from the copy."""
        if self.folder.holds(path) or not self.scratch.is_file():
            return self.folder.read(path)
        path = checked(path)
        with closing(sqlite3.connect(read_only(self.scratch), uri=True)) as db:
            found = db.execute("SELECT content FROM parses WHERE path=?", (path,)).fetchone()
            if found:
                return zlib.decompress(found[0])
            reason = db.execute("SELECT reason FROM refused WHERE path=?", (path,)).fetchone()
        if reason:
            raise ValueError(reason[0])
        raise FileNotFoundError(2, f"is not in {self.archive.name}")

    def discard(self) -> None:
        """Delete the copy."""
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.scratch.with_name(self.scratch.name + suffix).unlink(missing_ok=True)


def _copy(db: sqlite3.Connection, members: Iterator[Member], done: int) -> None:
    """Copy the named ones of the members after the first `done`, with a commit now and then."""
    uncommitted = 0
    number = 0
    for number, (member, content) in enumerate(members, start=1):
        if number <= done or member.isdir():
            continue
        uncommitted += _add(db, member, content)
        if uncommitted >= _BYTES_PER_COMMIT:
            db.execute("UPDATE progress SET members=?", (number,))
            db.commit()
            uncommitted = 0
    db.execute("UPDATE progress SET members=?, complete=1", (number,))
    db.commit()


def _add(db: sqlite3.Connection, member: tarfile.TarInfo, content: IO[bytes] | None) -> int:
    """Copy a member if a record names it, or note why not; return its size if it was copied.

    Nothing is ever written to a place that a member names.
    """
    path = _in_release(member.name)
    if path is None or not db.execute("SELECT 1 FROM named WHERE path=?", (path,)).fetchone():
        return 0
    if content is None:
        return _refuse(db, path, "is a link, a device or a pipe in the archive; not read")
    if member.size > LARGEST:
        return _refuse(db, path, f"has more than {LARGEST:,} bytes; not read")
    packed = zlib.compress(content.read(), _LEVEL)
    db.execute("INSERT OR REPLACE INTO parses VALUES (?,?)", (path, packed))  # as tar: the last
    return member.size


def _refuse(db: sqlite3.Connection, path: str, reason: str) -> int:
    db.execute("INSERT INTO refused VALUES (?,?)", (path, reason))
    return 0


def _in_release(name: str) -> str | None:
    """Return the path of a member in the release: without a folder that all of it was packed in.

    None when it leads out of the corpus folder: no record can name it.

    >>> _in_release("2022-06-02/document_parses/pdf_json/1.json")
    'document_parses/pdf_json/1.json'
    """
    try:
        path = checked(name)
    except ValueError:
        return None
    before, found, after = path.partition(f"/{FOLDER}/")
    return f"{FOLDER}/{after}" if found and not before.startswith(FOLDER) else path


def _each_checked(named: Iterable[str]) -> Iterator[tuple[str]]:
    for path in named:
        try:
            yield (checked(path),)
        except ValueError:  # `read` says so to the paper that names it
            continue
