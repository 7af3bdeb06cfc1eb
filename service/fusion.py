"""The arithmetic that makes one list of answers out of two scores. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from index.chunking import sentences
from service.types import Answer


def fuse(reader: float, retrieval: float, weight: float) -> float:
    """Return the final score: the reader's share is `weight`, the rest is the retrieval's.

    All arguments and the result are in [0, 1].

    >>> fuse(reader=0.9, retrieval=0.5, weight=0.25)
    0.6
    """
    return weight * reader + (1 - weight) * retrieval


def ranked(answers: Iterable[Answer]) -> list[Answer]:
    """Return the answers by descending final score; equal ones by the order of the index."""
    return sorted(answers, key=rank_key)


def rank_key(answer: Answer) -> tuple[float, int]:
    """Return what answers are ranked by: the least comes first."""
    return -answer.final_score, answer.passage.id


def reweighed(answers: Iterable[Answer], weight: float) -> list[Answer]:
    """Return the answers ranked as a question with another weight ranks them."""
    return ranked(
        replace(answer, final_score=fuse(answer.reader_score, answer.retrieval_score, weight))
        for answer in answers
    )


_REMEMBERED = 1024
"""How many answers it is remembered of what they tell: 2.4 MB.

A question has up to 75 by default, at each step, at each weight and when it is repeated the same.
"""

_WORDS = re.compile(r"[\w%<>≤≥]+")
LONG = 10
"""Words from which the same sentence in two papers is a copy: a preprint's, as a rule."""

Told = frozenset[tuple[str, ...]]
"""What an answer tells: answers that have something of it in common are repeats of one another."""


def without_repeats(answers: Iterable[Answer]) -> Iterator[Answer]:
    """Drop each answer that tells what an answer before it tells already.

    Passages of a section overlap, so the same sentence is read twice; a paper says the same in
    its abstract and its results; a preprint says what is published later. The better answer stays.
    """
    seen: set[tuple[str, ...]] = set()
    for answer in answers:
        here = what_is_told(answer)
        if seen.isdisjoint(here):
            yield answer
            seen |= here


def what_is_told(answer: Answer) -> Told:
    """Return the sentences of its paper that an answer touches, and its words, as the paper's.

    A long sentence is that of any paper as well.
    """
    return _told(answer.passage.cord_uid, answer.passage.text, answer.start, answer.end)


@lru_cache(_REMEMBERED)
def _told(paper: str, text: str, begin: int, until: int) -> Told:
    touched = [text[start:end] for start, end in _touched(text, begin, until)]
    words = [_words(sentence) for sentence in touched]
    return frozenset(
        {
            ("answer", paper, " ".join(_words(text[begin:until]))),
            *(("sentence", paper, sentence) for sentence in touched),
            *(("any paper", " ".join(some)) for some in words if len(some) >= LONG),
        }
    )


def _words(text: str) -> list[str]:
    """Return the words of a text as they are compared: without their case and punctuation."""
    return _WORDS.findall(text.casefold())


def ranges_touched(answer: Answer) -> tuple[tuple[int, int], ...]:
    """Return where these sentences are: half-open ranges of code points of the passage's text."""
    return _touched(answer.passage.text, answer.start, answer.end)


@lru_cache(_REMEMBERED)
def _touched(text: str, begin: int, until: int) -> tuple[tuple[int, int], ...]:
    return tuple((start, end) for start, end in sentences(text) if start < until and begin < end)


def answer_sentence(answer: Answer) -> tuple[int, int]:
    """Return the half-open range of the passage's text that the sentences touched make up.

    It holds the answer whole.
    """
    touched = ranges_touched(answer)
    return (
        min([answer.start, *(start for start, _ in touched)]),
        max([answer.end, *(end for _, end in touched)]),
    )


def sentence_of(answer: Answer) -> str:
    """Return the sentence of the passage that holds the answer."""
    start, end = answer_sentence(answer)
    return answer.passage.text[start:end]
