import numpy as np
import pytest

from models.contracts import FloatArray, Span
from models.spans import Logits, TokenPair, best_pair, best_span
from models.windows import Window


def _logits(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float32)


def test_the_best_pair_is_in_order() -> None:
    pair = best_pair(_logits(0, 1, 5), _logits(9, 3, 2), max_tokens=9)
    assert pair == TokenPair(0, 0, 9.0)  # 5 + 9 would end before it starts


def test_the_best_pair_is_short_enough() -> None:
    start, end = _logits(5, 0, 0, 1), _logits(0, 0, 1, 5)
    assert best_pair(start, end, max_tokens=4) == TokenPair(0, 3, 10.0)  # four tokens
    assert best_pair(start, end, max_tokens=3) == TokenPair(
        0, 2, 6.0
    )  # three: equal to (3, 3), first
    assert best_pair(start, end, max_tokens=1) == TokenPair(3, 3, 6.0)


def test_forbidden_tokens_neither_start_nor_end() -> None:
    pair = best_pair(_logits(-np.inf, 1, 0), _logits(9, -np.inf, 1), max_tokens=3)
    assert pair == TokenPair(1, 2, 2.0)
    assert best_pair(_logits(-np.inf), _logits(3), max_tokens=3) is None
    assert best_pair(_logits(), _logits(), max_tokens=3) is None


def test_the_best_pair_is_that_of_brute_force() -> None:
    draw = np.random.default_rng(3)
    for size in (1, 2, 7, 40):
        for limit in (1, 3, 60):
            start, end = draw.normal(size=(2, size)).astype(np.float32)
            pairs = [
                (float(start[i] + end[j]), i, j)
                for i in range(size)
                for j in range(i, min(size, i + limit))
            ]
            score, first, last = max(pairs)
            assert best_pair(start, end, max_tokens=limit) == TokenPair(first, last, score)


def _window(offsets: list[tuple[int, int]], begin: int = 2) -> Window:
    length = begin + len(offsets) + 1
    ids = np.zeros(length, dtype=np.int64)
    return Window(0, ids, ids, begin, np.array(offsets, dtype=np.int64))


TEXT = "five long days"
WORDS = [(0, 4), (5, 9), (10, 14)]


def test_a_score_is_relative_to_the_null_answer() -> None:
    start = _logits(1, 9, 0, 4, 0, 9)  # null, question, five, long, days, separator
    end = _logits(2, 9, 0, 0, 5, 9)  # the question's and the separator's 9 don't count
    span = best_span(TEXT, [_window(WORDS)], [Logits(start, end)], max_answer_tokens=60)
    assert span == Span(5, 14, 4 + 5 - (1 + 2))
    assert TEXT[span.start : span.end] == "long days"


def test_the_best_window_wins_after_its_own_null_score() -> None:
    windows = [_window(WORDS[:2]), _window(WORDS[1:])]
    sure = Logits(_logits(5, 0, 6, 0, 0), _logits(5, 0, 6, 0, 0))  # 12, but null 10: 2
    surer = Logits(_logits(0, 0, 0, 3, 0), _logits(0, 0, 0, 3, 0))  # 6, null 0: 6
    span = best_span(TEXT, windows, [sure, surer], max_answer_tokens=60)
    assert (TEXT[span.start : span.end], span.score) == ("days", 6.0)


def test_white_space_is_no_answer() -> None:
    window = _window([(0, 4), (4, 4), (5, 9)])  # the middle token covers only the space
    logits = Logits(_logits(0, 0, 1, 9, 0, 0), _logits(0, 0, 0, 9, 1, 0))
    span = best_span(TEXT, [window], [logits], max_answer_tokens=60)
    assert (span.start, span.end, span.score) == (0, 9, 2.0)


def test_a_piece_of_a_word_becomes_the_word() -> None:
    window = _window([(0, 2), (2, 4), (5, 9)])  # "fi" "ve" "long"
    logits = Logits(_logits(0, 0, 0, 4, 0, 0), _logits(0, 0, 0, 4, 0, 0))
    span = best_span(TEXT, [window], [logits], max_answer_tokens=60)
    assert TEXT[span.start : span.end] == "five"


@pytest.mark.parametrize("windows", [[], [_window([(0, 0)])]])
def test_no_valid_span_is_an_empty_one(windows: list[Window]) -> None:
    logits = [Logits(_logits(0, 0, 5, 0), _logits(0, 0, 5, 0))] * len(windows)
    span = best_span(" ", windows, logits, max_answer_tokens=60)
    assert span == Span(0, 0, -np.inf)
