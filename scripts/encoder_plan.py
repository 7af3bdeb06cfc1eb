"""Which pairs an encoder is trained on, and in which order. Pure."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.pairs import Pair, normalised


@dataclass(frozen=True, slots=True)
class TextBatch:
    """Questions, and passages of which the first are theirs, in their order."""

    questions: tuple[str, ...]
    passages: tuple[str, ...]


def planned_batches(
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


def drawn_batch(pairs: Sequence[Pair], places: Sequence[int], seed: int) -> TextBatch:
    """Return a batch of these pairs, with one wrong passage of each drawn at random."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    some = [pairs[place] for place in places]
    passages = [pair.positive for pair in some]
    passages += [chance.choice(pair.negatives) for pair in some if pair.negatives]
    return TextBatch(tuple(pair.question for pair in some), tuple(passages))


def body(text: str) -> str:
    r"""Return a passage without its heading, as `index.embedding.embedding_text` has put it.

    >>> body("A title. Results\nIt took 5.1 days.")
    'It took 5.1 days.'
    """
    heading, _, rest = text.partition("\n")
    return rest or heading


def excluded(pairs: Sequence[Pair], passages: Sequence[str]) -> NDArray[np.bool_]:
    """Return which passages don't count against which questions, shape (pairs, passages).

    They are those that hold an answer too (see `scripts.pairs.holds_answer`), and the right one
    wherever it stands again; of a question without known answers, also under another heading. The
    first passages are the questions' own, and count.
    """
    same, bodies, holding = (defaultdict[str, set[int]](set) for _ in range(3))
    texts: list[str] = []
    for column, passage in enumerate(passages):
        same[passage].add(column)
        bodies[body(passage)].add(column)
    if any(pair.answers for pair in pairs):
        texts = [normalised(passage) for passage in passages]
        for column, text in enumerate(texts):
            for word in set(text.split()):
                holding[word].add(column)
    found = np.zeros((len(pairs), len(passages)), np.bool_)
    for row, pair in enumerate(pairs):
        columns = set(same.get(pair.positive, ()))
        if not pair.answers:
            columns |= bodies.get(body(pair.positive), set())
        for answer in pair.answers:
            # only passages with all of its words may hold them one after another
            some = sorted((holding.get(word, set()) for word in answer.split()), key=len)
            if some:
                columns.update(c for c in set.intersection(*some) if answer in texts[c])
        found[row, list(columns)] = True
        found[row, row] = False
    return found
