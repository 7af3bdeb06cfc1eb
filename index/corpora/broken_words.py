"""Joins the words that the ends of a PDF's lines broke: "environ- mental", "SARS- CoV-2".

A paper's own other words say how. What they do not tell stays as it is.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

_HYPHENS = r"\-\u2010"  # in a set of a pattern
_CHAIN = rf"[^\W_]+(?:[{_HYPHENS}][^\W_]+)*"
_WORD = re.compile(rf"(?<![\w{_HYPHENS}]){_CHAIN}(?![\w{_HYPHENS}])")
_BROKEN = re.compile(rf"(?<![\w{_HYPHENS}])({_CHAIN})[{_HYPHENS}] ({_CHAIN})(?![\w{_HYPHENS}])")
_HINT = re.compile(rf"[{_HYPHENS}](?<=\w.) \w")  # much faster
_SUSPENDED = frozenset(  # what follows a hyphen that stands for a word: "pre- and postnatal"
    (
        *("and", "or", "nor", "to", "vs", "versus", "but", "as", "than", "und", "oder", "bis"),
        *("et", "ou", "y", "e", "o", "u", "och", "og", "en", "of"),
    )
)
_ALWAYS = Counter(("covid-19", "sars-cov", "sars-cov-2", "mers-cov", "2019-ncov"))
_OWN = 3  # letters that a word has to share behind the break, where only its stem is in the paper
_MANY = 8  # whole words of a paper that all its lines' ends broke
_SHORTEST = 2  # letters of a part that is joined without a hyphen


def without_broken_words(texts: Sequence[str]) -> list[str]:
    """Return the texts of one paper, each with its broken words whole.

    A word gets its hyphen back where the paper has it with one, and loses it where the paper has it
    without; of both the more frequent counts. A word that is nowhere else is whole where neither
    part stands alone and another word begins like it, beyond the break; and where neither stands
    alone, in a paper with many broken words.

    >>> without_broken_words(["An environ- mental, long- term risk", "environmental, long-term"])
    ['An environmental, long-term risk', 'environmental, long-term']
    >>> without_broken_words(["pre- and post-operative, at the cur- rent rate", "currently"])
    ['pre- and post-operative, at the current rate', 'currently']
    """
    if not any(map(_may_have_some, texts)):
        return list(texts)
    words = _Words(texts)
    return [_BROKEN.sub(words.joined, text) if _may_have_some(text) else text for text in texts]


def _may_have_some(text: str) -> bool:
    return bool(_HINT.search(text))


class _Words:
    """The words of a paper that are not broken, in lower case."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._count = _ALWAYS + Counter(
            _plain(word[0])
            for text in texts
            for word in _WORD.finditer(_BROKEN.sub(" ", text) if _may_have_some(text) else text)
        )
        self._sorted = sorted(word for word in self._count if "-" not in word)
        self._many = False
        broken = (one for text in texts for one in _BROKEN.finditer(text))
        self._many = sum(self.joined(one) == one[1] + one[2] for one in broken) >= _MANY

    def joined(self, broken: re.Match[str]) -> str:
        """Return the whole word, or what stood there where that is not certain."""
        first, second = _plain(broken[1]), _plain(broken[2])
        if second in _SUSPENDED or not any(map(str.isalpha, first + second)):
            return broken[0]
        hyphened = self._count[f"{first}-{second}"]
        whole = self._count[first + second] if _are_parts(broken) else 0
        if hyphened > whole:
            return f"{broken[1]}-{broken[2]}"
        if whole or (_are_parts(broken) and self._is_one(first, second)):
            return broken[1] + broken[2]
        return broken[0]

    def _is_one(self, first: str, second: str) -> bool:
        """Tell whether two parts are one word, though the paper has it nowhere: neither is one."""
        if self._count[first] or self._count[second]:
            return False
        stem = first + second[:_OWN]
        at = bisect_left(self._sorted, stem)
        return self._many or any(word.startswith(stem) for word in self._sorted[at : at + 1])


def _are_parts(broken: re.Match[str]) -> bool:
    """Tell whether both are letters alone, and the second, as within a word, in lower case."""
    return (
        broken[1].isalpha()
        and broken[2].isalpha()
        and broken[2].islower()
        and min(len(broken[1]), len(broken[2])) >= _SHORTEST
    )


def _plain(word: str) -> str:
    return word.replace("\u2010", "-").lower()
