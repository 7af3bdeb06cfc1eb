"""Where the full-text parses of a release lie: in folders, or in an archive (see `archive`)."""

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from index.corpora.metadata import Record
from index.types import Progress

FOLDER = "document_parses"
LARGEST = 30_000_000  # bytes of one parse; a larger file is none
COLUMNS = ("pmc_json_files", "pdf_json_files")  # XML first: it gives cleaner text than PDF


class Parses(Protocol):
    """The parses of a release, as the reading of its papers needs them."""

    @property
    def remark(self) -> str:
        """Return what is to be known of where they lie, "" when nothing is."""
        ...

    def identity(self) -> str:
        """Return a text that changes when parses are added or removed.

        A build resumes only while it is the same. No parse is opened for it.
        """
        ...

    def prepare(self, named: Iterable[str], progress: Progress) -> None:
        """Make `read` work for all `named` paths; called once before it, in the parent process."""
        ...

    def read(self, path: str) -> bytes:
        """Return the content of `path`, as metadata.csv names it. Called in any process.

        Raises OSError when it is not there, and ValueError, with the reason, when it is refused.
        """
        ...

    def discard(self) -> None:
        """Delete what `prepare` made: no `read` follows."""
        ...


@dataclass(frozen=True, slots=True)
class FolderParses:
    """Parses as files below the release's folder."""

    root: Path

    @property
    def remark(self) -> str:
        """Return nothing."""
        return ""

    def holds(self, path: str) -> bool:
        """Return whether there is anything at `path`; that it can be read is not said."""
        try:
            return os.path.lexists(self.root / checked(path))
        except ValueError:  # `read` says so
            return True

    def identity(self) -> str:
        """Return a digest of the names of all parses below document_parses, sorted.

        A file that was written anew in its place goes unnoticed, and so does what is no parse.
        """
        names = hashlib.sha256()
        for folder, folders, files in os.walk(self.root / FOLDER):
            folders.sort()
            for name in sorted(name for name in files if name.endswith(".json")):
                path = os.path.relpath(os.path.join(folder, name), self.root)  # noqa: PTH118 - quick
                names.update(os.fsencode(path) + b"\0")
        return names.hexdigest()

    def prepare(self, named: Iterable[str], progress: Progress) -> None:
        """Do nothing: files can be read as they are."""

    def read(self, path: str) -> bytes:
        """Return the content of a file that lies below the folder, also where links lead to."""
        root = os.path.realpath(self.root)  # unlike Path.resolve, it bears links in a circle
        file = Path(os.path.realpath(self.root / checked(path)))
        if not file.is_relative_to(root):
            raise ValueError("leaves the corpus folder; not read")
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            raise ValueError("is not a file")
        if status.st_size > LARGEST:
            raise ValueError(f"has more than {LARGEST:,} bytes; not read")
        return file.read_bytes()

    def discard(self) -> None:
        """Do nothing."""


def checked(path: str) -> str:
    """Return a path of metadata.csv or an archive in one notation.

    Raises ValueError when it leads out of the corpus folder, or might on some system.

    >>> checked("./document_parses//pdf_json/1.json")
    'document_parses/pdf_json/1.json'
    """
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\x00" in path or "\\" in path:
        raise ValueError("leaves the corpus folder; not read")
    return str(pure)


def paths(records: Iterable[Record], column: str) -> list[str]:
    """Return the paths that the records name in a column, each once, in order."""
    named = (path.strip() for record in records for path in record.get(column, "").split(";"))
    return list(dict.fromkeys(path for path in named if path))
