"""Measures how many passages the service reads for a question, and whether it loses an answer.

Run by `scripts.evaluate answers`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from service.answering import Answerer
from service.types import Query

WEIGHTS = (0.2, 0.5, 0.8)
TOP_K = 5


@dataclass(frozen=True, slots=True)
class ReadingFigures:
    """Passages read per question for the first 5 answers by one weight.

    `same` is in how many of the `n` questions these are the answers of reading all.
    """

    weight: float
    n: int
    mean: float
    p50: float
    p95: float
    same: int


def evaluate_reading(answerer: Answerer, questions: Sequence[str]) -> list[ReadingFigures]:
    """Answer every question by each weight, as the service does, and after reading all.

    Passages that the answerer remembers are not read again, but count. `questions` is not empty.
    """
    counts: dict[float, list[int]] = {weight: [] for weight in WEIGHTS}
    same = dict.fromkeys(WEIGHTS, 0)
    for question in tqdm(questions, desc="reading less", unit=" questions", mininterval=1):
        everything = answerer.read(question, TOP_K)
        for weight in WEIGHTS:
            query = Query(question, weight, TOP_K)
            reading = answerer.read_enough(query)
            counts[weight].append(len(reading.passages))
            found, expected = answerer.rank(query, reading), answerer.rank(query, everything)
            same[weight] += found.answers == expected.answers
    return [
        ReadingFigures(
            weight=weight,
            n=len(read),
            mean=round(float(np.mean(read)), 1),
            p50=float(np.percentile(read, 50)),
            p95=round(float(np.percentile(read, 95)), 1),
            same=same[weight],
        )
        for weight, read in counts.items()
    ]


def reading_table(figures: Sequence[ReadingFigures]) -> str:
    """Return one line a weight."""
    return "\n".join(
        [
            f"weight   passages read (mean   p50   p95)   top {TOP_K} as of reading all",
            *(
                f"{f.weight:>6.1f}{f.mean:>21.1f}{f.p50:>6.0f}{f.p95:>6.0f}"
                f"{f'{f.same} of {f.n}':>27}"
                for f in figures
            ),
        ]
    )
