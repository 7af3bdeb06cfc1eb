"""The arithmetic that makes one list of answers out of two scores. Pure."""

from collections.abc import Iterable, Iterator

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
    return sorted(answers, key=lambda answer: (-answer.final_score, answer.passage.id))


def without_repeats(answers: Iterable[Answer]) -> Iterator[Answer]:
    """Drop each answer from a sentence that an answer before it comes from already.

    Passages of a section overlap, so the same sentence is read twice; the better answer stays.
    """
    seen: set[tuple[str, str]] = set()
    for answer in answers:
        here = {(answer.passage.cord_uid, sentence) for sentence in _sentences_of(answer)}
        if seen.isdisjoint(here):
            yield answer
            seen |= here


def _sentences_of(answer: Answer) -> list[str]:
    """Return the sentences of the passage that the answer touches."""
    text = answer.passage.text
    return [
        text[start:end]
        for start, end in sentences(text)
        if start < answer.end and answer.start < end
    ]
