"""Finds the tokens of an answer in a window, which a reader is trained to mark."""

from dataclasses import dataclass

import numpy as np

from models.windows import Window


@dataclass(frozen=True, slots=True)
class Labelled:
    """A window and its answer: the positions of its first and last token, both 0 where it has none.

    Positions count from the beginning of the window, special tokens included.
    """

    window: Window
    first: int
    last: int


def labelled(window: Window, start: int, end: int) -> Labelled | None:
    """Return a window with the answer `[start, end)`, in code points of its context.

    An empty range is no answer. None where the window holds only a part of the answer.
    """
    if start == end:
        return Labelled(window, 0, 0)
    begins, ends = window.offsets[:, 0], window.offsets[:, 1]
    inside = np.flatnonzero((ends > start) & (begins < end) & (ends > begins))
    if not inside.size or begins[inside[0]] > start or ends[inside[-1]] < end:
        return None
    return Labelled(window, window.begin + int(inside[0]), window.begin + int(inside[-1]))
