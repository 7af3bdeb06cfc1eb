"""Reads what a moved slider may ask for next, while nobody waits for anything.

An answer needs some of the passages that were retrieved; another weight, or more answers, need
others of the same. Once the service has been idle for a moment, the rest of the last questions'
are read too, so that a slider moves without waiting.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from threading import Condition, Thread

from service.background import log_failure

_IDLE = 0.3
"""Seconds without a request after which it is read ahead: who asks in turn is not held up."""
_LOOK = 0.05  # seconds between two looks whether it is still idle
_QUESTIONS = 4  # whose passages are read ahead; those that were asked before these are left out

Steps = Callable[[], Iterator[object]]
"""Begins to read ahead for a question; each step of what it returns reads a little."""


class ReadingAhead:
    """A thread that takes a step at a time while `busy()` is not true.

    It is a daemon: a process that ends does not wait for it.
    """

    def __init__(self, busy: Callable[[], bool], *, idle: float = _IDLE) -> None:
        """Begin with nothing to read."""
        self._busy = busy
        self._idle = idle
        self._active = time.monotonic()
        self._offered: deque[Steps] = deque(maxlen=_QUESTIONS)
        self._changed = Condition()
        Thread(target=self._run, name="reading ahead", daemon=True).start()

    def offer(self, steps: Steps) -> None:
        """Read ahead for the question that was just answered, before any that was offered."""
        with self._changed:
            self._active = time.monotonic()
            self._offered.append(steps)
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._offered:
                    self._changed.wait()
                steps = self._offered.pop()
            try:
                for _ in steps():
                    self._wait()
            except Exception as error:  # noqa: BLE001 - nobody waits for it
                log_failure(logging.WARNING, "reading ahead failed", error)

    def _wait(self) -> None:
        """Return once the service is idle."""
        while True:
            if self._busy():
                self._active = time.monotonic()
            elif time.monotonic() - self._active >= self._idle:
                return
            time.sleep(_LOOK)
