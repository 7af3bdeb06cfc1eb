"""Reads question sets in the SQuAD format, plain or gzipped.

Format: Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text" (2016).
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from index.types import CorpusError


@dataclass(frozen=True, slots=True)
class GoldQuestion:
    """A question with its gold answers: texts, and where each begins in `context`.

    `starts` are in Unicode code points; `cord_uid` is the paper's, "" where the file has none.
    """

    id: str
    question: str
    context: str
    answers: tuple[str, ...]
    starts: tuple[int, ...]
    cord_uid: str


def read_squad(path: Path, limit: int | None = None) -> Iterator[GoldQuestion]:
    """Yield the first `limit` questions of a file.

    Raises CorpusError when the file is missing or not in the format.
    """
    for number, question in enumerate(_questions(path)):
        if number == limit:
            return
        yield question


def _questions(path: Path) -> Iterator[GoldQuestion]:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            data = json.load(file)
        for article in data["data"]:
            for paragraph in article["paragraphs"]:
                for qa in paragraph["qas"]:
                    answers = qa.get("answers") or []
                    yield GoldQuestion(
                        id=str(qa["id"]),
                        question=str(qa["question"]),
                        context=str(paragraph["context"]),
                        answers=tuple(str(answer["text"]) for answer in answers),
                        starts=tuple(int(answer["answer_start"]) for answer in answers),
                        cord_uid=str(paragraph.get("cord_uid") or ""),
                    )
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise CorpusError(f"{path} is not in the SQuAD format: {error!r}") from error
