"""Files of passages, with or without questions about them: JSON lines, plain or gzipped."""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from files.writing import expect_file, temporary, whole_file
from index.corpora.text_files import opened_text
from index.types import CorpusError
from models.pieces import without_surrogates
from scripts.outputs import refusal

Row: TypeAlias = dict[str, Any]
"""One passage: a JSON object with its "text", and more."""

_LEVEL = 5  # of gzip: as small as its default within a few per cent, in half the time


@dataclass(frozen=True, slots=True)
class MadeQuestions:
    """A passage of the paper `cord_uid` and the questions that were made up for it."""

    cord_uid: str
    title: str
    section: str
    text: str
    questions: tuple[str, ...]


def read_rows(path: Path, limit: int | None = None) -> list[Row]:
    """Return the first `limit` passages of a file.

    Raises CorpusError where it cannot be read, has none, or a line is no passage.
    """
    rows = list(islice(_rows(path), limit))
    if not rows:
        raise CorpusError(f"{path} has no passage")
    return rows


def read_made_questions(path: Path) -> Iterator[MadeQuestions]:
    """Yield the passages of a file with their questions (see make_questions), in its order.

    Raises CorpusError where it cannot be read or a line is no passage.
    """
    for row in _rows(path):
        yield MadeQuestions(
            str(row.get("cord_uid") or ""),
            str(row.get("title") or ""),
            str(row.get("section") or ""),
            row["text"],
            tuple(text for one in row.get("questions") or () if (text := str(one).strip())),
        )


def _rows(path: Path) -> Iterator[Row]:
    with opened_text(path) as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _row(line, f"{path}, line {number}")


def _row(line: str, place: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise CorpusError(f'{place}: not a JSON object with a "text"')
    if not isinstance(row.get("questions", []), list):
        raise CorpusError(f'{place}: its "questions" are no list')
    return row


def expect_to_write(path: Path, *inputs: Path | None) -> None:
    """See that a file can be written, before long work for it, and replaces nothing but its like.

    Raises CorpusError.
    """
    try:
        if wrong := refusal(path, inputs, made=_has_passages, what="passages"):
            raise CorpusError(wrong)
        expect_file(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary(path).touch()
        temporary(path).unlink()
    except OSError as error:
        raise CorpusError(f"{path} cannot be written: {error.strerror or error}") from error


def _has_passages(path: Path) -> bool:
    try:
        return bool(read_rows(path, 1))
    except CorpusError:
        return False


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write passages to a file, which is complete or absent; return how many they were.

    Raises CorpusError where it cannot be written.
    """
    count = 0
    expect_to_write(path)
    try:
        with whole_file(path) as raw, gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as file:
            for row in rows:
                line = without_surrogates(json.dumps(row, ensure_ascii=False))
                file.write(f"{line}\n".encode())
                count += 1
    except OSError as error:
        raise CorpusError(f"{path} cannot be written: {error.strerror or error}") from error
    return count
