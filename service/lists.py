"""Reads lists of questions as people have them: pasted, in a text file, in a CSV. No Flask here."""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

MOST_BYTES = 1024 * 1024
"""The largest file of questions."""

_COLUMN = {"question", "questions"}
_DELIMITERS = ",;\t"
_END = "end"
_MARKS = (  # the longer first: the one of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAVE = "Save it as CSV in UTF-8 or as plain text, and choose it again."


class UnreadableListError(Exception):
    """A list of questions cannot be read. The message says why and how to mend it."""


@dataclass(frozen=True, slots=True)
class QuestionList:
    """Questions as they were written, none of them blank; `notice` is what a person should know."""

    questions: tuple[str, ...]
    notice: str = ""


def read_file(data: bytes, name: str = "") -> QuestionList:
    """Return the questions in a file; one whose name ends in `.csv` is a table.

    Other files are one too, where their first line has a column `question`; else every line is a
    question. Raises UnreadableListError for a file that is too large, empty, no text or a table
    without such a column.
    """
    if len(data) > MOST_BYTES:
        raise UnreadableListError(
            f"The file has {len(data) / 2**20:.1f} MB; at most {MOST_BYTES // 2**20} MB are "
            "possible. Keep only the column of questions."
        )
    text, notice = _decoded(data)
    questions = read_text(text, table=name.lower().endswith(".csv"))
    if not questions:
        raise UnreadableListError(
            "The file has no question. Write one a line, or a CSV with a column named question."
        )
    return QuestionList(questions, notice)


def read_text(text: str, *, table: bool = False) -> tuple[str, ...]:
    r"""Return the questions in a text, without blank ones; see `read_file`.

    >>> read_text("What, and when?\n\nWhy?")
    ('What, and when?', 'Why?')
    >>> read_text('id;question\n1;"What; and when?"\n2;Why?')
    ('What; and when?', 'Why?')
    """
    lines = list(io.StringIO(text, newline=""))
    first = next((place for place, line in enumerate(lines) if line.strip()), 0)
    for delimiter in _DELIMITERS:
        names = _names(lines[first : first + 1], delimiter)
        if places := [place for place, name in enumerate(names) if name in _COLUMN]:
            if len(places) > 1:
                raise UnreadableListError(
                    f"The CSV has {len(places)} columns named question. Keep one of them."
                )
            return _filled(_column(_closed_rows(lines[first:], delimiter), places[0], delimiter))
    if table:
        _refuse_columns(lines)
    return _filled(_unquoted(line) for line in lines)


def _names(header: list[str], delimiter: str) -> list[str]:
    """Return the names of the columns; none where the line cannot be a header."""
    try:
        cells = next(csv.reader(header, delimiter=delimiter), [])
    except csv.Error:
        return []
    return [name.strip().lower() for name in cells]


def _column(rows: list[list[str]], place: int, delimiter: str) -> Iterator[str]:
    """Yield the cells of a column, without its name."""
    width = len(rows[0])
    for number, row in enumerate(rows[1:], start=2):
        if width == 1:
            yield delimiter.join(row)  # a list with a name above it: commas are a question's own
        elif any(cell.strip() for cell in row[width:]):
            raise UnreadableListError(
                f"Row {number} of the CSV has {len(row)} columns, and the first one has {width}. "
                "Put questions with a comma in quotation marks."
            )
        elif place < len(row):
            yield row[place]


def _refuse_columns(lines: list[str]) -> None:
    """Refuse a table of several columns: which of them are the questions, nobody knows."""
    for delimiter in _DELIMITERS:
        rows = [row for row in _rows(lines, delimiter) if any(cell.strip() for cell in row)]
        widths = {len(row) for row in rows}
        if len(widths) == 1 and widths != {1}:
            raise UnreadableListError(
                f"The CSV has {widths.pop()} columns, and none is named question. "
                "Name the column of the questions so in the first line."
            )


def _rows(lines: list[str], delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(lines, delimiter=delimiter))
    except csv.Error as error:
        raise UnreadableListError(f"The CSV cannot be read ({error}). {_SAVE}") from None


def _closed_rows(lines: list[str], delimiter: str) -> list[list[str]]:
    """Return the rows of a table. Refuse one whose last cell does not end: it swallows rows."""
    *rows, last = _rows([*lines, _END], delimiter)
    if last != [_END]:
        raise UnreadableListError(
            f"Row {len(rows) + 1} of the CSV begins a cell with a quotation mark that no other one "
            "closes, so all that follows would be one question. Remove the mark, or close it."
        )
    return rows


def _unquoted(line: str) -> str:
    """Return a line without the quotation marks that a spreadsheet put around it."""
    line = line.strip()
    if not (line.startswith('"') and line.endswith('"')):
        return line
    try:
        cells = next(csv.reader([line], strict=True))
    except csv.Error:
        return line  # the marks are the question's own
    return cells[0] if len(cells) == 1 else line


def _filled(texts: Iterator[str]) -> tuple[str, ...]:
    return tuple(text.strip() for text in texts if text.strip())


def _decoded(data: bytes) -> tuple[str, str]:
    """Return a file's text, and what to tell where it was not written in Unicode."""
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text, notice = data.decode(encoding), ""
    except UnicodeDecodeError:
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError:
            text = "\0"
        notice = (
            "The file is not in UTF-8; it was read as Windows-1252 (Latin-1). "
            "Look whether accents and symbols are right."
        )
    if "\0" in text:
        raise UnreadableListError(f"The file is not a text. {_SAVE}")
    return text, notice
