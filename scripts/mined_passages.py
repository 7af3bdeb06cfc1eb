"""Keeps what was mined for the questions of a file, so that an index is searched for it once.

The file can be taken to a machine that has a GPU and no index.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from files.writing import whole_file
from index.types import CorpusError
from scripts.reader_examples import Example


@dataclass(frozen=True, slots=True)
class Mined:
    """For each question of a file the passages that look right and aren't, and right ones.

    `right` is empty where none was looked for.
    """

    wrong: Sequence[Sequence[str]]
    right: Sequence[Sequence[Example]] = ()


def kept(
    path: Path, source: str, mine: Callable[[], Mined], *, index: str = "", right: bool
) -> Mined:
    """Return what `path` holds for a source; where it is not there, mine and write it.

    `source` tells the questions and where their passages come from, `index` the version that they
    come from, if it is at hand; with `right`, right passages have to have been looked for too, or
    it is mined again.

    Raises CorpusError for a file that is damaged or was made for another source or index.
    """
    if path.is_file():
        found, looked = _read(path, source, index)
        if looked or not right:
            return found
    mined = mine()
    texts: dict[str, int] = {}

    def number(text: str) -> int:
        return texts.setdefault(text, len(texts))

    content = {
        "source": source,
        "index": index,
        "looked for right ones": right,
        "wrong": [[number(text) for text in some] for some in mined.wrong],
        "right": [
            [[one.question, number(one.context), one.start, one.end] for one in some]
            for some in mined.right
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as raw, gzip.open(raw, "wt", encoding="utf-8") as file:
        file.write(json.dumps(content | {"texts": list(texts)}))
    return mined


def _read(path: Path, source: str, index: str) -> tuple[Mined, bool]:
    """Return what a file holds, and whether right passages were looked for."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            content = json.load(file)
        if content["source"] != source:
            raise CorpusError(f"{path} was mined for other questions: remove it to mine again")
        if index and content.get("index", index) != index:
            raise CorpusError(
                f"{path} was mined from another index: go on without --index to use it, or remove "
                "it to mine again"
            )
        texts: list[str] = content["texts"]
        wrong = [[texts[place] for place in some] for some in content["wrong"]]
        right = [
            [Example(question, texts[place], start, end) for question, place, start, end in some]
            for some in content["right"]
        ]
        return Mined(wrong, right), bool(content["looked for right ones"])
    except (OSError, EOFError, ValueError, LookupError, TypeError, zlib.error) as error:
        raise CorpusError(f"{path} is damaged ({error}): remove it to mine again") from error
