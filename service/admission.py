"""The bound on how many questions are answered at once: the surplus is refused, at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from service.metrics import Metrics
from service.types import BusyError


class Gate:
    """Lets at most `most` requests inside at a time."""

    def __init__(self, most: int, metrics: Metrics) -> None:
        """Begin with nobody inside."""
        self._most = most
        self._inside = 0
        self._turn = Lock()
        self._gauge = metrics.inside

    @property
    def inside(self) -> int:
        """How many requests are inside."""
        return self._inside

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside. Raises BusyError where there is no room."""
        with self._turn:
            if self._inside >= self._most:
                raise BusyError(
                    "The service has more questions than it can answer. Try again soon."
                )
            self._inside += 1
        self._gauge.inc()
        try:
            yield
        finally:
            with self._turn:
                self._inside -= 1
            self._gauge.dec()
