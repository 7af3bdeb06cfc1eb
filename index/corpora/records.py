"""Brings the records of each paper together, in a SQLite file: nothing here holds a corpus.

`index.corpora.identity` says what makes two records one paper.
"""

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from files.writing import sync
from index.corpora.bounds import bounded
from index.corpora.dates import read_date
from index.corpora.identity import Evidence, Identity, are_one_paper
from index.corpora.metadata import Malformed, Record, read_metadata

_CACHE = 64  # MiB of the file that SQLite keeps in memory while the plan is made
_COMPARED = 20  # records of a paper that a further one is compared with
_MOST_RECORDS = 100  # records of a paper that are read; of the others only the cord_uid is kept
_MADE = 3


@dataclass(frozen=True, slots=True)
class PaperTask:
    """All records of one paper, by position in metadata.csv: what one worker reads at a time."""

    number: int
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Oddities:
    """What of metadata.csv could be read in part only, though nothing was skipped for it.

    Records with another number of fields than the header and the line of the first, dates, and
    records with fields that are too long to be kept whole (see `index.corpora.bounds`).
    """

    malformed: int
    first_line: int
    dates: int
    too_long: int


class RecordPlan:
    """The records of metadata.csv, grouped by paper, in a SQLite file.

    A paper's number is the position of its first record in metadata.csv.
    """

    def __init__(self, path: Path) -> None:
        """Open the plan at `path`; it need not exist."""
        self._path = path

    def make(self, metadata: Path, limit: int | None = None) -> None:
        """Fill the plan from the first `limit` records of `metadata`, unless it is made already.

        Raises CorpusError when the file is missing, is not a CSV, lacks a column or is cut off.
        """
        if self._is_made():
            return
        self._path.unlink(missing_ok=True)
        with closing(sqlite3.connect(self._path)) as db, db:
            db.executescript(
                f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{_CACHE}000;"
                "CREATE TABLE records (position INTEGER PRIMARY KEY, paper INT, record TEXT);"
                "CREATE INDEX by_paper ON records (paper, position);"
                "CREATE TABLE keys (key INT, position INT, PRIMARY KEY (key, position))"
                " WITHOUT ROWID;"
                "CREATE TABLE oddities (malformed INT, first_line INT, dates INT, too_long INT);"
            )
            malformed, dates, too_long = Malformed(), 0, 0
            for position, given in enumerate(read_metadata(metadata, limit, malformed)):
                record = bounded(given)
                too_long += record != given
                _add(db, position, record)
                published = record.get("publish_time", "")
                dates += bool(published and not read_date(published))
            row = (malformed.records, malformed.line, dates, too_long)
            db.execute("INSERT INTO oddities VALUES (?,?,?,?)", row)
            db.commit()
        sync(self._path)  # before it is called made: SQLite did not wait for it
        with closing(sqlite3.connect(self._path)) as db:
            db.execute(f"PRAGMA user_version={_MADE}")

    def _is_made(self) -> bool:
        if not self._path.is_file():
            return False
        with closing(sqlite3.connect(self._path)) as db:
            try:
                return bool(db.execute("PRAGMA user_version").fetchone()[0] == _MADE)
            except sqlite3.DatabaseError:
                return False

    def counts(self) -> tuple[int, int]:
        """Return the numbers of records and of papers."""
        with closing(sqlite3.connect(self._path)) as db:
            row = db.execute("SELECT COUNT(*), COUNT(DISTINCT paper) FROM records").fetchone()
            return int(row[0]), int(row[1])

    def oddities(self) -> Oddities:
        """Return what could be read in part only."""
        with closing(sqlite3.connect(self._path)) as db:
            return Oddities(*db.execute("SELECT * FROM oddities").fetchone())

    def papers_up_to(self, number: int) -> int:
        """Return how many papers have this number or a smaller one."""
        with closing(sqlite3.connect(self._path)) as db:
            row = db.execute(
                "SELECT COUNT(DISTINCT paper) FROM records WHERE paper <= ?", (number,)
            ).fetchone()
            return int(row[0])

    def tasks(self, after: int = -1) -> Iterator[PaperTask]:
        """Yield the papers whose number is greater than `after`, by number."""
        with closing(sqlite3.connect(self._path)) as db:
            number = -1
            records: list[Record] = []
            for paper, text in db.execute(
                "SELECT paper, record FROM records WHERE paper > ? ORDER BY paper, position",
                (after,),
            ):
                if paper != number and records:
                    yield PaperTask(number, tuple(records))
                    records = []
                number = paper
                record: Record = json.loads(text)
                if len(records) >= _MOST_RECORDS:
                    record = {"cord_uid": record["cord_uid"], "title": "", "abstract": ""}
                records.append(record)
            if records:
                yield PaperTask(number, tuple(records))


def _add(db: sqlite3.Connection, position: int, record: Record) -> None:
    """Add a record to the paper that it belongs to; one that belongs to several joins them."""
    identity = Identity.of(record)
    keys = {evidence: _digest(evidence, key) for evidence, key in identity.keys().items()}
    holders = _holders(db, keys.values())
    joined = [identity]
    same: list[int] = []
    for evidence, key in keys.items():
        if len(holders[key]) != 1:
            continue  # a key of two papers identifies neither
        (paper,) = holders[key]
        if paper in same:
            continue
        members = _members(db, paper)
        if are_one_paper(joined, members, evidence):
            joined += members
            same.append(paper)
    paper = min(same, default=position)
    for other in same:
        if other != paper:
            db.execute("UPDATE records SET paper=? WHERE paper=?", (paper, other))
    db.execute("INSERT INTO records VALUES (?,?,?)", (position, paper, json.dumps(record)))
    for key in keys.values():
        if holders[key].isdisjoint(same) and len(holders[key]) <= 1:  # two tell what more would
            db.execute("INSERT INTO keys VALUES (?,?)", (key, position))


def _holders(db: sqlite3.Connection, keys: Collection[int]) -> dict[int, set[int]]:
    """Return the papers that have each key. A key of two papers identifies neither."""
    marks = ",".join("?" * len(keys))
    holders: dict[int, set[int]] = {key: set() for key in keys}
    for key, paper in db.execute(
        f"SELECT key, paper FROM keys JOIN records USING (position) WHERE key IN ({marks})",  # noqa: S608 - placeholders only
        tuple(keys),
    ):
        holders[key].add(paper)
    return holders


def _members(db: sqlite3.Connection, paper: int) -> Sequence[Identity]:
    rows = db.execute(
        "SELECT record FROM records WHERE paper=? ORDER BY position LIMIT ?", (paper, _COMPARED)
    )
    return [Identity.of(json.loads(record)) for (record,) in rows]


def _digest(evidence: Evidence, key: str) -> int:
    """Return a signed 64-bit digest: of ten million keys two are alike once in 400,000 corpora."""
    text = f"{evidence.name}:{key}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)
