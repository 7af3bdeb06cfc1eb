"""Files of passages, with or without their questions: JSON lines, plain or gzipped."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

from files.writing import temporary, whole_file
from index.chunking import Chunker
from index.corpora.squad import read_squad
from index.manifest import current_version
from index.passages import PassageStore
from index.search import PASSAGES
from index.types import CorpusError
from models.pieces import without_surrogates

Row: TypeAlias = dict[str, Any]
"""One passage: a JSON object with its "text", and more."""

_READ = 5000  # passages of one query
_CHUNKER = Chunker(words=140, overlap=0)  # a context of most sets is one passage
_LEVEL = 5  # of gzip: as small as its default within a few per cent, in half the time


def of_index(folder: Path) -> Iterator[Row]:
    """Yield an index's passages: id, cord_uid, title, section and text. Raises IndexingError."""
    with closing(PassageStore(current_version(folder) / PASSAGES)) as store:
        for at in range(0, store.passages, _READ):
            passages = store.get(range(at, min(at + _READ, store.passages)))
            papers = store.get_papers(sorted({one.cord_uid for one in passages}))
            for one in passages:
                yield {
                    "id": one.id,
                    "cord_uid": one.cord_uid,
                    "title": papers[one.cord_uid].title,
                    "section": one.section,
                    "text": one.text,
                }


def of_contexts(paths: Iterable[Path]) -> Iterator[Row]:
    """Yield the contexts of question sets in the SQuAD format, each once, cut to passages.

    Raises CorpusError where a file cannot be read.
    """
    seen: set[str] = set()
    for path in paths:
        for gold in read_squad(path):
            if gold.context not in seen:
                seen.add(gold.context)
                for start, end in _CHUNKER.chunks(gold.context):
                    yield {"cord_uid": gold.cord_uid, "text": gold.context[start:end]}


def read_rows(path: Path, limit: int | None = None) -> list[Row]:
    """Return the first `limit` passages of a file.

    Raises CorpusError where it cannot be read, has none, or a line is no passage.
    """
    rows: list[Row] = []
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if len(rows) == limit:
                    break
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict) or not isinstance(row.get("text"), str):
                    raise CorpusError(f'{path}, line {number}: not a JSON object with a "text"')
                rows.append(row)
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path} is not a file of JSON lines: {error}") from error
    if not rows:
        raise CorpusError(f"{path} has no passage")
    return rows


def expect_to_write(path: Path) -> None:
    """See that a file can be written, before long work for it. Raises CorpusError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary(path).touch()
        temporary(path).unlink()
    except OSError as error:
        raise CorpusError(f"{path} cannot be written: {error.strerror or error}") from error


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
