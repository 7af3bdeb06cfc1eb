"""Compares a model that was made for ONNX Runtime with the one that it was made from."""

from collections.abc import Mapping, Sequence

import numpy as np

from models.contracts import Embedded, FloatArray, ModelError, Span

AT_LEAST = {
    "overlap_mean": 0.96,
    "question_cosine_min": 0.998,
    "passage_cosine_min": 0.998,
    "word_cosine_mean": 0.998,
}
"""What each of these figures has to reach."""

AT_MOST = {"score_difference_mean": 0.5, "weight_difference_max": 0.02, "f1_lost_at_least": 0.5}
"""What each of these may not exceed."""


def span_parity(found: Sequence[Span], expected: Sequence[Span]) -> dict[str, float]:
    """Return how far found spans are from the expected ones, passage by passage.

    `same_spans` is the share of equal ones; `overlap_mean` the mean of the characters in common,
    2 x both / (one + other); the score differences are in logits. Neither list is empty.
    """
    pairs = list(zip(found, expected, strict=True))
    scores = [
        abs(a.score - b.score) for a, b in pairs if np.isfinite([a.score, b.score]).all()
    ] or [0.0]
    return {
        "spans": len(pairs),
        "same_spans": _rounded(np.mean([(a.start, a.end) == (b.start, b.end) for a, b in pairs])),
        "overlap_mean": _rounded(np.mean([_overlap(a, b) for a, b in pairs])),
        "score_difference_mean": _rounded(np.mean(scores)),
        "score_difference_max": _rounded(np.max(scores)),
    }


def vector_parity(
    questions: tuple[Embedded, Embedded], passages: tuple[Embedded, Embedded]
) -> dict[str, float]:
    """Return the cosines of vectors with the right ones, and of words, and the words' weights.

    Each pair is what was found and what is right; none is empty.
    """
    figures = {"questions": len(questions[0].vectors), "passages": len(passages[0].vectors)}
    cosines = {
        "question_cosine": (questions[0].vectors * questions[1].vectors).sum(1),
        "passage_cosine": (passages[0].vectors * passages[1].vectors).sum(1),
    }
    weights: FloatArray = np.zeros(1, np.float32)
    if any(len(words) for words in questions[1].words):
        found, first = _unit(_words(questions[0]))
        expected, second = _unit(_words(questions[1]))
        weights = np.abs(first - second)
        both = [
            (found * expected).sum(1),
            (_words(passages[0]) * _words(passages[1])).sum(1),
        ]
        cosines["word_cosine"] = np.concatenate(both)
    spread = {
        f"{name}_{kind}": _rounded(value)
        for name, values in cosines.items()
        for kind, value in (("min", values.min()), ("mean", values.mean()))
    }
    return figures | spread | {"weight_difference_max": _rounded(weights.max())}


def check(figures: Mapping[str, float], graph: str = "the ONNX file") -> None:
    """Raise ModelError where a figure is outside its limits, naming each that is."""
    wrong = [
        f"{name} is {figures[name]:g}, not at least {limit:g}"
        for name, limit in AT_LEAST.items()
        if name in figures and not figures[name] >= limit  # nor is NaN
    ] + [
        f"{name} is {figures[name]:g}, not at most {limit:g}"
        for name, limit in AT_MOST.items()
        if name in figures and not figures[name] <= limit
    ]
    if wrong:
        raise ModelError(
            f"{graph} is too far from the weights ({'; '.join(wrong)}): serve this model with "
            "COVIDQUEST_BACKEND=torch"
        )


def _overlap(one: Span, other: Span) -> float:
    both = max(0, min(one.end, other.end) - max(one.start, other.start))
    total = one.end - one.start + other.end - other.start
    return 2 * both / total if total else 1.0


def _words(embedded: Embedded) -> FloatArray:
    return np.concatenate(embedded.words)


def _unit(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return rows of shape (n, dimension) at length 1, and their lengths, shape (n,)."""
    lengths = np.linalg.norm(rows, axis=1)
    return rows / np.maximum(lengths, 1e-12)[:, None], lengths


def _rounded(value: np.floating | float) -> float:
    return round(float(value), 6)
