"""The passage store: papers and passages in one SQLite file."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import astuple, fields
from functools import cache, lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from index.databases import read_only
from index.filters import Attributes, Facets, Filters
from index.lengths import LONGEST_NAME, LONGEST_UID, paper_of, passage_of
from index.opening import unopened
from index.papers import PaperColumns
from index.types import IndexingError, Paper, Passage

PASSAGES = "passages.sqlite"
"""The name of the file in an index that holds its passages and papers."""

_REMEMBERED = 4  # filters whose passages are kept, each of 8 bytes a passage

_PAPER_COLUMNS = tuple(field.name for field in fields(Paper))
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS papers (
    {", ".join(f"{name} TEXT NOT NULL" for name in _PAPER_COLUMNS)},
    full_text INTEGER NOT NULL,
    first_passage INTEGER NOT NULL,  -- a paper's passages are consecutive rows
    passages INTEGER NOT NULL,
    PRIMARY KEY (cord_uid)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS passages (
    id INTEGER PRIMARY KEY,          -- from 0, without gaps: the row of its vector
    cord_uid TEXT NOT NULL,
    section TEXT NOT NULL,
    text TEXT NOT NULL,
    "start" INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    digest INTEGER NOT NULL UNIQUE   -- of the text: no two passages read the same
);
CREATE TABLE IF NOT EXISTS skips (cord_uid TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS unreadable (path TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS progress (paper INTEGER NOT NULL);
"""


def digest(text: str) -> int:
    """Return a signed 64-bit digest of `text`, the same for any white space and letter case."""
    folded = " ".join(text.casefold().split()).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(folded, digest_size=8).digest(), "big", signed=True)


class PassageWriter:
    """Writes a passage store, paper by paper; what `commit` has returned from survives a kill."""

    def __init__(self, path: Path) -> None:
        """Open the store at `path`, making it if there is none."""
        self._db = sqlite3.connect(path, isolation_level=None)
        try:
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.executescript("BEGIN;" + _SCHEMA + "COMMIT;")
            self._db.execute("BEGIN")
            self.next_id = int(self._db.execute("SELECT COUNT(*) FROM passages").fetchone()[0])
        except sqlite3.Error:
            self._db.close()  # or it would keep the file locked
            raise

    def last_paper(self) -> int:
        """Return the number of the last paper that a commit covered, -1 when there is none."""
        row = self._db.execute("SELECT paper FROM progress").fetchone()
        return int(row[0]) if row else -1

    def add(
        self,
        paper: Paper,
        passages: Iterable[tuple[str, str, int, int]],
        *,
        full_text: bool,
    ) -> int:
        """Add a paper with its passages (section, text, start, end); return how many were new.

        A passage whose text is in the store already is dropped; a paper without any is not added.
        """
        first = self.next_id
        for section, text, start, end in passages:
            added = self._db.execute(
                "INSERT OR IGNORE INTO passages VALUES (?,?,?,?,?,?,?)",
                (self.next_id, paper.cord_uid, section, text, start, end, digest(text)),
            )
            self.next_id += added.rowcount
        if self.next_id > first:
            values = (*astuple(paper), int(full_text), first, self.next_id - first)
            marks = ",".join("?" * len(values))
            self._db.execute(f"INSERT INTO papers VALUES ({marks})", values)  # noqa: S608 - placeholders only
        return self.next_id - first

    def skip(self, cord_uid: str, reason: str) -> None:
        """Note that a record was not indexed as a paper of its own, and why."""
        self._db.execute("INSERT INTO skips (cord_uid, reason) VALUES (?,?)", (cord_uid, reason))

    def unreadable(self, path: str, reason: str) -> None:
        """Note that a full-text parse could not be read, and why."""
        self._db.execute("INSERT INTO unreadable VALUES (?,?)", (path, reason))

    def commit(self, paper: int) -> None:
        """Make all up to and including paper number `paper` durable."""
        self._db.execute("DELETE FROM progress")
        self._db.execute("INSERT INTO progress VALUES (?)", (paper,))
        self._db.execute("COMMIT")
        self._db.execute("BEGIN")

    def close(self) -> None:
        """Undo what was not committed, and leave a single file without a journal beside it."""
        with closing(self._db):
            if self._db.in_transaction:  # a full disk has ended it already
                self._db.execute("ROLLBACK")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute("PRAGMA journal_mode=DELETE")


class PassageStore:
    """Reads a passage store. Safe to use from several threads, which take turns.

    Passages, and what is known of papers, are cut where they are too long (see `index.lengths`).
    The file is opened once, so a store goes on reading when its index folder is deleted. It is
    closed by `close`, or when nothing refers to the store any more.
    """

    def __init__(self, path: Path) -> None:
        """Open the store at `path`. Raises IndexingError when it is not one, and ShortageError."""
        self._turn = Lock()
        try:
            path.open("rb").close()  # which says why it cannot be; SQLite does not
            self._db = sqlite3.connect(read_only(path), uri=True, check_same_thread=False)
            self._closing = finalize(self, self._db.close)
            ((self.papers, self.passages, longest),) = self._rows(
                "SELECT (SELECT COUNT(*) FROM papers), (SELECT COUNT(*) FROM passages),"
                " (SELECT MAX(length(cord_uid)) FROM papers)"
            )
        except (OSError, sqlite3.DatabaseError) as error:
            raise unopened(path, error, "is not a passage store") from error
        if (longest or 0) > LONGEST_UID:
            self.close()
            raise IndexingError(
                f"{path} has a paper whose cord_uid is {longest:,} characters long, and"
                f" {LONGEST_UID} are possible: correct metadata.csv and build the index again"
            )
        self._columns = cache(partial(_columns, self._db, self._turn))
        self._remembered = lru_cache(_REMEMBERED)(partial(_matching, self._columns))

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._turn:
            return self._db.execute(query, values).fetchall()

    def get(self, ids: Sequence[int]) -> list[Passage]:
        """Return the passages of these ids, in their order. Raises KeyError for an unknown id."""
        found = {
            row[0]: passage_of(row)
            for row in self._select(
                'SELECT id, cord_uid, section, text, "start", "end" FROM passages WHERE id IN',
                ids,
            )
        }
        return [found[id_] for id_ in ids]

    def get_papers(self, cord_uids: Sequence[str]) -> dict[str, Paper]:
        """Return the papers of these cord_uids, by cord_uid."""
        columns = ", ".join(_PAPER_COLUMNS)
        rows = self._select(f"SELECT {columns} FROM papers WHERE cord_uid IN", cord_uids)  # noqa: S608 - our columns
        return {row[0]: paper_of(row) for row in rows}

    def of_paper(self, cord_uid: str) -> list[Passage]:
        """Return the passages of a paper, by id; none where the store does not have it."""
        rows = self._rows(
            'SELECT id, cord_uid, section, text, "start", "end" FROM passages WHERE id >='
            " (SELECT first_passage FROM papers WHERE cord_uid = ?1) AND id <"
            " (SELECT first_passage + passages FROM papers WHERE cord_uid = ?1) ORDER BY id",
            (cord_uid,),
        )
        return [passage_of(row) for row in rows]

    def _select(self, query: str, keys: Sequence[int] | Sequence[str]) -> Iterator[tuple[Any, ...]]:
        for at in range(0, len(keys), 500):  # well under SQLite's bound on placeholders
            some = keys[at : at + 500]
            marks = ",".join("?" * len(some))
            yield from self._rows(f"{query} ({marks})", some)

    def matching(self, filters: Filters) -> NDArray[np.int64]:
        """Return the ids of the passages that match, ascending and read-only; shape (matching,)."""
        return self._remembered(filters)

    def spelled(self, filters: Filters) -> Filters:
        """Return filters with all spellings of their journals that the papers have."""
        return self._columns().spelled(filters) if filters.journals else filters

    def published_before(self, ids: NDArray[np.int64], date: str) -> NDArray[np.bool_]:
        """Tell of n passages whether their papers were surely published before a date; shape (n,).

        The date may be as vague as those of `index.filters.Filters`.
        """
        return self._columns().before(ids, date)

    def facets(self) -> Facets:
        """Return the names that there are to filter by."""
        return self._columns().facets()

    def texts(self, start: int, stop: int) -> list[tuple[str, str, str]]:
        """Return (title, section, text) of the passages with ids in [start, stop), by id."""
        return self._rows(
            "SELECT papers.title, section, text FROM passages JOIN papers USING (cord_uid)"
            " WHERE id >= ? AND id < ? ORDER BY id",
            (start, stop),
        )

    def searchable(self, start: int, stop: int) -> list[tuple[str, str, str, Attributes]]:
        """Return title, section, text, attributes of the passages with ids in [start, stop)."""
        rows = self._rows(
            "SELECT title, section, text, publish_time, source, journal, full_text"
            " FROM passages JOIN papers USING (cord_uid) WHERE id >= ? AND id < ? ORDER BY id",
            (start, stop),
        )
        return [
            (title, section, text, Attributes(published, source, journal, bool(full_text)))
            for title, section, text, published, source, journal, full_text in rows
        ]

    def find(self, rows: Sequence[tuple[str, str, str]]) -> dict[int, int]:
        """Return the ids of the passages that have this title, section and text, by place."""
        by_digest = {digest(text): place for place, (_, _, text) in enumerate(rows)}
        found = self._select(
            "SELECT digest, id, papers.title, section, text"
            " FROM passages JOIN papers USING (cord_uid) WHERE digest IN",
            list(by_digest),
        )
        return {by_digest[row[0]]: row[1] for row in found if row[2:] == rows[by_digest[row[0]]]}

    def skips(self) -> dict[str, int]:
        """Return how many records were skipped, by reason."""
        return self._reasons("skips")

    def unreadable(self) -> dict[str, int]:
        """Return how many full-text parses could not be read, by reason."""
        return self._reasons("unreadable")

    def _reasons(self, table: str) -> dict[str, int]:
        query = (
            f"SELECT reason, COUNT(*) FROM {table} GROUP BY reason ORDER BY COUNT(*) DESC, reason"  # noqa: S608 - our tables
        )
        return dict(self._rows(query))

    def close(self) -> None:
        """Close the file."""
        self._closing()


def _columns(db: sqlite3.Connection, turn: Lock) -> PaperColumns:
    """Read what filters look at of all papers: only an opened index needs it, a build does not."""
    with turn:
        rows = db.execute(
            "SELECT first_passage, passages, publish_time, source, journal, full_text FROM papers"
        )
        return PaperColumns(
            (first, count, published, source[:LONGEST_NAME], journal[:LONGEST_NAME], full_text)
            for first, count, published, source, journal, full_text in rows
        )


def _matching(columns: Callable[[], PaperColumns], filters: Filters) -> NDArray[np.int64]:
    found = columns().matching(filters)
    found.setflags(write=False)  # the same array is given to all who ask
    return found
