"""The types that a request passes through, from the question to the list of answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from index.filters import NO_FILTERS, Facets, Filters
from index.types import Paper, Passage
from models.contracts import FloatArray
from service.chances import UNLIKELY, chance_of

NO_MATCH = "No paper matches these filters."
"""Said where nothing could be searched."""
WIDEN = "Remove one of them, or widen the dates."
"""Said after that: how to mend it."""
UNRELIABLE = "No reliable answer found in these papers."
NONE_LIKELY = "None of the answers is likely to be right."


@dataclass(frozen=True, slots=True)
class Query:
    """A validated question: not blank, `weight` in [0, 1], `top_k` in 1..50."""

    question: str
    weight: float
    top_k: int
    filters: Filters = NO_FILTERS


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer span in a passage, with the paper it comes from.

    `passage.text[start:end] == text`, in Unicode code points. All scores are in [0, 1];
    `final_score == weight * reader_score + (1 - weight) * retrieval_score`.
    """

    text: str
    passage: Passage
    paper: Paper
    start: int
    end: int
    reader_score: float
    retrieval_score: float
    final_score: float

    @property
    def chance(self) -> str:
        """How likely the answer is right, in a word: the same at every weight."""
        return chance_of(self.reader_score)


@dataclass(frozen=True, slots=True)
class Timings:
    """Wall-clock milliseconds that each step of one request took, with what it waited for.

    Whoever waits for a place or for another's answer to the same question does so before `encode`
    or `read`, whichever computes first.
    """

    encode: float
    retrieve: float
    read: float
    total: float


@dataclass(frozen=True, slots=True)
class Source:
    """What answered: the index and the models."""

    index_version: str
    papers: int
    passages: int
    encoder: str
    reader: str
    device: str


@dataclass(frozen=True, slots=True)
class AnswerList:
    """Answers by descending final score, at most `query.top_k`, at most one per passage.

    `passages_searched` are those that match the query's filters; there is no answer without any.

    `read` are the answers of all passages that were read, by descending final score, also those
    that repeat one before them: what another weight is ranked from without reading
    again. `unread` is the greatest retrieval score of a candidate that was not read, None where
    every one was; such a candidate's final score is at most
    `weight * reader_bound + (1 - weight) * unread`.

    `did_you_mean` is the question as it seems to be meant, where words of it are misspelt;
    `unknown_words` are its others that no passage has.
    """

    query: Query
    answers: tuple[Answer, ...]
    no_answer_probability: float
    passages_searched: int
    source: Source
    took_ms: Timings
    read: tuple[Answer, ...] = ()
    unread: float | None = None
    reader_bound: float = 1.0
    did_you_mean: str | None = None
    unknown_words: tuple[str, ...] = ()

    def unreliable(self, threshold: float) -> bool:
        """Tell whether it is likelier than `threshold` that the papers hold no answer."""
        return self.no_answer_probability > threshold

    def warning(self, threshold: float) -> str:
        """Return what must be said wherever the answers go, "" where they need no warning."""
        if self.unreliable(threshold):
            return UNRELIABLE
        return NONE_LIKELY if self.unlikely else ""

    def chance(self, answer: Answer, threshold: float) -> str:
        """Return how likely one of the answers is right, "" where no reliable one was found."""
        return "" if self.unreliable(threshold) else answer.chance

    @property
    def nothing(self) -> str:
        """What must be said where there is no answer, "" where there is one."""
        if self.answers:
            return ""
        if self.passages_searched:
            return "No passage found in these papers. Try other words."
        return f"{NO_MATCH} {WIDEN}"

    @property
    def unknown(self) -> str:
        """What to say of the question's unknown words, "" where there are none."""
        quoted = [f"“{word}”" for word in self.unknown_words]
        if not quoted:
            return ""
        *others, last = quoted
        words = f"words {', '.join(others)} and {last}" if others else f"word {last}"
        return f"No paper here has the {words}."

    @property
    def likely(self) -> tuple[Answer, ...]:
        """The answers that are not unlikely."""
        return tuple(answer for answer in self.answers if answer.reader_score >= UNLIKELY)

    @property
    def unlikely(self) -> bool:
        """Tell whether there are answers, and all are unlikely."""
        return bool(self.answers) and not self.likely


class BusyError(Exception):
    """Too many questions are waiting to be answered."""


class TooLateError(BusyError):
    """A question could not be answered in time at the pace of the last ones."""


class AnswererProtocol(Protocol):
    """What the web application needs: anything that answers a query."""

    @property
    def facets(self) -> Facets:
        """The names that there are to filter by."""
        ...

    def answer(self, query: Query) -> AnswerList:
        """Answer one question. Safe to call from several threads. Raises BusyError."""
        ...

    def sentence_vectors(self, texts: Sequence[str]) -> FloatArray:
        """Return a unit vector a text, shape (n, dimension): like ones mean like. As `answer`."""
        ...

    def passage(self, passage_id: int) -> tuple[Passage, Source]:
        """Return a passage, and what answers now. Raises KeyError where the index has none such."""
        ...
