"""How answers stand at other weights: what the page needs to rank them again by itself. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Self

from service.fusion import Told, fuse, reweighed, what_is_told, without_repeats
from service.types import Answer, AnswerList

WEIGHTS = tuple(tenth / 10 for tenth in range(11))
"""The weights of the page's slider."""
STEADY = 5
"""An answer is steady that is among so many first ones at each weight."""
MOST_CARDS = 60
"""The most answers that the page carries, shown or not; or those shown, where these are more."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The answers that may be shown at some weight of `WEIGHTS`.

    `more` are those beside the ones shown now, by descending final score. At each of `complete`
    these and the ones shown are enough: ranked there, without repeats, the first `top_k` are those
    of the server. At other weights only the server knows, since it may read what it has not read.
    `steady` are the ids of passages whose answer is among the first `STEADY` at every weight,
    whatever was not read. `told` numbers what each answer tells, by the id of its passage: answers
    that have a number in common are repeats of one another.
    """

    more: tuple[Answer, ...]
    complete: tuple[float, ...]
    steady: frozenset[int]
    told: dict[int, tuple[int, ...]]

    @classmethod
    def of(cls, found: AnswerList) -> Self:
        """Rank all that was read at each weight."""
        top_k = found.query.top_k
        told = {answer.passage.id: what_is_told(answer) for answer in found.read}
        best = {weight: _best(found, weight) for weight in WEIGHTS}
        carried = {answer.passage.id for answer in found.answers}
        complete = []
        for weight in sorted(WEIGHTS, key=lambda weight: abs(weight - found.query.weight)):
            first = best[weight][:top_k]
            ids = carried | {answer.passage.id for answer in first}
            if len(ids) <= max(MOST_CARDS, len(found.answers)) and _settled(found, first, weight):
                complete.append(weight)
                carried = ids
        carried -= {answer.passage.id for answer in found.answers}
        more = tuple(answer for answer in found.read if answer.passage.id in carried)
        return cls(
            more=more,
            complete=tuple(sorted(complete)),
            steady=frozenset.intersection(
                *(frozenset(_surely_first(found, best[weight], weight)) for weight in WEIGHTS)
            ),
            told=_numbered(told),
        )


def _best(found: AnswerList, weight: float) -> list[Answer]:
    """Return the first answers at a weight: enough to show, and to tell the steady ones."""
    answers = without_repeats(reweighed(found.read, weight))
    return list(islice(answers, max(found.query.top_k, STEADY)))


def _bound(found: AnswerList, weight: float) -> float:
    """Return the greatest final score that a passage may have that was not read; -1 for none."""
    if found.unread is None:
        return -1.0
    return fuse(found.reader_bound, found.unread, weight)


def _settled(found: AnswerList, first: list[Answer], weight: float) -> bool:
    """Tell whether no passage that was not read may be among the first `top_k`."""
    if found.unread is None:
        return True
    full = len(first) == found.query.top_k
    return full and first[-1].final_score > _bound(found, weight)


def _surely_first(found: AnswerList, best: list[Answer], weight: float) -> Iterator[int]:
    for answer in best[:STEADY]:
        if answer.final_score > _bound(found, weight):
            yield answer.passage.id


def _numbered(told: dict[int, Told]) -> dict[int, tuple[int, ...]]:
    """Return numbers of what several answers tell: what one alone does makes no repeat."""
    count = Counter(chain.from_iterable(told.values()))
    shared = sorted(one for one, answers in count.items() if answers > 1)
    numbers = {one: number for number, one in enumerate(shared)}
    return {
        passage: tuple(sorted(numbers[one] for one in each if one in numbers))
        for passage, each in told.items()
    }
