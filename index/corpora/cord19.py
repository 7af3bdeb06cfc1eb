"""Reads a CORD-19 release: metadata.csv and the parses that it names.

Format: https://github.com/allenai/cord19 (the README's "Metadata" and "Full text" sections).
Nothing here holds the corpus in memory: records are streamed into a small SQLite plan, in which
records of the same paper are brought together, and each paper is then read by itself.
"""

import csv
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from index.corpora.cleaning import clean, clean_heading, without_line_numbers, without_title
from index.types import CorpusError, Document, Paper, Section
from index.words import count_words

_REQUIRED = ("cord_uid", "title", "abstract")
_ENOUGH_WORDS = 200  # a parse with fewer is a stub; the next one is looked at
_FEWEST_TITLE_WORDS = 5  # a shorter title ("Editorial", "COVID-19") does not identify a paper
_LARGEST_FIELD = 10_000_000  # characters; a stray quote must not swallow the rest of the file
_MISSING = {"NA", "N/A", "nan", "NaN", "None", "NULL", "null"}
_AGREEMENT = 0.5  # of the words of the shorter title, those that stand in the longer one too
_DATE = re.compile(r"\d{4}(-\d{2}){0,2}")

Record = Mapping[str, str]


class Parses(Protocol):
    """Where the full-text parses of a release lie."""

    def read(self, path: str) -> bytes:
        """Return the content of `path`, as metadata.csv names it; OSError when it is not there."""
        ...


@dataclass(frozen=True, slots=True)
class FolderParses:
    """Parses as files below the release's folder."""

    root: Path

    def read(self, path: str) -> bytes:
        """Return the content of the file."""
        return (self.root / path).read_bytes()


@dataclass(frozen=True, slots=True)
class PaperTask:
    """All records of one paper, by position in metadata.csv: what one worker reads at a time."""

    number: int
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class ReadPaper:
    """One paper as read: its document, or None and the reason.

    `unreadable` holds the path of each parse that could not be read, and why.
    """

    document: Document | None
    reason: str = ""
    unreadable: tuple[tuple[str, str], ...] = ()


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
                    "SELECT key, paper, record ->> 'title' FROM keys JOIN records USING (position) "
                    "WHERE key IN (SELECT value FROM json_each(?))",
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


def read_paper(task: PaperTask, parses: Parses) -> ReadPaper:
    """Read one paper: the best of its records and the best of its parses.

    A parse that is missing or broken is noted and passed over; the abstract still counts.
    """
    record = _merged(task.records)
    if not record["cord_uid"]:
        return ReadPaper(None, "no cord_uid")
    unreadable: list[tuple[str, str]] = []
    parsed = _best_parse(task.records, parses, unreadable)
    title = clean(record["title"]) or (parsed.title if parsed else "")
    abstract = clean(record["abstract"])
    if parsed and count_words(abstract) < _FEWEST_TITLE_WORDS:
        abstract = parsed.abstract or abstract
    sections = [Section("Abstract", abstract)] if count_words(abstract) > 1 else []
    if parsed:
        sections += parsed.body(title)
    full_text = any(section.heading != "Abstract" for section in sections)
    if not sections and count_words(title) >= _FEWEST_TITLE_WORDS:
        sections = [Section("Title", title)]
    if not sections:
        return ReadPaper(None, "no abstract and no full text", tuple(unreadable))
    return ReadPaper(
        Document(_paper(record, title), tuple(sections), full_text), unreadable=tuple(unreadable)
    )


@dataclass(frozen=True, slots=True)
class _Parse:
    """One pdf_json or pmc_json file: title, abstract, and (heading, text) of each paragraph."""

    title: str
    abstract: str
    paragraphs: tuple[tuple[str, str], ...]
    from_pdf: bool

    def words(self) -> int:
        return sum(count_words(text) for _, text in self.paragraphs)

    def body(self, title: str) -> list[Section]:
        texts = [clean(text) for _, text in self.paragraphs]
        if self.from_pdf:
            texts = without_line_numbers(texts)
        front = len(texts) - len(without_title(texts, title))
        texts = [""] * front + without_title(texts, title)
        sections: list[Section] = []
        for (raw_heading, _), text in zip(self.paragraphs, texts, strict=True):
            if not any(character.isalpha() for character in text):
                continue
            heading = clean_heading(raw_heading)
            if sections and heading == sections[-1].heading:
                before = sections[-1].text
                gap = "\n" if before.endswith((".", "!", "?", ":", ")", "]")) else " "
                sections[-1] = Section(heading, before + gap + text)
            else:
                sections.append(Section(heading, text))
        return sections


def _best_parse(
    records: tuple[Record, ...], parses: Parses, unreadable: list[tuple[str, str]]
) -> _Parse | None:
    best: _Parse | None = None
    for column in ("pmc_json_files", "pdf_json_files"):  # XML gives cleaner text than PDF
        for path in _paths(records, column):
            try:
                parse = _parse(parses.read(_checked(path)), from_pdf=column.startswith("pdf"))
            except OSError as error:
                unreadable.append((path, error.strerror or "not found"))
            except ValueError as error:
                unreadable.append((path, str(error)))
            else:
                if best is None or parse.words() > best.words():
                    best = parse
        if best and best.words() >= _ENOUGH_WORDS:
            break
    return best


def _paths(records: tuple[Record, ...], column: str) -> list[str]:
    named = (path.strip() for record in records for path in record.get(column, "").split(";"))
    return list(dict.fromkeys(path for path in named if path))


def _checked(path: str) -> str:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or "\x00" in path or "\\" in path:
        raise ValueError("leaves the corpus folder; not read")
    return path


def _parse(content: bytes, *, from_pdf: bool) -> _Parse:
    try:
        data: Any = json.loads(content)
        metadata = data.get("metadata") or {}
        abstract = " ".join(str(part["text"] or "") for part in data.get("abstract") or [])
        paragraphs = tuple(
            (str(part.get("section") or ""), str(part["text"] or "")) for part in data["body_text"]
        )
        title = str(metadata.get("title") or "")
    except (ValueError, RecursionError) as error:
        raise ValueError("invalid JSON") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a CORD-19 parse") from error
    return _Parse(clean(title), clean(abstract), paragraphs, from_pdf)


def _merged(records: tuple[Record, ...]) -> dict[str, str]:
    """Return the fullest record, its empty fields filled from the others."""
    ranked = sorted(
        records,
        key=lambda r: (
            bool(r.get("pmc_json_files")),
            bool(r.get("pdf_json_files")),
            len(r.get("abstract", "")),
        ),
        reverse=True,
    )
    merged: dict[str, str] = {}
    for record in ranked:
        for name, value in record.items():
            merged[name] = merged.get(name) or value
    return merged


def _paper(record: Record, title: str) -> Paper:
    date = record.get("publish_time", "")
    return Paper(
        cord_uid=record["cord_uid"],
        title=title,
        authors=clean(record.get("authors", "")),
        journal=clean(record.get("journal", "")),
        publish_time=date if _DATE.fullmatch(date) else "",
        doi=record.get("doi", ""),
        pmcid=record.get("pmcid", ""),
        pubmed_id=record.get("pubmed_id", ""),
        url=record.get("url", "").split(";")[0].strip(),
        license=record.get("license", ""),
        source=record.get("source_x", ""),
    )


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
