"""Reads passages with questions that were made up for them (see make_questions)."""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from index.types import CorpusError


@dataclass(frozen=True, slots=True)
class MadeQuestions:
    """A passage of the paper `cord_uid` and the questions that were made up for it."""

    cord_uid: str
    title: str
    section: str
    text: str
    questions: tuple[str, ...]


def read_made_questions(path: Path) -> Iterator[MadeQuestions]:
    """Yield the passages of a file of one JSON object a line, plain or gzipped, in its order.

    Raises CorpusError when it is missing or not in the format.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, 1):  # noqa: B007 - for the error's message
                if not line.strip():
                    continue
                row = json.loads(line)
                yield MadeQuestions(
                    str(row.get("cord_uid") or ""),
                    str(row.get("title") or ""),
                    str(row.get("section") or ""),
                    str(row["text"]),
                    tuple(text for one in row.get("questions") or () if (text := str(one).strip())),
                )
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path} cannot be read: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{path}, line {number or 1}: no passage with questions") from error
