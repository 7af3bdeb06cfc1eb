"""Reads what a moved slider may ask for next, while nobody waits for anything.

An answer needs some of the passages that were retrieved; another weight, or more answers, need
others of the same. Once the service has been idle for a moment, the rest of the last questions'
are read too, so that a slider moves without waiting.
"""

import logging
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Condition, Lock, Thread

from service.background import log_failure, stop_server
from service.gpus import LostGPUError, is_lost

_IDLE = 0.2
"""Seconds without a request after which it is read ahead: who asks in turn is not held up."""
_LOOK = 0.02  # seconds between two looks whether it is still idle
_QUESTIONS = 4  # whose passages are read ahead; those that were asked before these are left out
_LAST_STEP = 5.0  # seconds that a step in progress has when it is stopped

Step = Callable[[], bool]
"""Reads a little more for a question; tells whether anything is left."""

_started: "weakref.WeakSet[ReadingAhead]" = weakref.WeakSet()


class ReadingAhead:
    """A thread that takes one step after another while `busy()` is not true.

    The question that was answered last comes first. A daemon: what does not `stop_all` before it
    ends may end in the midst of a step.
    """

    def __init__(self, busy: Callable[[], bool], *, idle: float = _IDLE) -> None:
        """Begin with nothing to read."""
        self._busy = busy
        self._idle = idle
        self._active = time.monotonic()
        self._offered: OrderedDict[Hashable, Step] = OrderedDict()
        self._changed = Condition()
        self._stopped = False
        self._stepping = Lock()
        _started.add(self)
        Thread(target=self._run, name="reading ahead", daemon=True).start()

    def offer(self, question: Hashable, step: Step) -> None:
        """Read ahead for a question that was just answered, before any other."""
        with self._changed:
            self._active = time.monotonic()
            self._offered[question] = step
            self._offered.move_to_end(question)
            while len(self._offered) > _QUESTIONS:
                self._offered.popitem(last=False)
            self._changed.notify()

    def stop(self) -> None:
        """Take no further step; return when the one in progress is done, or some seconds later."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._stepping.acquire(timeout=_LAST_STEP):
            self._stepping.release()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._offered or self._stopped):
                    self._changed.wait()
            if self._stopped:
                return
            if self._is_idle():
                self._step()
            else:
                time.sleep(_LOOK)

    def _is_idle(self) -> bool:
        if self._busy():
            self._active = time.monotonic()
            return False
        return time.monotonic() - self._active >= self._idle

    def _step(self) -> None:
        """Take a step for the last question; forget it when nothing is left to read for it."""
        with self._changed:
            question, step = next(reversed(self._offered.items()))
        more = False
        try:
            with self._stepping:
                more = not self._stopped and step()
        except Exception as error:  # noqa: BLE001 - nobody waits for it
            if is_lost(error):
                stop_server(LostGPUError(error))
            log_failure(logging.WARNING, "reading ahead failed", error)
        if not more:
            with self._changed:
                if self._offered.get(question) is step:
                    del self._offered[question]


def stop_all() -> None:
    """Stop all reading ahead of this process, which is about to end."""
    for one in list(_started):
        one.stop()
