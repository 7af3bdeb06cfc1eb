"""The types that corpus readers, the index and its users share, and the index's errors."""

from dataclasses import dataclass
from typing import Protocol


class CorpusError(Exception):
    """A corpus cannot be read at all. The message says what was wrong and how to mend it."""


class IndexingError(Exception):
    """An index cannot be built, published or opened. The message says why and how to mend it."""


class MisfitError(IndexingError):
    """An index is of another format or encoder than is wanted; it need not be damaged."""


class AlteredError(IndexingError):
    """A file of an index has another checksum than was written: to try it again mends nothing."""


class ShortageError(IndexingError):
    """The system would not give the files, the memory or the room that an index takes to open."""


class Progress(Protocol):
    """What a builder tells whoever watches."""

    def stage(self, name: str, total: int, done: int, unit: str) -> None:
        """Say that a stage begins, of which `done` of `total` are done already."""
        ...

    def advance(self, count: int) -> None:
        """Say that `count` more of the current stage are done."""
        ...


class Watched(Progress, Protocol):
    """Progress that can also be told, in words, what is to be known at once and stops nothing."""

    def note(self, line: str) -> None:
        """Say `line`."""
        ...


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a paper: its heading and its cleaned running text."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Paper:
    """What is known of a paper besides its text. Unknown fields are empty strings.

    `publish_time` is an ISO 8601 date of reduced precision: `2020`, `2020-03` or `2020-03-13`.
    """

    cord_uid: str
    title: str
    authors: str
    journal: str
    publish_time: str
    doi: str
    pmcid: str
    pubmed_id: str
    url: str
    license: str
    source: str


@dataclass(frozen=True, slots=True)
class Document:
    """A paper with its sections in reading order. The abstract, if any, is the first section.

    `full_text` tells whether there is more than title and abstract.
    """

    paper: Paper
    sections: tuple[Section, ...]
    full_text: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of whole sentences of one section: the unit that is embedded, retrieved and read.

    `id` is its row in the index, from 0. `start` and `end` are a half-open range of Unicode
    code points of the section's text, and `text` is that range.
    """

    id: int
    cord_uid: str
    section: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that a search found, with the search's score (greater is better)."""

    passage_id: int
    score: float


@dataclass(frozen=True, slots=True)
class VectorRecall:
    """Which share of the truly nearest 10 and 100 passages a vector index finds, from 0 to 1.

    The mean over so many `questions`; an exact index has 1.0 of none.
    """

    at_10: float
    at_100: float
    questions: int

    def __str__(self) -> str:
        """Return the figures as people read them.

        >>> str(VectorRecall(0.995, 0.981, 30)), str(VectorRecall(1.0, 1.0, 0))
        ('recall 0.995 at 10, 0.981 at 100 (30 questions)', 'exact')
        """
        if self.questions == 0:
            return "exact"
        return (
            f"recall {self.at_10:.3f} at 10, {self.at_100:.3f} at 100 ({self.questions} questions)"
        )
