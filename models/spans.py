"""Turns a reader's logits into the best answer span of a context. Pure arithmetic."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from models.boundaries import tidy
from models.contracts import FloatArray, Span
from models.windows import Window


class Logits(NamedTuple):
    """One window's logits, each float32 of shape (tokens of the window,), without padding."""

    start: FloatArray
    end: FloatArray


class Pair(NamedTuple):
    """A span of tokens of a context part, both ends included, and the sum of its two logits."""

    first: int
    last: int
    score: float


def best_pair(start: FloatArray, end: FloatArray, *, max_tokens: int) -> Pair | None:
    """Return the pair with the highest `start[first] + end[last]`, or None if all are -inf.

    `start` and `end` have shape (context tokens,); -inf forbids a token. Considers pairs with
    `first <= last < first + max_tokens`; the first of equals wins.

    >>> best_pair(np.float32([1, 5, 0]), np.float32([9, 0, 2]), max_tokens=2)
    Pair(first=0, last=0, score=10.0)
    """
    if start.size == 0:
        return None
    width = min(max_tokens, start.size)
    padded = np.concatenate([end, np.full(width - 1, -np.inf, dtype=np.float32)])
    band = np.lib.stride_tricks.sliding_window_view(padded, width)  # (tokens, width)
    scores = start[:, None] + band  # [first, last - first]
    first, extra = divmod(int(scores.argmax()), width)
    score = float(scores[first, extra])
    return Pair(first, first + extra, score) if score > -np.inf else None


def best_span(
    context: str, windows: Sequence[Window], logits: Sequence[Logits], *, max_answer_tokens: int
) -> Span:
    """Return the best span over the windows of one context.

    A span's score is its start and end logit less the logits at position 0 (the null answer)
    of the same window, as in Devlin et al., "BERT" (2019), section 4.3; so scores of different
    windows are comparable. A context without a valid span gives `Span(0, 0, -inf, 0.0)`.
    """
    best = Span(0, 0, -np.inf, 0.0)
    for window, (start, end) in zip(windows, logits, strict=True):
        part = slice(window.begin, window.begin + len(window.offsets))
        forbidden = window.offsets[:, 0] == window.offsets[:, 1]
        pair = best_pair(
            np.where(forbidden, np.float32(-np.inf), start[part]),
            np.where(forbidden, np.float32(-np.inf), end[part]),
            max_tokens=max_answer_tokens,
        )
        null = float(start[0]) + float(end[0])
        if pair is not None and pair.score - null > best.score:
            edges = int(window.offsets[pair.first, 0]), int(window.offsets[pair.last, 1])
            best = Span(*edges, score=pair.score - null, no_answer_score=null)
    if best.start == best.end:
        return best
    start_at, end_at = tidy(context, best.start, best.end)
    return Span(start_at, end_at, best.score, best.no_answer_score)
