"""Many questions, asked one after another for whoever waits for all of them. No Flask here."""

import logging
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass
from itertools import islice
from threading import BoundedSemaphore, Event
from typing import TypeVar

from service.background import stop_server
from service.gpus import LostGPUError, is_lost
from service.patience import Patience, use
from service.types import AnswerList, BusyError
from service.validation import QUESTION_LENGTH, InvalidQueryError

log = logging.getLogger(__name__)

MOST_QUESTIONS = 100
"""The most questions of one batch."""
AHEAD = 2
"""How many questions of a batch are asked at once: while one is read, the next is retrieved."""
PATIENCE = 60.0
"""Seconds that a question of a batch is asked again for while the service is busy."""
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 4.0  # seconds between two tries


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of question `number` of `of`, from 1: what was found, or else the error."""

    number: int
    of: int
    question: str
    found: AnswerList | Exception


def _told(question: object) -> str:
    """Return a question as it is repeated to whoever asked it: what is no text, as nothing."""
    text = question[:QUESTION_LENGTH] if isinstance(question, str) else ""
    return text.encode("utf-8", "replace").decode()  # a lone surrogate cannot be sent back


def most_batches(threads: int, queue: int) -> int:
    """Return how many batches may be answered at once.

    Each takes one of the `threads` that serve requests, and up to `AHEAD` of the `queue` places for
    questions; together they take a quarter of the former and half of the latter at most.

    >>> most_batches(16, 100), most_batches(24, 12), most_batches(2, 1)
    (4, 3, 1)
    """
    return max(1, min(threads // 4, queue // (2 * AHEAD)))


class Batches:
    """The batches that are answered now. They may not take every thread that serves requests."""

    def __init__(self, most: int) -> None:
        """Allow so many at once."""
        self._places = BoundedSemaphore(most)

    def enter(self) -> Callable[[], None]:
        """Take a place; return what gives it back, once. Raises BusyError where none is free."""
        if not self._places.acquire(blocking=False):
            raise BusyError("Other batches are being answered. Try again in a minute.")
        taken = [self._places]

        def leave() -> None:
            if taken:
                taken.pop().release()

        return leave


Q = TypeVar("Q")


def outcomes(
    questions: Sequence[Q], ask: Callable[[Q], AnswerList], *, patience: float = PATIENCE
) -> Generator[Outcome, None, None]:
    """Ask every question, and yield what became of each in their order.

    `ask` is called from other threads; a question that it refuses does not end the batch. While
    the service is busy a question is asked again, for `patience` seconds. Closing the iterator
    asks no further question. Called in a request, the log's lines have that one's id.
    """
    return _outcomes(questions, ask, patience, copy_context())  # by when it runs, the id is gone


def _outcomes(
    questions: Sequence[Q], ask: Callable[[Q], AnswerList], patience: float, context: Context
) -> Generator[Outcome, None, None]:
    closed = Event()
    asked: deque[tuple[Q, Future[AnswerList]]] = deque()
    pool = ThreadPoolExecutor(AHEAD, thread_name_prefix="batch")
    try:
        waiting = iter(questions)
        for number in range(1, len(questions) + 1):
            for question in islice(waiting, AHEAD - len(asked)):
                run = context.copy().run
                future = pool.submit(run, _patiently, ask, question, patience, closed)
                asked.append((question, future))
            question, future = asked.popleft()
            found = context.run(_result, future)
            yield Outcome(number, len(questions), _told(question), found)
    finally:
        closed.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _patiently(
    ask: Callable[[Q], AnswerList], question: Q, patience: float, closed: Event
) -> AnswerList:
    end = time.monotonic() + patience
    use(Patience(end, closed.is_set, asks_again=True))
    wait = _FIRST_WAIT
    while True:
        try:
            return ask(question)
        except BusyError:
            if time.monotonic() + wait > end or closed.wait(wait):
                raise
            wait = min(2 * wait, _LONGEST_WAIT)


def _result(future: Future[AnswerList]) -> AnswerList | Exception:
    try:
        return future.result()
    except (BusyError, InvalidQueryError) as error:
        return error
    except Exception as error:
        if is_lost(error):
            stop_server(LostGPUError(error))
        log.exception("cannot answer a question of a batch")
        return error
