import numpy as np

from models.labels import Labelled, labelled
from models.windows import Window


def window(offsets: list[tuple[int, int]], begin: int = 3) -> Window:
    ids = np.arange(begin + len(offsets) + 1)
    return Window(0, ids, ids * 0, begin, np.array(offsets, np.int64).reshape(-1, 2))


def test_an_answer_is_marked_at_its_tokens() -> None:
    part = window([(0, 4), (5, 7), (7, 9), (10, 14)])
    assert labelled(part, 5, 9) == Labelled(part, 4, 5)
    assert labelled(part, 6, 9) == Labelled(part, 4, 5)  # begins within a token: the whole of it
    assert labelled(part, 10, 14) == Labelled(part, 6, 6)
    assert labelled(part, 0, 0) == Labelled(part, 0, 0)  # no answer: the first position


def test_a_window_that_holds_a_part_of_the_answer_is_no_example() -> None:
    part = window([(5, 9), (10, 14)])
    assert labelled(part, 0, 9) is None
    assert labelled(part, 10, 20) is None
    assert labelled(part, 20, 30) is None
    assert labelled(window([(0, 0)]), 0, 4) is None
