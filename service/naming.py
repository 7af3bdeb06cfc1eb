"""The names in a question, and whether a text has them in any of their forms. No HTML here."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, zip_longest
from typing import Self

from rapidfuzz import process
from rapidfuzz.distance import OSA

from index.drug_names import drug_stem

_ALONE = (
    r"covid(?:[-‐‑– ]?(?:20)?19)?|sars[-‐‑–− ]{0,3}cov[-‐‑–− ]{0,3}2(?!\d)"
    r"|respiratory syndrome (?:corona ?virus|cov)[- ]?2"
    r"|sars[- ]corona ?virus[- ]?2|2019[-‐‑– ]?n-?cov|hcov[-‐– ]?19"
    r"|\b2019 (?:\w{1,9} )?corona ?virus|corona ?virus (?:disease[- ](?:20)?19|2019)"
)
COVID_ALONE = re.compile(_ALONE, re.IGNORECASE)
"""COVID-19 and its virus, in spellings that never meant another."""
COVID = re.compile(
    rf"{_ALONE}|\bn-?cov(?:id)?\b|\b(?:novel|new) (?:\w{{1,9}} )?corona ?virus"
    r"|corona ?virus disease|\bNCI?P\b|\bWuhan (?:corona ?)?virus|\bomicron\b|\bBNT162|\bmRNA-1273",
    re.IGNORECASE,
)
"""The same, and what else names them now; some of it has named the virus of MERS."""

_WORD = re.compile(r"[^\W_](?:[\w.+/-]{0,60}[^\W_])?")
_PART = re.compile(r"[^\W_]+")
_YEAR = re.compile(r"(?:19|20)\d\d")
_OPENS = re.compile(r"(?:^|[.?!:])\W*$")
_SPELT_OUT: dict[str, str | tuple[str, ...]] = {
    "icu": ("critical", "intensive"),
    "ifn": "interferon",
    "il": "interleukin",
    "rna": ("genom", "nucleic", "pcr", "rtpcr", "ribonucleic", "shed"),
    "r0": "reproducti",
    "uk": "brit",
    "united kingdom": "brit",
    "united states": "america",
    "us": "america",
    "usa": "america",
}
"""How words begin that say the same as a name does."""
_SKIPPED = {"and", "for", "in", "of", "the"}
_MOST_NAMES = 20
_LEAST_FUZZY = 8  # letters, from which on one of them may be wrong: Iceland is not Ireland
_STEM = 4  # letters that a name and its adjective begin with, at the least


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text, for `is_named`.

    `joined` are those in lower case, also each two and three on end as one; `written` as they
    stand there; `initials` the first letters of all, of an abbreviation every letter.
    """

    joined: frozenset[str]
    written: frozenset[str]
    initials: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Take the words of a text."""
        parts = _PART.findall(_unaccented(text))
        low = [part.lower() for part in parts]
        pairs = map("".join, pairwise(low))
        threes = map("".join, zip(low, low[1:], low[2:], strict=False))
        told = (part for part in parts if part.lower() not in _SKIPPED)
        initials = "".join(p if p.isupper() or p.isdigit() else p[0] for p in told)
        return cls(frozenset([*low, *pairs, *threes]), frozenset(parts), initials.lower())


@dataclass(frozen=True, slots=True)
class Name:
    """A name in a question, as it stands there, and the word behind it, "" where none is."""

    text: str
    behind: str = ""


@lru_cache(maxsize=64)
def names_in(question: str) -> tuple[Name, ...]:
    """Return the names in a question: capitalised words, abbreviations, codes, drugs, and years.

    A word that opens a sentence is none for its capital, and those of COVID-19 are left out.
    Where most words have capitals these tell nothing. There are 20 at most. Remembered: each
    answer is looked at for them.

    >>> [name.text for name in names_in("Did remdesivir help in New York's hospitals in 2020?")]
    ['remdesivir', 'New York', '2020']
    >>> names_in("WHAT IS THE R0 OF COVID-19?")
    ()
    """
    text = COVID.sub(lambda found: "," * len(found[0]), question)
    words = list(_WORD.finditer(text))
    capitalised = sum(word[0].isalpha() and word[0][0].isupper() for word in words[1:])
    if 2 * capitalised > max(4, len(words)):
        return ()
    names: list[Name] = []
    end = -1  # of the name before
    before = 0  # where the word before ends
    for word, behind in zip_longest(words, words[1:]):
        told, last = re.sub(r"['’]s?$", "", word[0]), names[-1].text if names else ""
        opens = bool(_OPENS.search(text, before, word.start()))
        before = word.end()
        if not _is_name(told, opens=opens):
            continue
        if text[end : word.start()] == " " and f"{last}{told}".replace(" ", "").isalpha():
            names.pop()
            told = f"{last} {told}"
        names.append(Name(told, behind[0] if behind else ""))
        end = word.end()
    return tuple(names[:_MOST_NAMES])


def _is_name(word: str, *, opens: bool) -> bool:
    capitals = sum(letter.isupper() for letter in word)
    is_code = capitals > 1 or (capitals == 1 and any(map(str.isdigit, word)))
    is_capitalised = word[0].isupper() and len(word) > 1 and not opens
    return bool(is_code or is_capitalised or _YEAR.fullmatch(word) or drug_stem(word))


def is_named(name: Name, words: Words) -> bool:
    """Tell whether a text has a name: in another form or spelling, shortened, or spelt out.

    >>> words = Words.of("Italian patients with angiotensin-converting enzyme 2 and S. aureus")
    >>> [is_named(Name(name), words) for name in ("Italy", "ACE-2", "ACE2s", "Iceland")]
    [True, True, True, False]
    >>> is_named(Name("Staphylococcus", "aureus"), words)
    True
    """
    run, text = name.text.split(), _unaccented(name.text)
    if len(run) > 1:
        initials = "".join(part[0] for part in run)
        alone = [Name(part) for part in run[:-1]] + [Name(run[-1], name.behind)]
        return (
            initials in words.written
            or _begins(_SPELT_OUT.get(name.text.lower()), words)
            or all(is_named(part, words) for part in alone)
        )
    return bool(
        _is_written(text, words)
        or (name.behind and f"{text[0]}{name.behind}".lower() in words.joined)  # S. aureus
        or _is_derived(text, words)
        or _is_spelt_out(text, words)
        or _is_shortened(text, words)
        or _is_misspelt(text, words)
    )


def _is_written(name: str, words: Words) -> bool:
    """Tell whether it stands there, but for an ending and how its parts are joined."""
    parts = _PART.findall(name)
    key = "".join(parts).lower()
    telling = [part.lower().removesuffix("s") for part in parts if not part.islower()]
    forms = (key, f"{key}s", key.removesuffix("s"), key.removesuffix("es"))
    return not words.joined.isdisjoint(forms) or (
        len(parts) > 1 and all(_begins(part, words) for part in telling)
    )


def _is_derived(name: str, words: Words) -> bool:
    """Tell whether a word begins as a capitalised name does: Italian for Italy."""
    stem = name[: max(_STEM, len(name) - 2)]
    return (
        name[1:].islower()
        and len(name) > _STEM
        and any(one.startswith(stem) for one in words.written)
    )


def _is_spelt_out(name: str, words: Words) -> bool:
    """Tell whether the words that an abbreviation stands for are there."""
    if name[1:].islower() or name.isdigit():
        return False
    short = "".join(_PART.findall(name)).lower()
    if _begins(_SPELT_OUT.get(short) or _SPELT_OUT.get(_PART.findall(name)[0].lower()), words):
        return True
    forms = {short, short.removesuffix("s")}
    if len(short) >= _STEM and short.isalpha():  # one of the letters is from within a word: ECMO
        forms |= {short[:place] + short[place + 1 :] for place in range(1, len(short))}
    return any(form in words.initials for form in forms) or any(
        shortens(short, one.lower()) for one in words.written if drug_stem(one.lower())
    )


def _is_shortened(name: str, words: Words) -> bool:
    """Tell whether an abbreviation of a drug is there."""
    short = (one for one in words.written if len(one) > 1 and one.isupper())
    return name.islower() and any(shortens(one.lower(), name) for one in short)


def _is_misspelt(name: str, words: Words) -> bool:
    """Tell whether a word is there that is spelt much like it."""
    if not name.isalpha() or name.isupper() or len(name) < _LEAST_FUZZY:
        return False
    alike = (one for one in words.joined if one[0] == name[0].lower())
    return bool(process.extractOne(name.lower(), alike, scorer=OSA.distance, score_cutoff=1))


def _unaccented(text: str) -> str:
    """Return a text without accents: Guillain-Barre."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _begins(start: str | tuple[str, ...] | None, words: Words) -> bool:
    return start is not None and any(one.startswith(start) for one in words.joined)


def shortens(short: str, long: str) -> bool:
    """Tell whether all letters of an abbreviation are in a word, in their order, the first first.

    >>> shortens("hcq", "hydroxychloroquine"), shortens("rna", "remdesivir")
    (True, False)
    """
    rest = iter(long)
    return short[0] == long[0] and all(letter in rest for letter in short)
