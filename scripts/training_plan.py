"""Which pairs an encoder is trained on, in which order, and how fast. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.pairs import Pair, holds_answer

_WARM_UP = 0.1  # of the steps


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions, and passages of which the first are theirs, in their order."""

    questions: tuple[str, ...]
    passages: tuple[str, ...]
    excluded: tuple[tuple[bool, ...], ...]


def planned(
    pairs: Sequence[tuple[Sequence[Pair], float]], size: int, seed: int
) -> list[tuple[int, tuple[int, ...]]]:
    """Return the batches of a whole run: the number of a set of pairs, and which of its pairs.

    A batch is of one set, so that its passages are hard to tell apart. The same arguments give
    the same batches, so a run that goes on needs no state of a random generator.
    """
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    batches: list[tuple[int, tuple[int, ...]]] = []
    for number, (some, passes) in enumerate(pairs):
        places: list[int] = []
        while len(places) < passes * len(some):
            once = list(range(len(some)))
            chance.shuffle(once)
            places += once
        places = places[: round(passes * len(some))]
        batches += [
            (number, tuple(places[at : at + size])) for at in range(0, len(places) - 1, size)
        ]
    chance.shuffle(batches)
    return batches


def drawn(pairs: Sequence[Pair], places: Sequence[int], seed: int) -> Batch:
    """Return a batch of these pairs, with one wrong passage of each drawn at random."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    some = [pairs[place] for place in places]
    passages = [pair.positive for pair in some]
    passages += [chance.choice(pair.negatives) for pair in some if pair.negatives]
    return Batch(
        tuple(pair.question for pair in some),
        tuple(passages),
        tuple(
            tuple(
                other != own and (text == pair.positive or holds_answer(text, pair.answers))
                for other, text in enumerate(passages)
            )
            for own, pair in enumerate(some)
        ),
    )


def rate_at(step: int, steps: int) -> float:
    """Return the share of the greatest learning rate: a linear rise, then a linear fall to 0.

    >>> [rate_at(step, 100) for step in (0, 9, 55, 100)]
    [0.1, 1.0, 0.5, 0.0]
    """
    rise = max(1, round(_WARM_UP * steps))
    return (step + 1) / rise if step < rise else (steps - step) / max(1, steps - rise)
