"""Which names of journals are spellings of one: records write one journal in many ways.

`J. Med. Virol.`, `J Med Virol` and `Journal of Medical Virology` are one. Without a catalogue of
journals only the names themselves tell, so names that leave a doubt stay apart; see
docs/decisions/0006-filters.md.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Self

from index.filters import name_key

Words = tuple[str, ...]
"""What is compared of a name: its words, folded, without punctuation and words like "of"."""

_WORD = re.compile(r"[^\W_]+")
_LEFT_OUT = frozenset({"and", "for", "in", "of", "the"})
_CUT = range(2, 9)  # letters that an abbreviation leaves out: "vaccine" is not short for "vaccines"
_LEAST = 3  # letters that it has
_VOWELS = "aeiou"  # it ends before one of them: "virol", not "neuro"
_MANY = 20  # names that one may be short for; more are not looked at
_MOST_COMPARED = 500  # words, for one name, or it stands for none; 25 were the most of the corpus
_AFTER_ALL = "\U0010ffff"
_SHORT = {
    short: tuple(words.split())
    for short, words in {
        "a": "america",
        "adv": "advances advanced",
        "am": "america american americas",
        "ann": "annals annual",
        "arch": "archives",
        "biol": "biological biology",
        "br": "british",
        "bull": "bulletin",
        "card": "cardiac",
        "chem": "chemical chemistry",
        "clin": "clinic clinical clinics",
        "comp": "comparative",
        "dis": "disease diseases",
        "eur": "europe european",
        "exp": "experimental",
        "gen": "general",
        "int": "international",
        "j": "journal",
        "lett": "letters",
        "med": "medical medicine",
        "mol": "molecular molecules",
        "n": "new north",
        "nat": "natural nature",
        "natl": "national",
        "pharm": "pharmaceutical pharmaceuticals pharmaceutics pharmacy",
        "proc": "proceedings",
        "q": "quarterly",
        "r": "royal",
        "rep": "report reports",
        "res": "research",
        "rev": "review reviews",
        "s": "south states",
        "sci": "science sciences scientific",
        "surg": "surgeon surgeons surgery surgical",
        "u": "united",
    }.items()
}
"""Frequent abbreviations, and all that each stands for. A name with one is not written out."""
_WHOLE = frozenset({"age", "art", "environment", "global", "health", "human"})
"""Words that begin others, and are never short for them: Health Policy is not Healthcare Policy."""


def words_of(name: str) -> Words:
    """Return the words by which the name of a journal is compared; none only of an empty name.

    >>> words_of("The Journal of Infectious Diseases"), words_of("J. Infect. Dis.")
    (('journal', 'infectious', 'diseases'), ('j', 'infect', 'dis'))
    """
    found = _WORD.findall(name.casefold())
    kept = tuple(word for word in found if word not in _LEFT_OUT)
    return kept or tuple(found) or tuple(name_key(name).split())


def written_out(names: Iterable[Words]) -> dict[Words, Words]:
    """Return the names that are abbreviated, each with the one name that it stands for.

    An abbreviated name has as many words as what it stands for, and each is the same or short for
    that at its place. Where several fit it stands for none of them.
    """
    by_length: dict[int, list[Words]] = {}
    for name in sorted(names):
        by_length.setdefault(len(name), []).append(name)
    found = {}
    for length, alike in by_length.items():
        full = [name for name in alike if length > 1 and _SHORT.keys().isdisjoint(name)]
        all_longer = {name: _longer(name, full) for name in alike}
        for name, longer in all_longer.items():
            # what is itself short for another of them
            between = {one for one in longer if longer & all_longer[one]}
            if len(longer - between) == 1:
                (found[name],) = longer - between
    return {name: found.get(longer, longer) for name, longer in found.items()}


def _longer(name: Words, full: Sequence[Words]) -> set[Words]:
    """Return some of the names, sorted and as long, that a name may be short for; all if few.

    None where that takes long: hostile names can all begin alike.
    """
    left = iter(range(_MOST_COMPARED))
    found = set(islice(_fitting(name, full, left, 0, len(full)), _MANY))
    return set() if next(left, None) is None else found - {name}


def _fitting(
    name: Words, full: Sequence[Words], left: Iterator[int], start: int, stop: int, *, at: int = 0
) -> Iterator[Words]:
    """Return those of `full`, from `start` to before `stop`, that a name may be short for.

    They are sorted, have as many words as the name, and agree in those before the place `at`.
    Each word that is compared takes one of `left`, and without any left this ends.
    """
    if at == len(name):
        yield from full[start:stop]
        return

    def word(one: Words) -> str:
        return one[at]

    short = name[at]
    for first in _SHORT.get(short, (short,)):
        place = bisect_left(full, first, start, stop, key=word)
        end = bisect_right(
            full, first if short in _SHORT else short + _AFTER_ALL, place, stop, key=word
        )
        while place < end and next(left, None) is not None:
            after = bisect_right(full, full[place][at], place, end, key=word)
            if short in _SHORT or _is_short(short, full[place][at]):
                yield from _fitting(name, full, left, place, after, at=at + 1)
            place = after


def _is_short(short: str, word: str) -> bool:
    """Tell whether the beginning of a word may be short for it; each word is for itself."""
    cut = len(word) - len(short)
    return not cut or (
        cut in _CUT and len(short) >= _LEAST and short[-1] not in _VOWELS and short not in _WHOLE
    )


@dataclass(frozen=True, slots=True)
class Journals:
    """The journals of an index.

    `stands_for` has the abbreviated names, and `keys` the keys by which the spellings of each
    journal can be asked for (see `index.filters.journal_keys`).
    """

    stands_for: Mapping[Words, Words]
    keys: Mapping[Words, tuple[str, ...]]

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """Tell the journals of these names apart."""
        by_words: dict[Words, set[str]] = {}
        for name in names:
            if key := name_key(name):
                by_words.setdefault(words_of(name), set()).add(key)
        stands_for = written_out(by_words)
        keys: dict[Words, set[str]] = {}
        for words, some in by_words.items():
            keys.setdefault(stands_for.get(words, words), set()).update(some)
        return cls(stands_for, {journal: tuple(sorted(some)) for journal, some in keys.items()})

    def journal(self, name: str) -> Words:
        """Return what all spellings of a journal have in common."""
        words = words_of(name)
        return self.stands_for.get(words, words)

    def spellings(self, name: str) -> tuple[str, ...]:
        """Return the keys of all spellings of the journal that has this name."""
        return self.keys.get(self.journal(name), (name_key(name),))
