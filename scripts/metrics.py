"""SQuAD's two measures of one answer, by torchmetrics. No answer at all, "", scores 0."""

import statistics
from collections.abc import Iterable, Sequence


def exact_match(prediction: str, gold: Sequence[str]) -> bool:
    """Return whether the answer equals a gold answer but for case, articles and punctuation."""
    return _score(prediction, gold)["exact_match"] > 0


def f1(prediction: str, gold: Sequence[str]) -> float:
    """Return the best harmonic mean of word precision and recall over the gold answers, 0 to 1."""
    return _score(prediction, gold)["f1"] / 100


def percent(values: Iterable[float]) -> float:
    """Return the mean of shares in percent, with two decimals."""
    return round(100 * statistics.fmean(values), 2)


def _score(prediction: str, gold: Sequence[str]) -> dict[str, float]:
    if not prediction:  # equal to a gold answer such as "(%)", of which no word is left
        return {"exact_match": 0.0, "f1": 0.0}
    from torchmetrics.functional.text import squad  # noqa: PLC0415 - seconds that --help need not wait

    scores = squad(
        {"id": "0", "prediction_text": prediction},
        {"id": "0", "answers": {"text": list(gold), "answer_start": [0] * len(gold)}},
    )
    return {name: float(value) for name, value in scores.items()}
