"""The words that the passages are written with, and which of them a misspelt word is meant to be.

BM25 finds nothing by a word that no passage has, and an encoder cuts it into pieces that mean
little. The words are counted when an index is made, in so many passages from all over it, and kept
in a file. docs/decisions/0024 tells why these rules.
"""

import re
from collections import Counter
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Self

from rapidfuzz import process
from rapidfuzz.distance import OSA

from files.writing import write_durably
from index.drug_names import drug_stem
from index.passages import PassageStore
from index.types import IndexingError

SPELLING = "spelling.tsv"

_COUNTED = 200_000  # passages, from all over the index, whose words are counted
_PAGE = 1000
_MOST_WORDS = 100_000
_FEWEST = 5  # passages that have a word which counts as one; of a small index fewer
_PER_PASSAGE = 10_000  # one more for so many passages
_COMMON = 4  # times as many have a word that is suggested
_ENDINGS = frozenset({"s", "es", "d", "ed", "r", "er", "rs", "or", "st", "ly", "al", "ic"})
_SURE_STEM = 6  # letters, from which on a found word with an ending is another form of it
_FAR_MORE = 5  # times as many have the word that is meant by one that only looks like such a form
_INFORMAL = frozenset(  # words that no paper has, and no mistake either
    re.findall(
        r"\w+",
        "arent cant couldnt didnt doesnt dont hadnt hasnt havent hows isnt lets shouldnt theres"
        " theyre theyve wasnt werent weve whats whens wheres whos wont wouldnt youre youve",
    )
)
_WORD = re.compile(r"(?<![\w-])[a-z]{4,30}(?![\w-])")  # of a text in lower case; no names of genes
_ASKED = re.compile(r"(?<![\w-])[A-Za-z][a-z]{3,29}(?![\w-]|['’]\w)")
_SHORT = 4  # letters: a small index lacks many such words that are right
_LETTERS = re.compile(r"[^\W\d_]+")
_ACCENTED = re.compile(r"[ß-öø-ž]")
_LONG = 8  # letters, from which on two of them may be wrong
_MOST_UNKNOWN = 8  # words; a question with more is of another language, or of no language
_REMEMBERED = 1000  # questions


class Spelling:
    """The words of an index, by the number of counted passages that have each. Thread-safe."""

    def __init__(self, counts: dict[str, int], fewest: int, ordinary: Collection[str] = ()) -> None:
        """Take the words that at least `fewest` passages have.

        `ordinary` words are no mistakes either, and are not suggested.
        """
        self._known = _INFORMAL.union(counts, ordinary)
        self._counts = {word: n for word, n in counts.items() if n >= _COMMON * fewest}
        self._common = tuple(self._counts)
        self.corrected = lru_cache(_REMEMBERED)(self._corrected)

    @classmethod
    def open(cls, folder: Path, passages: int, ordinary: Collection[str] = ()) -> Self:
        """Read the file in the folder of a version; an index made without it knows no words.

        Raises IndexingError where the file is damaged.
        """
        path = folder / SPELLING
        if not path.is_file():
            return cls({}, 1)
        try:
            rows = (line.split("\t") for line in path.read_text(encoding="ascii").splitlines())
            counts = {word: int(count) for word, count in rows}
        except (OSError, ValueError) as error:
            raise IndexingError(f"{path} is damaged: build the index again") from error
        return cls(counts, _fewest(passages), ordinary)

    def _corrected(self, question: str) -> str | None:
        """Return the question with its misspelt words as they are meant to be; None without any.

        A word is misspelt when hardly a passage has it, but many have one that is a letter or two
        away. Where other words are unknown too, or have accents, it may be of another language:
        then None.

        >>> Spelling({"incubation": 90, "period": 80}, 1).corrected("Incubaton peroid of flu?")
        'Incubation period of flu?'
        """
        if not self._common or _is_foreign(question):
            return None
        words = _ASKED.finditer(question)
        unknown = [word for word in words if word[0].lower() not in self._known]
        different = {word[0].lower() for word in unknown}
        if len(different) > _MOST_UNKNOWN:
            return None
        nearest = {word: self._nearest(word) for word in different}
        text, mended = question, 0
        for word in reversed(unknown):
            name = word[0][0].isupper() and word.start() > 0
            meant = None if name and len(word[0]) < _LONG else nearest[word[0].lower()]
            if meant is not None:
                mended += 1
                text = text[: word.start() + 1] + meant[1:] + text[word.end() :]
        return text if mended and mended >= len(unknown) - mended else None

    def _nearest(self, word: str) -> str | None:
        """Return the most frequent of the nearest words that begin alike, if there is one."""
        most = 1 if len(word) < _LONG else 2
        near = process.extract(
            word, self._common, scorer=OSA.distance, score_cutoff=most, limit=None
        )
        found = [
            (away, -self._counts[one], one)
            for one, away, _ in near
            if one[0] == word[0] and (away == 1 or drug_stem(word) in {"", drug_stem(one)})
        ]
        if not found:
            return None
        meant = min(found)[2]
        if _is_form(meant, word):
            return None
        is_certain = self._counts[meant] >= _COMMON * _FEWEST and not meant.startswith(word)
        if len(word) == _SHORT and not is_certain:
            return None
        for _, _, stem in found:
            if word.startswith(stem) and word[len(stem) :] in _ENDINGS:
                is_rare = self._counts[stem] * _FAR_MORE <= self._counts[meant]
                if len(stem) >= _SURE_STEM or not is_rare:
                    return None  # another form of a word
        return meant


def _is_form(word: str, stem: str) -> bool:
    """Tell whether a word only adds an ending to a stem that may be a word itself, if a rare one.

    No word ends as "viru", "diagnosi" and "proces", where an "s" was left out.
    """
    ending = word[len(stem) :]
    return (
        word.startswith(stem) and ending in _ENDINGS and (ending != "s" or stem[-1] not in "aiosu")
    )


def _is_foreign(question: str) -> bool:
    """Tell whether a question has Spanish marks or a word with an accent that is no name."""
    return "¿" in question or any(
        _ACCENTED.search(word[0].lower()) and (word[0][0].islower() or word.start() == 0)
        for word in _LETTERS.finditer(question)
    )


def write_spelling(store: PassageStore, folder: Path, counted: int = _COUNTED) -> None:
    """Write the words of an index's passages, with how many have each, into `folder`.

    Of an index of more than `counted` passages only some pages are counted, from all over it.
    """
    pages = range(0, store.passages, _PAGE)
    step = -(-store.passages // counted) or 1
    counts: Counter[str] = Counter()
    for start in pages[::step]:
        for _, _, text in store.texts(start, start + _PAGE):
            counts.update(set(_WORD.findall(text.lower())))
    fewest = _fewest(store.passages)
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))[:_MOST_WORDS]
    lines = [f"{word}\t{count}\n" for word, count in rows if count >= fewest]
    write_durably(folder / SPELLING, "".join(lines))


def _fewest(passages: int) -> int:
    return min(_FEWEST, 1 + passages // _PER_PASSAGE)
