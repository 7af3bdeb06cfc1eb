"""Reads no more passages than the best answers need, and finds exactly those of reading all.

The threshold algorithm of Fagin, Lotem and Naor, "Optimal aggregation algorithms for middleware"
(2001), with one list that is sorted (by retrieval) and one that is dear (the reader's): passages
are read by descending retrieval score until the best answers are all better than what any other
passage could still become. Pure, but for the reading itself.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from service.fusion import fuse, rank_key, ranked, without_repeats
from service.types import Answer


@dataclass(frozen=True, slots=True)
class Pool:
    """The passages that may be read, by descending retrieval score.

    `ids` and `scores` have an entry a passage. `reader_bound` returns the greatest reader score
    that a passage of at most a retrieval score can have, and does not fall as that grows.
    """

    ids: Sequence[int]
    scores: Sequence[float]
    reader_bound: Callable[[float], float]

    def limit(self, read: int, weight: float) -> tuple[float, int]:
        """Return what `fusion.rank_key` is at the least for all passages from place `read` on.

        Rounding keeps order, so this holds for the sums as they are computed. It does not fall
        from place to place.
        """
        score = self.scores[read]
        return -fuse(self.reader_bound(score), score, weight), min(self.ids[read:])

    def needed(self, answers: Sequence[Answer], *, weight: float, top_k: int, read: int) -> int:
        """Return how many have to be read for what is known of those `read`; at least as many.

        Whether an answer repeats another one depends on those before it alone. So the first
        `top_k` without repeats stay once the last of them stands before the limit of all that was
        not read, whatever comes behind it.
        """
        last = next(islice(without_repeats(ranked(answers)), top_k - 1, None), None)
        every = len(self.ids)
        if last is None:
            return every
        key = rank_key(last)
        return bisect_left(range(every), True, read, key=lambda at: key < self.limit(at, weight))


def read_enough(
    pool: Pool,
    read: Callable[[int, int], Sequence[Answer]],
    *,
    weight: float,
    top_k: int,
    first: int,
    step: int,
) -> int:
    """Read passages until the first `top_k` answers without repeats are those of reading all.

    `read(begin, end)` returns the answers of the passages at these places, half-open; a passage
    need not have one. `first`, 1 or more, are read in any case, then at most `step` at a time.
    Returns how many were.
    """
    answers: list[Answer] = []
    done, following = 0, min(first, len(pool.ids))
    while done < following:
        answers += read(done, following)
        done = following
        needed = pool.needed(answers, weight=weight, top_k=top_k, read=done)
        following = min(done + step, needed)
    return done
