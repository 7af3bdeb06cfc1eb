"""Reads the records of a CORD-19 release: metadata.csv, one row at a time."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from index.types import CorpusError

_REQUIRED = ("cord_uid", "title", "abstract")
_LARGEST_FIELD = 10_000_000  # characters; a stray quote must not swallow the rest of the file
_LONGEST_LINE = 50_000_000  # characters; what a file without line ends may take of the memory
_MISSING = {"NA", "N/A", "nan", "NaN", "None", "NULL", "null"}
_END = "\x00end of the file\x00"  # no line holds it: NULs are replaced

Record = Mapping[str, str]


@dataclass(slots=True)
class Malformed:
    """How many records had another number of fields than the header, and the first one's line."""

    records: int = 0
    line: int = 0

    def add(self, line: int) -> None:
        """Count a record that begins in this line."""
        self.line = self.line or line
        self.records += 1


def read_metadata(
    path: Path, limit: int | None = None, malformed: Malformed | None = None
) -> Iterator[Record]:
    """Yield the first `limit` records of a metadata.csv, missing values as "".

    A row that is too short or too long is a record still, and so is one with bytes that are no
    UTF-8; those of another length are counted in `malformed`: where a quotation mark stands alone,
    one swallows the records after it. Raises CorpusError when the file is missing, is not a CSV,
    lacks a column or is cut off before its end.
    """
    csv.field_size_limit(_LARGEST_FIELD)
    try:
        _refuse_other_bytes(path)
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            yield from _records(path, file, limit, malformed or Malformed())
    except OSError as error:
        raise CorpusError(
            f"{path} cannot be read ({error.strerror}): give --corpus the folder of a CORD-19 "
            "release, the one that holds metadata.csv"
        ) from error


def _records(path: Path, file: TextIO, limit: int | None, malformed: Malformed) -> Iterator[Record]:
    lines = _Lines(path, file)
    rows = _rows(path, lines)
    _, columns = next(rows)
    missing = [name for name in _REQUIRED if name not in columns]
    if missing:
        if other := _other_delimiter(columns):
            raise CorpusError(f"{path} separates its fields by {other}: write it with commas")
        raise CorpusError(
            f"{path} has no column {', '.join(missing)}: is it the metadata.csv of a CORD-19 "
            "release?"
        )
    for number, (begins, row) in enumerate(rows):
        if row == [_END] or number == limit:
            return
        if row[-1].endswith(_END) or (lines.last_is_open and len(row) < len(columns)):
            raise CorpusError(
                f"{path} is cut off in record {number + 1:,}, the last one: fetch the file again, "
                "or delete that record to do without what followed it"
            )
        if len(row) != len(columns):
            malformed.add(begins)
        values = [_value(text) for text in row[: len(columns)]]
        yield dict(zip(columns, values + [""] * (len(columns) - len(values)), strict=True))


def _rows(path: Path, lines: "_Lines") -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not empty, with the line in which it begins. Raises CorpusError."""
    rows = csv.reader(lines)
    number = ended = 0  # of the record that is read, and of the last line that a row took
    try:
        for row in rows:
            begins, ended = ended + 1, rows.line_num
            if row:
                yield begins, row
                number += 1
    except csv.Error as error:
        where = f"record {number:,}" if number else "the header"
        raise CorpusError(
            f"{path} cannot be read in {where}, which begins at line {ended + 1:,} ({error}): a "
            "quotation mark there may stand alone; remove it or the record"
        ) from error


def _refuse_other_bytes(path: Path) -> None:
    if path.exists() and not (path.is_file() or path.is_dir()):  # to open a pipe would wait
        raise CorpusError(f"{path} is no regular file: write it to one, for it is read repeatedly")
    with path.open("rb") as file:
        beginning = file.read(4)
    if beginning.startswith(b"\x1f\x8b"):
        raise CorpusError(f"{path} is compressed: unpack it with gunzip")
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")) or 0 in beginning:
        raise CorpusError(f"{path} is in UTF-16: write it in UTF-8")


def _other_delimiter(columns: Sequence[str]) -> str:
    """Return by what else than commas the fields are separated, "" where they are not."""
    for delimiter, named in ((";", "semicolons"), ("\t", "tabs")):
        if set(_REQUIRED) <= set(",".join(columns).split(delimiter)):
            return named
    return ""


class _Lines:
    """The lines of a file, and one more at the end: inside a quoted field it becomes part of it."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self._path = path
        self._file = file
        self.last_is_open = False  # whether the last line was read, and has no line end

    def __iter__(self) -> Iterator[str]:
        number = 0
        while line := self._file.readline(_LONGEST_LINE):
            number += 1
            if len(line) == _LONGEST_LINE:
                raise CorpusError(
                    f"{self._path} has {_LONGEST_LINE:,} characters or more in line {number:,}: is "
                    "it the metadata.csv of a CORD-19 release, each record on a line of its own?"
                )
            self.last_is_open = not line.endswith(("\n", "\r"))
            yield line.replace("\x00", " ")
        yield _END


def _value(text: str) -> str:
    text = text.strip()
    return "" if text in _MISSING else text
