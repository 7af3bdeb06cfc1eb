"""Removes the line numbers that a manuscript's margin left in its text (docs/decisions/0005)."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_NUMBER = re.compile(r"(?<!\S)(\d(?: \d){1,3}|\d{1,4})(?!\S)")  # 342, or 3 4 2
_APART = re.compile(r"(?<!\S)\d \d \d(?!\S)")  # 3 4 2
_SPACES = re.compile(r" {2,}")

_SHORTEST_NUMBERING = 8  # line numbers in a row
_LARGEST_GAP = 5  # line numbers that the extraction may have lost between two that it kept
_LINE = (25, 160)  # characters of text between one line number and the next
_LOOK_BACK = 30  # integers
_NEARLY_ALL = 0.8  # of the numbers in a body whose three digits are apart


@dataclass(frozen=True, slots=True)
class _Number:
    """A number in a paragraph, which is given by index, and its position in all text.

    `start` and `end` are half-open code points of the paragraph.
    """

    value: int
    at: int
    paragraph: int
    start: int
    end: int


def without_line_numbers(paragraphs: Sequence[str]) -> list[str]:
    """Return the paragraphs without the line numbers that a manuscript's margin left in them.

    A standalone integer is a line number when it belongs to a run of at least 8 growing integers
    with a line's length of text between them. Numbers that authors wrote do not come so evenly.
    Where three digits are apart ("3 4 2"), and nearly all such numbers grow, any lines may be lost
    between them.

    >>> lines = [f"words that fill a line of a manuscript {n}" for n in range(1, 12)]
    >>> without_line_numbers([" ".join(lines)])[0][:60]
    'words that fill a line of a manuscript words that fill a lin'
    """
    found: dict[int, list[tuple[int, int]]] = {}
    for one in (*_even(paragraphs), *_rising(paragraphs)):
        found.setdefault(one.paragraph, []).append((one.start, one.end))
    return [
        _SPACES.sub(" ", _without(text, found.get(number, []))).strip()
        for number, text in enumerate(paragraphs)
    ]


def _without(text: str, ranges: list[tuple[int, int]]) -> str:
    """Return a text with a space for each of the half-open ranges, which may overlap."""
    pieces, at = [], 0
    for start, end in sorted(ranges):
        pieces.append(text[at:start])
        at = max(at, end)
    return " ".join([*pieces, text[at:]])


def _even(paragraphs: Sequence[str]) -> set[_Number]:
    """Return the numbers that stand a line apart."""
    found = list(_find(_NUMBER, paragraphs))
    length, before = _runs(found, _is_line_apart)
    even: set[_Number] = set()
    for last in range(len(found)):
        if length[last] >= _SHORTEST_NUMBERING:
            this = last
            while this >= 0 and found[this] not in even:
                even.add(found[this])
                this = before[this]
    return even


def _rising(paragraphs: Sequence[str]) -> list[_Number]:
    """Return the numbers with three digits apart that grow, if so many do, and nearly all."""
    found = list(_find(_APART, paragraphs))
    length, before = _runs(found, _is_lines_apart)
    longest = max(length, default=0)
    if longest < max(_SHORTEST_NUMBERING, _NEARLY_ALL * len(found)):
        return []
    rising: list[_Number] = []
    this = length.index(longest)
    while this >= 0:
        rising.append(found[this])
        this = before[this]
    return rising


def _find(pattern: re.Pattern[str], paragraphs: Sequence[str]) -> Iterator[_Number]:
    position = 0
    for number, paragraph in enumerate(paragraphs):
        for match in pattern.finditer(paragraph):
            value = int(match[0].replace(" ", ""))
            yield _Number(value, position + match.start(), number, *match.span())
        position += len(paragraph) + 1


def _runs(
    found: Sequence[_Number], may_follow: Callable[[int, int], bool]
) -> tuple[list[int], list[int]]:
    """Return of each number the length of the longest run that ends with it, and the one before.

    The one before is given by index, -1 where a run begins. `may_follow` judges two numbers by
    their difference and the characters between them.
    """
    length = [1] * len(found)
    before = [-1] * len(found)
    for this, number in enumerate(found):
        for earlier in range(max(0, this - _LOOK_BACK), this):
            step, distance = number.value - found[earlier].value, number.at - found[earlier].at
            if length[earlier] >= length[this] and may_follow(step, distance):
                length[this], before[this] = length[earlier] + 1, earlier
    return length, before


def _is_line_apart(step: int, distance: int) -> bool:
    return 1 <= step <= _LARGEST_GAP and _LINE[0] * step <= distance <= _LINE[1] * step


def _is_lines_apart(step: int, distance: int) -> bool:
    """Tell whether the text between two numbers has lines that are not lost, and not too many."""
    return step >= 1 and _LINE[0] <= distance <= _LINE[1] * step
