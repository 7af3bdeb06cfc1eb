"""Turns a reader's logits into the best answer span of a context. Pure arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from models.boundaries import tidy
from models.contracts import FloatArray, Span
from models.windows import Window

_PAIRS_EACH = 3  # pairs of tokens for each candidate: some have the same edges in the end


class Logits(NamedTuple):
    """One window's logits, each float32 of shape (tokens of the window,), without padding.

    `states`, where they are wanted, are what the logits were made from, float32 of shape (tokens,
    width): the network's last hidden states, or what was made of them.
    """

    start: FloatArray
    end: FloatArray
    states: FloatArray | None = None


class TokenPair(NamedTuple):
    """A span of tokens of a context part, both ends included, and the sum of its two logits."""

    first: int
    last: int
    score: float


@dataclass(frozen=True, slots=True)
class SpanCandidate:
    """A span of a context, half-open, in code points, and the logits of its ends.

    `score` is the sum of the logits less that of the null answer. `states`, of shape (3, width),
    are those of its first and of its last token, and the mean of all its tokens'.
    """

    start: int
    end: int
    first: float
    last: float
    score: float
    states: FloatArray | None = field(default=None, compare=False)


def best_pair(start: FloatArray, end: FloatArray, *, max_tokens: int) -> TokenPair | None:
    """Return the pair of the highest `start[first] + end[last]`, or None where there is none.

    `start` and `end` have shape (context tokens,); -inf forbids a token. Considers pairs with
    `first <= last < first + max_tokens`; the first of equals wins.

    >>> best_pair(np.float32([1, 5, 0]), np.float32([9, 0, 2]), max_tokens=2)
    TokenPair(first=0, last=0, score=10.0)
    """
    if start.size == 0:
        return None
    scores = _scores(start, end, max_tokens)
    first, extra = divmod(int(scores.argmax()), scores.shape[1])
    score = float(scores[first, extra])
    return TokenPair(first, first + extra, score) if score > -np.inf else None


def _scores(start: FloatArray, end: FloatArray, max_tokens: int) -> FloatArray:
    """Return `start[first] + end[last]` as `scores[first, last - first]`, -inf past the end.

    `start` and `end` have shape (tokens,), with at least one token.
    """
    width = min(max_tokens, start.size)
    padded = np.concatenate([end, np.full(width - 1, -np.inf, dtype=np.float32)])
    scores: FloatArray = start[:, None] + np.lib.stride_tricks.sliding_window_view(padded, width)
    return scores


def _of_context(window: Window, logits: Logits) -> tuple[FloatArray, FloatArray, float]:
    """Return a window's logits of the context, -inf where no word is, and those of null, summed."""
    part = slice(window.begin, window.begin + len(window.offsets))
    forbidden = window.offsets[:, 0] == window.offsets[:, 1]
    both = (logits.start, logits.end)
    start, end = (np.where(forbidden, np.float32(-np.inf), some[part]) for some in both)
    return start, end, float(logits.start[0]) + float(logits.end[0])


def best_span(
    context: str, windows: Sequence[Window], logits: Sequence[Logits], *, max_answer_tokens: int
) -> Span:
    """Return the best span over the windows of one context.

    A span's score is its start and end logit less the logits at position 0 (the null answer)
    of the same window, as in Devlin et al., "BERT" (2019), section 4.3; so scores of different
    windows are comparable. Its edges are moved to where a reader of English would put them.

    A context without a valid span gives `Span(0, 0, -inf)`.
    """
    best = Span(0, 0, -np.inf)
    for window, own in zip(windows, logits, strict=True):
        start, end, null = _of_context(window, own)
        pair = best_pair(start, end, max_tokens=max_answer_tokens)
        if pair and pair.score - null > best.score:
            edges = int(window.offsets[pair.first, 0]), int(window.offsets[pair.last, 1])
            best = Span(*edges, score=pair.score - null)
    if best.score == -np.inf:
        return best
    begin, stop = tidy(context, best.start, best.end)
    return replace(best, start=begin, end=stop)


def candidates(
    context: str,
    windows: Sequence[Window],
    logits: Sequence[Logits],
    *,
    max_answer_tokens: int,
    most: int,
) -> list[SpanCandidate]:
    """Return at most `most` different spans of one context, best first, which may overlap.

    Scores and edges are those of `best_span`, and so is the first.
    """
    found: list[tuple[SpanCandidate, FloatArray | None]] = []
    for window, own in zip(windows, logits, strict=True):
        start, end, null = _of_context(window, own)
        if not start.size:
            continue
        scores = _scores(start, end, max_answer_tokens)
        number = min(_PAIRS_EACH * most, scores.size)
        for place in np.argpartition(-scores, number - 1, axis=None)[:number].tolist():
            first, extra = divmod(place, scores.shape[1])
            last, score = first + extra, float(scores[first, extra])
            if score > -np.inf:
                edges = int(window.offsets[first, 0]), int(window.offsets[last, 1])
                one = SpanCandidate(
                    *tidy(context, *edges),
                    first=float(start[first]),
                    last=float(end[last]),
                    score=score - null,
                )
                tokens = slice(window.begin + first, window.begin + last + 1)
                found.append((one, None if own.states is None else own.states[tokens]))
    found.sort(key=lambda each: (-each[0].score, each[0].start, each[0].end))
    kept: dict[tuple[int, int], SpanCandidate] = {}
    for one, states in found:
        if len(kept) == most:
            break
        if (one.start, one.end) not in kept:  # else the same edges have a better score already
            kept[one.start, one.end] = replace(one, states=_ends_and_mean(states))
    return list(kept.values())


def _ends_and_mean(states: FloatArray | None) -> FloatArray | None:
    """Return the first, the last and the mean of a span's states, shape (tokens, width)."""
    return None if states is None else np.stack([states[0], states[-1], states.mean(0)])
