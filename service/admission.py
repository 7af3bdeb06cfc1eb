"""The bound on how many questions are answered at once: the surplus is refused, at once."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from service.metrics import Metrics
from service.patience import Patience, current
from service.types import BusyError, TooLateError

TOO_MANY = "The service has more questions than it can answer. Try again soon."
"""Said to the surplus."""

_RECENT = 0.2
"""The share of the last answer in the mean of what answers take of the models' time."""
_SURE = 0.5
"""A request is refused if by that mean it would wait for more than this share of its time.

At 0.8 some of those that came to a slow machine under twice its load got 503 after all their time.
"""
_SURE_OF_FEW = 0.2
"""The same while more is asked than can be answered.

Then a long wait gains nobody anything: as many are answered, each later. Nichols and Jacobson,
"Controlling queue delay" (2012), call that a standing queue.
"""
_REFUSED, _WITHIN = 4, 10.0
"""Overload begins when so many were refused within so many seconds; it ends after as many without.

One that is refused and comes back when it was told to is refused twice in that time at most.
"""
_ALWAYS = 2
"""So many are let in whatever answers took: else nothing would show that they are faster again."""


class Gate:
    """Lets at most `most` requests inside at a time, and none that could not be answered in time.

    While some wait, answers are done one after the other; so what is between two of them is what
    one takes, and a request has to wait for as many as are inside. An answer that was not read for
    tells nothing of that: it was remembered, or nothing was found. Those of a batch, which
    `asks_again`, let others go first: nobody waits for them, and their refusal tells nothing.
    """

    def __init__(self, most: int, metrics: Metrics) -> None:
        """Begin with nobody inside."""
        self.most = most
        self._inside = 0
        self._waited_for = 0  # those inside that no batch asked
        self._refused = deque([-math.inf] * _REFUSED, _REFUSED)  # when the last ones were
        self._overloaded = False
        self._turn = Lock()
        self._gauge = metrics.inside
        self._pace = 0.0  # seconds an answer, 0 before the first
        self._began = 0.0  # when the last one was done, or somebody came in where nobody was

    @property
    def inside(self) -> int:
        """How many requests are inside."""
        return self._inside

    @contextmanager
    def entered(self, reads: Callable[[], bool] = lambda: True) -> Iterator[None]:
        """Be inside. Raises BusyError where there is no room, TooLateError where no time.

        `reads` tells at the end whether a model had to read for this request.
        """
        patience = current()
        with self._turn:
            late, full = self._is_late(patience), self._inside >= self.most
            if late or full:
                if not patience.asks_again:
                    self._refused.append(time.monotonic())
                    self._overloaded |= self._refused[-1] - self._refused[0] < _WITHIN
                raise (BusyError if full else TooLateError)(TOO_MANY)
            if not self._inside:
                self._began = time.monotonic()
            self._inside += 1
            self._waited_for += not patience.asks_again
        self._gauge.inc()
        try:
            yield
            if reads():
                self._answered()
        except BusyError:
            self._ran_out()
            raise
        finally:
            with self._turn:
                self._inside -= 1
                self._waited_for -= not patience.asks_again
            self._gauge.dec()

    def _is_late(self, patience: Patience) -> bool:
        """Tell whether a request would have to wait for too great a part of its time."""
        wait = (self._waited_for + 1) * self._pace
        self._overloaded &= time.monotonic() - self._refused[-1] < _WITHIN
        most = (_SURE_OF_FEW if self._overloaded else _SURE) * patience.left
        return self._waited_for >= _ALWAYS and wait > most

    def _answered(self) -> None:
        """Take down what an answer took. One that was given up adds its time to the next."""
        with self._turn:
            now = time.monotonic()
            took, self._began = now - self._began, now
            self._pace += (_RECENT if self._pace else 1.0) * (took - self._pace)

    def _ran_out(self) -> None:
        """Take down that an answer takes at least what has passed without one."""
        with self._turn:
            self._pace = max(self._pace, time.monotonic() - self._began)
