"""A sentence in pieces: those that a mark is there for, apart from the others. No HTML here."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.cautions import HEDGE, NEGATION, Caution

_SHOWN = (NEGATION.name, HEDGE.name)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a sentence, and the name of the mark that it is there for, or ""."""

    text: str
    mark: str = ""


def pieces(
    sentence: str, marks: Sequence[Caution], start: int, end: int
) -> tuple[tuple[Piece, ...], ...]:
    """Cut a sentence into what stands before its answer, the answer, and what stands behind.

    The answer is in the half-open range [start, end). Each of the three is cut again around the
    first words that deny or doubt.

    >>> from service.cautions import cautions
    >>> said = "It is not so"
    >>> for part in pieces(said, cautions(said, preprint=False), 10, 12):
    ...     print([(piece.text, piece.mark) for piece in part])
    [('It is ', ''), ('not', 'Negated'), (' ', '')]
    [('so', '')]
    []
    """
    places = sorted((mark.place, mark.name) for mark in marks if mark.place and mark.name in _SHOWN)
    return tuple(
        tuple(_cut(sentence, places, *part))
        for part in ((0, start), (start, end), (end, len(sentence)))
    )


def _cut(
    sentence: str, places: Sequence[tuple[tuple[int, int], str]], start: int, end: int
) -> list[Piece]:
    found: list[Piece] = []
    at = start
    for (first, last), name in places:
        begin, stop = max(first, at), min(last, end)
        if begin < stop:
            found += [Piece(sentence[at:begin]), Piece(sentence[begin:stop], name)]
            at = stop
    return [piece for piece in (*found, Piece(sentence[at:end])) if piece.text]
