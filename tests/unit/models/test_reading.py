"""What is made of a network's logits, without a network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from models.reading import Outputs, SpanReader
from models.span_choice import SpanChoice
from models.span_features import FEATURES
from models.windows import Batch, Window

TEXT = "Found in bats [24, 25]."
TOKENS = [(0, 5), (6, 8), (9, 13), (14, 15), (15, 17), (17, 18), (19, 21), (21, 22), (22, 23)]
CITED = 3, 7  # the tokens of "[24, 25]"


@dataclass
class Whole:
    """Stands in for a `Windower`: one window of `[CLS]`, the tokens of a text and `[SEP]`."""

    tokens: Sequence[tuple[int, int]]

    def split(self, question: str, contexts: Sequence[str]) -> list[Window]:
        ids = np.zeros(len(self.tokens) + 2, np.int64)
        return [Window(place, ids, ids, 1, np.array(self.tokens)) for place in range(len(contexts))]


class Cited(SpanReader):
    """Its network likes the citation best, with 9, then "bats"."""

    def __init__(self, choice: SpanChoice | None, other: float, null: float = 0) -> None:
        windower = Whole(TOKENS)
        super().__init__("cited", windower, pad_id=0, max_batch_tokens=99, choice=choice)  # type: ignore[arg-type]
        self.other, self.null = other, null

    def _forward(self, batch: Batch) -> Outputs:
        start, end = (np.full(batch.ids.shape, -9, np.float32) for _ in range(2))
        start[:, 0] = end[:, 0] = self.null
        start[:, 1 + CITED[0]] = end[:, 1 + CITED[1]] = 4.5
        start[:, 3] = end[:, 3] = self.other
        return start, end


@pytest.mark.parametrize(
    "choice", [None, SpanChoice("reader", (0.0,) * len(FEATURES), ((0.0,) * 4,) * 3)]
)
@pytest.mark.parametrize("other", [3.0, -1.0])
def test_a_citation_is_no_answer_where_there_is_another(
    choice: SpanChoice | None, other: float
) -> None:
    (span,) = Cited(choice, other).read("Where?", [TEXT])
    assert "bats" in TEXT[span.start : span.end]
    assert span.score == 9


def test_there_is_no_choice_among_spans_that_are_hardly_ever_right() -> None:
    weights = tuple(-float(name == "score below best") for name in FEATURES)
    likes_the_worst = SpanChoice("reader", weights, ((0.0,) * 4,) * 3)
    for null, chosen in ((5.0, False), (7.0, True)):
        (span,) = Cited(likes_the_worst, 6.0, null).read("Where?", [TEXT])
        assert span.score == 2 * 6 - 2 * null
        assert (TEXT[span.start : span.end] == "bats") is chosen


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ("as long", False),
        ("How long is it", False),
        ("WHO", True),
        ("A", True),
        ("as long as fever lasts", True),
        ("no", True),
        ("both", True),
    ],
)
def test_function_words_are_no_answer_where_there_is_another(words: str, chosen: bool) -> None:
    before, _, after = TEXT.partition("[24, 25]")
    text = f"{before}{words}{after}"
    reader = Cited(None, 3.0)
    reader.windower = Whole([*TOKENS[:3], *[(14, 14 + len(words))] * 5])  # type: ignore[assignment]
    (span,) = reader.read("How long?", [text])
    assert (text[span.start : span.end] == words) is chosen
