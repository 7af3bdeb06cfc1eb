"""What a search can be restricted to, and what a paper's record says about it.

This module alone decides what matches. `index.papers` and `index.keywords` hold its day numbers
and keys of every paper, so that both searches are restricted to the same passages.
"""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Self

OPEN = (-1, 100_000_000)
"""The period that every other one overlaps, as day numbers (see `days`)."""
_NEVER = (100_000_000, -1)  # overlaps no period but the open one
_DATE = re.compile(r"\d{4}(?:-\d{2}){0,2}", re.ASCII)
_MOST_SOURCES = 12
_MOST_JOURNALS = 140
_LONGEST_FACET = 100  # characters of a name; a list of longer ones would bloat the page


def name_key(name: str) -> str:
    """Return what two names that count as the same have in common.

    >>> name_key(" PLoS  ONE") == name_key("PLoS One")
    True
    """
    return " ".join(name.casefold().split())


@dataclass(frozen=True, slots=True)
class Filters:
    """The restrictions on a search; a paper must fulfil all that are given. False when none is.

    `published_from` and `published_to` are ISO 8601 dates of reduced precision (`2020`,
    `2020-03`, `2020-03-13`), both inclusive. A paper's own date may be as vague, and matches when
    its period overlaps the one asked for: one dated `2020` matches `2020-03`, since it may be of
    that month. A paper without a date matches no date.

    `sources` and `journals` are whole names, and one of each must be the paper's. Letter case and
    the amount of white space don't count; `index.papers.PaperColumns.spelled` adds the other
    spellings of journals. `full_text` leaves out papers whose title and abstract alone are indexed.
    """

    published_from: str = ""
    published_to: str = ""
    sources: tuple[str, ...] = ()
    journals: tuple[str, ...] = ()
    full_text: bool = False

    def __bool__(self) -> bool:
        """Tell whether there is any restriction."""
        return self != NO_FILTERS

    @property
    def period(self) -> tuple[int, int]:
        """The day numbers of the first and the last day asked for; `OPEN` where none is."""
        first = days(self.published_from)[0] if self.published_from else OPEN[0]
        last = days(self.published_to)[1] if self.published_to else OPEN[1]
        return first, last


NO_FILTERS = Filters()


@dataclass(frozen=True, slots=True)
class Attributes:
    """What filters look at of a paper, as its record has it; see `index.types.Paper`."""

    publish_time: str = ""
    source: str = ""
    journal: str = ""
    full_text: bool = False


@dataclass(frozen=True, slots=True)
class Facet:
    """A name to filter by, and the number of papers that have it."""

    name: str
    papers: int


@dataclass(frozen=True, slots=True)
class Facets:
    """The most frequent sources and journals of an index, by descending number of papers."""

    sources: tuple[Facet, ...] = ()
    journals: tuple[Facet, ...] = ()

    @classmethod
    def of(
        cls,
        sources: Mapping[str, int],
        journals: Mapping[str, int],
        journal_of: Callable[[str], Hashable] = name_key,
    ) -> Self:
        """Count papers by the `source` and by the `journal` of their records.

        `journal_of` returns what the spellings of a journal have in common; nothing of no name.
        """
        single: Counter[str] = Counter()
        for source, papers in sources.items():
            for name in split_sources(source):
                single[name] += papers
        return cls(
            _facets(single, _MOST_SOURCES, name_key),
            _facets(journals, _MOST_JOURNALS, journal_of),
        )


def days(date: str) -> tuple[int, int]:
    """Return the first and the last day of a date of reduced precision, as numbers that sort.

    They need not be days of the calendar. No date lies in no period, and what is written in
    another way is none: an index that another program made may hold anything.

    >>> days("2020-03-13"), days("2020-03"), days("2020")
    ((20200313, 20200313), (20200300, 20200399), (20200000, 20209999))
    >>> days("") == days("March 2020") == days("20200313123456")
    True
    """
    if not _DATE.fullmatch(date):
        return _NEVER
    digits = date.replace("-", "")
    return int(digits.ljust(8, "0")), int(digits.ljust(8, "9"))


def split_sources(source: str) -> list[str]:
    """Return the names in the `source` of a paper's record.

    >>> split_sources("Elsevier; Medline; PMC")
    ['Elsevier', 'Medline', 'PMC']
    """
    return [name for name in (part.strip() for part in source.split(";")) if name]


def source_keys(source: str) -> list[str]:
    """Return the keys by which the `source` of a paper's record can be asked for."""
    return [name_key(name) for name in split_sources(source)]


def journal_keys(journal: str) -> list[str]:
    """Return the key by which the `journal` of a paper's record can be asked for, if it has one."""
    return [key] if (key := name_key(journal)) else []


def _facets(
    papers: Mapping[str, int], most: int, key_of: Callable[[str], Hashable]
) -> tuple[Facet, ...]:
    """Bring the spellings of a name, which have one key, together under the most frequent one."""
    spellings: dict[Hashable, Counter[str]] = {}
    for name, count in papers.items():
        spellings.setdefault(key_of(name), Counter())[name] += count
    found = [
        Facet(counts.most_common(1)[0][0], counts.total())
        for key, counts in spellings.items()
        if key
    ]
    short = [facet for facet in found if len(facet.name) <= _LONGEST_FACET]
    return tuple(sorted(short, key=lambda facet: (-facet.papers, facet.name))[:most])
