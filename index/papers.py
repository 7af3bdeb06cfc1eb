"""What filters look at of all papers, in columns in memory: they find passages in milliseconds."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from index.filters import OPEN, Facets, Filters, days, journal_keys, name_key, source_keys
from index.journals import Journals

Row = tuple[int, int, str, str, str, int]
"""A paper: its first passage, number of passages, publish_time, source, journal and full_text."""

_COLUMNS = np.dtype(
    [
        ("first_passage", np.int64),
        ("passages", np.int32),
        ("first_day", np.int32),
        ("last_day", np.int32),
        ("source", np.int32),  # a code of `_Names`
        ("journal", np.int32),  # likewise
        ("full_text", np.bool_),
    ]
)


class _Names:
    """The distinct names in a column, numbered as they come: the codes that the column holds."""

    def __init__(self, keys: Callable[[str], list[str]]) -> None:
        """Take the function that returns the keys by which a name can be asked for."""
        self._keys = keys
        self._codes: dict[str, int] = {}
        self._codes_by_key: dict[str, list[int]] = {}

    def code(self, name: str) -> int:
        """Return the code of a name, a new one if need be."""
        found = self._codes.get(name)
        if found is None:
            found = self._codes[name] = len(self._codes)
            for key in self._keys(name):
                self._codes_by_key.setdefault(key, []).append(found)
        return found

    @property
    def names(self) -> Iterable[str]:
        """The names, by their codes."""
        return self._codes.keys()

    def any_of(self, wanted: Sequence[str]) -> NDArray[np.bool_]:
        """Tell of each code whether its name is one of those `wanted`; shape (codes,)."""
        found = np.zeros(len(self._codes), np.bool_)
        for name in wanted:
            found[self._codes_by_key.get(name_key(name), [])] = True
        return found

    def counts(self, column: NDArray[np.int32]) -> Counter[str]:
        """Return how often each name is in a column of codes."""
        counts = np.bincount(column, minlength=len(self._codes))
        return Counter(dict(zip(self._codes, counts.tolist(), strict=True)))


class PaperColumns:
    """A row of 29 bytes for each paper, by first passage. Never changes; safe to share."""

    def __init__(self, papers: Iterable[Row]) -> None:
        """Take the papers, in any order; the passages of each have consecutive ids."""
        self._sources = _Names(source_keys)
        self._journals = _Names(journal_keys)
        rows = np.fromiter(self._coded(papers), _COLUMNS)
        self._rows = rows[np.argsort(rows["first_passage"])]
        self._spelled = Journals.of(self._journals.names)

    def _coded(self, papers: Iterable[Row]) -> Iterator[tuple[int, ...]]:
        for first, passages, publish_time, source, journal, full_text in papers:
            codes = self._sources.code(source), self._journals.code(journal)
            yield (first, passages, *days(publish_time), *codes, full_text)

    def spelled(self, filters: Filters) -> Filters:
        """Return filters with all spellings of their journals that the papers have."""
        names = (key for name in filters.journals for key in self._spelled.spellings(name))
        return replace(filters, journals=tuple(dict.fromkeys(names)))

    def matching(self, filters: Filters) -> NDArray[np.int64]:
        """Return the ids of the passages whose papers match, ascending; shape (matching,)."""
        rows = self._rows
        match = np.ones(len(rows), np.bool_)
        if filters.period != OPEN:
            first, last = filters.period
            match &= (rows["last_day"] >= first) & (rows["first_day"] <= last)
        if filters.sources:
            match &= self._sources.any_of(filters.sources)[rows["source"]]
        if filters.journals:
            match &= self._journals.any_of(self.spelled(filters).journals)[rows["journal"]]
        if filters.full_text:
            match &= rows["full_text"]
        return _ranges(rows["first_passage"][match], rows["passages"][match])

    def before(self, ids: NDArray[np.int64], date: str) -> NDArray[np.bool_]:
        """Tell of n passages whether their papers were surely published before a date; shape (n,).

        One dated 2019 was not surely before 2019-12, and one without a date before none.
        """
        places = np.searchsorted(self._rows["first_passage"], ids, side="right") - 1
        last = self._rows["last_day"][places]
        return np.asarray((last >= 0) & (last < days(date)[0]))

    def facets(self) -> Facets:
        """Return the names that there are to filter by."""
        return Facets.of(
            self._sources.counts(self._rows["source"]),
            self._journals.counts(self._rows["journal"]),
            self._spelled.journal,
        )


def _ranges(starts: NDArray[np.int64], lengths: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the integers of all ranges, one range after the other.

    >>> _ranges(np.array([3, 9]), np.array([2, 3])).tolist()
    [3, 4, 9, 10, 11]
    """
    ends = np.cumsum(lengths, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(total)
