"""Abbreviations that texts define in brackets behind what they stand for. Pure; no HTML here.

The rule is that of Schwartz and Hearst, "A simple algorithm for identifying abbreviation
definitions in biomedical text" (2003): each character of the short form is in the long one, in its
order, the first of them where a word begins.
"""

import re
from collections import Counter
from collections.abc import Iterable

_DEFINED = re.compile(r" ?\(([A-Z](?=[\w-]{0,9}[A-Z\d])[\w-]{1,9})(?=[);,])")
_LONGEST = 100
"""Characters before a bracket in which the long form is looked for."""


def definitions(texts: Iterable[str]) -> dict[str, str]:
    """Return the long form of each short one that texts define; the most frequent of several.

    >>> definitions(["By the angiotensin-converting enzyme 2 (ACE2, a receptor) of cells (see 3)"])
    {'ACE2': 'angiotensin-converting enzyme 2'}
    """
    found: dict[str, Counter[str]] = {}
    for text in texts:
        for place in _DEFINED.finditer(text):
            before = text[max(0, place.start() - _LONGEST) : place.start()]
            if long := long_form(place[1], before):
                found.setdefault(place[1], Counter())[long] += 1
    return {short: longs.most_common(1)[0][0] for short, longs in found.items()}


def long_form(short: str, before: str) -> str:
    """Return the long form of a short one at the end of a text, "" where it is none.

    >>> long_form("RBD", "of its receptor-binding domain"), long_form("RBD", "of the spike")
    ('receptor-binding domain', '')
    """
    letters = [letter for letter in short.lower() if letter.isalnum()]
    most = min(len(letters) + 5, 2 * len(letters))
    candidate = " ".join(before.split()[-most:])
    low, at = candidate.lower(), len(candidate)
    for left, letter in zip(range(len(letters) - 1, -1, -1), reversed(letters), strict=True):
        at = low.rfind(letter, 0, at)
        while left == 0 and at > 0 and low[at - 1].isalnum():
            at = low.rfind(letter, 0, at)
        if at < 0:
            return ""
    long = candidate[candidate.rfind(" ", 0, at) + 1 :]
    return long if len(long) > len(short) and short.lower() not in long.lower().split() else ""
