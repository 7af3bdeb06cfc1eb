"""Reads no more passages than the best answers need, and finds exactly those of reading all.

The threshold algorithm of Fagin, Lotem and Naor, "Optimal aggregation algorithms for middleware"
(2001), with one list that is sorted (by retrieval) and one that is dear (the reader's): passages
are read by descending retrieval score until the best answers are all better than what any other
passage could still become. Pure, but for the reading itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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

        Rounding keeps order, so this holds for the sums as they are computed.
        """
        score = self.scores[read]
        return -fuse(self.reader_bound(score), score, weight), min(self.ids[read:])


def settled(answers: Sequence[Answer], top_k: int, limit: tuple[float, int]) -> bool:
    """Tell whether the first `top_k` answers without repeats stay, whatever comes behind `limit`.

    Whether an answer repeats another one depends on those before it alone. So what stands before
    `limit` is the same with and without the unread passages.
    """
    first = without_repeats(ranked(answers))
    return all(
        answer is not None and rank_key(answer) < limit
        for answer in (next(first, None) for _ in range(top_k))
    )


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
    need not have one. `first`, 1 or more, are read in any case, then `step` at a time. Returns how
    many were.
    """
    answers: list[Answer] = []
    done, following = 0, min(first, len(pool.ids))
    while done < following:
        answers += read(done, following)
        done = following
        if done < len(pool.ids) and not settled(answers, top_k, pool.limit(done, weight)):
            following = min(done + step, len(pool.ids))
    return done
