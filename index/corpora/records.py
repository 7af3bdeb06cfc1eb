"""Reads the records of a CORD-19 release, metadata.csv, and brings those of a paper together.

The records are streamed into a small SQLite file, so nothing here holds the corpus in memory.
"""

import csv
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from index.manifest import sync
from index.types import CorpusError

_REQUIRED = ("cord_uid", "title", "abstract")
_LARGEST_FIELD = 10_000_000  # characters; a stray quote must not swallow the rest of the file
_MISSING = {"NA", "N/A", "nan", "NaN", "None", "NULL", "null"}
_FEWEST_TITLE_WORDS = 5  # a shorter title ("Editorial", "COVID-19") does not identify a paper
_AGREEMENT = 0.5  # of the words of the shorter title, those that stand in the longer one too

Record = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PaperTask:
    """All records of one paper, by position in metadata.csv: what one worker reads at a time."""

    number: int
    records: tuple[Record, ...]


class RecordPlan:
    """The records of metadata.csv, grouped by paper, in a SQLite file.

    Two records are of one paper when they share the cord_uid, a title of at least five words
    together with the first author's name, or the DOI or PMC id. Since records hold wrong and cut
    identifiers ("10.1101/2020.02"), the titles must agree too for these to count.
    """

    def __init__(self, path: Path) -> None:
        """Open the plan at `path`; it need not exist."""
        self._path = path

    def make(self, metadata: Path, limit: int | None = None) -> None:
        """Fill the plan from the first `limit` records of `metadata`, unless it is made already.

        Raises CorpusError when the file is missing, is not a CSV or lacks a column.
        """
        if self._is_made():
            return
        self._path.unlink(missing_ok=True)
        with closing(sqlite3.connect(self._path)) as db, db:
            db.executescript(
                "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
                "CREATE TABLE records (position INTEGER PRIMARY KEY, paper INT, record TEXT);"
                "CREATE INDEX by_paper ON records (paper, position);"
                "CREATE TABLE keys (key TEXT PRIMARY KEY, position INT) WITHOUT ROWID;"
            )
            for position, record in enumerate(read_metadata(metadata, limit)):
                keys = _identities(record)
                matches = db.execute(
                    "SELECT key, paper, json_extract(record, '$.title')"
                    " FROM keys JOIN records USING (position)"
                    " WHERE key IN (SELECT value FROM json_each(?))",
                    (json.dumps(keys),),
                ).fetchall()
                same = sorted(
                    {
                        paper
                        for key, paper, title in matches
                        if key.startswith(("uid:", "title:")) or _agree(title, record["title"])
                    }
                )
                paper = same[0] if same else position
                for other in same[1:]:
                    db.execute("UPDATE records SET paper=? WHERE paper=?", (paper, other))
                db.execute(
                    "INSERT INTO records VALUES (?,?,?)", (position, paper, json.dumps(record))
                )
                db.executemany(
                    "INSERT OR IGNORE INTO keys VALUES (?,?)", [(k, position) for k in keys]
                )
            db.commit()
            sync(self._path)  # the mark shall not be on the disk before what it stands for
            db.execute("PRAGMA user_version=1")

    def _is_made(self) -> bool:
        if not self._path.is_file():
            return False
        with closing(sqlite3.connect(self._path)) as db:
            try:
                return bool(db.execute("PRAGMA user_version").fetchone()[0] == 1)
            except sqlite3.DatabaseError:
                return False

    def counts(self) -> tuple[int, int]:
        """Return the numbers of records and of papers."""
        with closing(sqlite3.connect(self._path)) as db:
            row = db.execute("SELECT COUNT(*), COUNT(DISTINCT paper) FROM records").fetchone()
            return int(row[0]), int(row[1])

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
            for paper, record in db.execute(
                "SELECT paper, record FROM records WHERE paper > ? ORDER BY paper, position",
                (after,),
            ):
                if paper != number and records:
                    yield PaperTask(number, tuple(records))
                    records = []
                number = paper
                records.append(json.loads(record))
            if records:
                yield PaperTask(number, tuple(records))


def read_metadata(path: Path, limit: int | None = None) -> Iterator[Record]:
    """Yield the records of a metadata.csv, missing values as "".

    Raises CorpusError when the file is missing, is not a CSV or lacks a column.
    """
    csv.field_size_limit(_LARGEST_FIELD)
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            reader = csv.DictReader(file, restkey="", restval="")
            missing = [name for name in _REQUIRED if name not in (reader.fieldnames or ())]
            if missing:
                raise CorpusError(
                    f"{path} has no column {', '.join(missing)}: is it the metadata.csv "
                    "of a CORD-19 release?"
                )
            for number, row in enumerate(reader):
                if number == limit:
                    return
                yield {name: _value(str(text)) for name, text in row.items() if name}
    except OSError as error:
        raise CorpusError(
            f"{path} cannot be read ({error.strerror}): give --corpus the folder of a CORD-19 "
            "release, the one that holds metadata.csv"
        ) from error
    except csv.Error as error:
        raise CorpusError(f"{path} is not a readable CSV file ({error}): fetch it again") from error


def _value(text: str) -> str:
    text = text.strip()
    return "" if text in _MISSING else text


def _identities(record: Record) -> list[str]:
    """Return the keys by which a record of the same paper would be recognised."""
    keys = [f"uid:{record['cord_uid']}"] if record["cord_uid"] else []
    if record.get("doi"):
        keys.append(f"doi:{record['doi'].lower()}")
    if record.get("pmcid"):
        keys.append(f"pmc:{record['pmcid'].upper()}")
    title = re.findall(r"\w+", record["title"].lower())
    first_author = re.match(r"\w*", record.get("authors", "").lower())
    if len(title) >= _FEWEST_TITLE_WORDS and first_author and first_author[0]:
        keys.append(f"title:{' '.join(title)}|{first_author[0]}")
    return keys


def _agree(title: str, other: str) -> bool:
    """Return whether two titles may be of one paper; an empty one agrees with any."""
    words = set(re.findall(r"\w+", title.lower()))
    other_words = set(re.findall(r"\w+", other.lower()))
    return len(words & other_words) >= _AGREEMENT * min(len(words), len(other_words))
