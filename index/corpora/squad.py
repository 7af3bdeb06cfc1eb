"""Reads question sets in the SQuAD format, plain or gzipped.

Format: Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text" (2016).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from operator import index
from pathlib import Path

from index.corpora.text_files import opened_text
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
    """Return the first `limit` questions of a file.

    Raises CorpusError, while they are read, where it is missing or not in the format.
    """
    return islice(_questions(path), limit)


def answered(path: Path, limit: int | None = None) -> list[GoldQuestion]:
    """Return the first `limit` questions of a file that have an answer.

    Raises CorpusError as `read_squad` does, and where there is none.
    """
    found = list(islice((gold for gold in read_squad(path) if gold.answers), limit))
    if not found:
        raise CorpusError(f"{path} has no question with an answer")
    return found


def in_place(questions: Sequence[GoldQuestion]) -> tuple[list[GoldQuestion], int]:
    """Return questions with the answers that stand in their context where the file says.

    Also how many others there were; a question that has no other answer is left out.
    """
    kept, others = [], 0
    for gold in questions:
        pairs = zip(gold.answers, gold.starts, strict=True)
        right = [(text, at) for text, at in pairs if _stands(gold.context, text, at)]
        others += len(gold.answers) - len(right)
        if right:
            answers, starts = zip(*right, strict=True)
            kept.append(replace(gold, answers=answers, starts=starts))
    return kept, others


def _stands(context: str, answer: str, start: int) -> bool:
    return bool(answer.strip()) and start >= 0 and context.startswith(answer, start)


def _questions(path: Path) -> Iterator[GoldQuestion]:
    try:
        with opened_text(path) as file:
            data = json.load(file)
        for article in data["data"]:
            for paragraph in article["paragraphs"]:
                context = _text(paragraph["context"])
                for qa in paragraph["qas"]:
                    answers = qa.get("answers") or []
                    yield GoldQuestion(
                        id=_text(qa["id"]),
                        question=_text(qa["question"]),
                        context=context,
                        answers=tuple(_text(answer["text"]) for answer in answers),
                        starts=tuple(index(answer["answer_start"]) for answer in answers),
                        cord_uid=_text(paragraph.get("cord_uid") or ""),
                    )
    except KeyError as error:
        raise CorpusError(f"{path} is not in the SQuAD format: it lacks a {error}") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CorpusError(f"{path} is not in the SQuAD format: {error}") from error


def _text(value: object) -> str:
    """Return a text. Raises ValueError where half of a surrogate pair is in it."""
    text = str(value)
    text.encode()
    return text
