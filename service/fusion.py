"""The arithmetic that makes one list of answers out of two scores. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

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


_WORDS = re.compile(r"[\w%<>≤≥]+")
LONG = 10
"""Words from which the same sentence in two papers is a copy: a preprint's, as a rule."""

Told = frozenset[tuple[str, ...]]
"""What an answer tells: answers that have something of it in common are repeats of one another."""


def without_repeats(
    answers: Iterable[Answer], told: Callable[[Answer], Told] | None = None
) -> Iterator[Answer]:
    """Drop each answer that tells what an answer before it tells already.

    Passages of a section overlap, so the same sentence is read twice; a paper says the same in
    its abstract and its results; a preprint says what is published later. The better answer stays.
    `told` stands in for `what_is_told` where its results are at hand.
    """
    seen: set[tuple[str, ...]] = set()
    for answer in answers:
        here = (told or what_is_told)(answer)
        if seen.isdisjoint(here):
            yield answer
            seen |= here


def what_is_told(answer: Answer) -> Told:
    """Return the sentences of its paper that an answer touches, and its words, as the paper's.

    A long sentence is that of any paper as well.
    """
    text, paper = answer.passage.text, answer.passage.cord_uid
    touched = [text[start:end] for start, end in ranges_touched(answer)]
    words = [_words(sentence) for sentence in touched]
    return frozenset(
        {
            ("answer", paper, *_words(answer.text)),
            *(("sentence", paper, sentence) for sentence in touched),
            *(("any paper", *some) for some in words if len(some) >= LONG),
        }
    )


def _words(text: str) -> list[str]:
    """Return the words of a text as they are compared: without their case and punctuation."""
    return _WORDS.findall(text.casefold())


def ranges_touched(answer: Answer) -> list[tuple[int, int]]:
    """Return where these sentences are: half-open ranges of code points of the passage's text."""
    return [
        (start, end)
        for start, end in sentences(answer.passage.text)
        if start < answer.end and answer.start < end
    ]


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
