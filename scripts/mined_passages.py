"""Keeps what was mined for the questions of a file, so that an index is searched for it once.

The file can be taken to a machine that has a GPU and no index.
"""

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from index.types import CorpusError
from scripts.reader_examples import Example


@dataclass(frozen=True, slots=True)
class Mined:
    """For each question of a file the passages that look right and aren't, and right ones.

    `right` is empty where none was looked for.
    """

    wrong: Sequence[Sequence[str]]
    right: Sequence[Sequence[Example]] = ()


def kept(path: Path, questions: Sequence[str], mine: Callable[[], Mined]) -> Mined:
    """Return what `path` holds for these questions; where it is not there, mine and write it.

    Raises CorpusError for a file that is damaged or was made for other questions.
    """
    if path.is_file():
        return _read(path, questions)
    mined = mine()
    texts: dict[str, int] = {}

    def number(text: str) -> int:
        return texts.setdefault(text, len(texts))

    content = {
        "questions": list(questions),
        "wrong": [[number(text) for text in some] for some in mined.wrong],
        "right": [[[number(one.context), one.start, one.end] for one in s] for s in mined.right],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with gzip.open(temporary, "wt", encoding="utf-8") as file:
        json.dump(content | {"texts": list(texts)}, file)
    temporary.replace(path)
    return mined


def _read(path: Path, questions: Sequence[str]) -> Mined:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            content = json.load(file)
        if content["questions"] != list(questions):
            raise CorpusError(f"{path} was mined for other questions: remove it to mine again")
        texts = content["texts"]
        wrong = [[texts[place] for place in some] for some in content["wrong"]]
        right = [
            [Example(question, texts[place], start, end) for place, start, end in some]
            for question, some in zip(questions, content["right"], strict=False)
        ]
    except (OSError, EOFError, ValueError, LookupError, TypeError) as error:
        raise CorpusError(f"{path} is damaged ({error}): remove it to mine again") from error
    return Mined(wrong, right)
