"""Loading the answerer beside the running web server, so that it can say that it is loading."""

import logging
import mmap
import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event, Thread

from service.gpus import LostGPUError
from service.settings import StartError
from service.types import AnswererProtocol

log = logging.getLogger(__name__)

WORKER_BOOT_ERROR = 3
"""The exit code of a worker at which gunicorn's master stops instead of starting another."""
PAUSE = 5.0
"""Seconds until a worker that could not load is replaced, where one before it could."""

_ever_ready = mmap.mmap(-1, 1)
"""A byte that this process shares with those that it forks: 1 once one of them was ready."""
_token, _other_end = os.pipe()
"""Likewise a pipe with one byte: the worker that takes it is the one that stops the master."""
os.write(_other_end, b"1")
os.set_blocking(_token, False)
_replaced = Event()  # this worker could not load, and ends to be replaced

ANSWERER = "covidquest.answerer"
"""The key of an application's `extensions` that holds the future of its answerer."""
LOADING = "The index and the models are being loaded. Try again in a few seconds."


class NotReadyError(Exception):
    """The answerer is still being loaded, or could not be."""


class IndexUnavailableError(Exception):
    """The index could not be fetched. The message is one line: what is wrong, how to mend it.

    The server goes on and says so: were it to end, a platform would start it again and again, each
    start would fetch the index anew, and the one line would be lost among its repetitions.
    """


class Loading(Future[AnswererProtocol]):
    """An answerer that is being loaded; `doing` tells its users how far that is."""

    def __init__(self, doing: Callable[[], str]) -> None:
        """Begin to wait."""
        super().__init__()
        self.doing = doing


def load_in_background(
    load: Callable[[], AnswererProtocol],
    on_failure: Callable[[BaseException], None],
    doing: Callable[[], str] = lambda: LOADING,
) -> Future[AnswererProtocol]:
    """Start loading on a thread that does not hold up the end of the process."""
    future = Loading(doing)

    def run() -> None:
        try:
            future.set_result(load())
            _ever_ready[0] = 1
        except BaseException as error:  # noqa: BLE001 - whatever it is, it must end the process
            future.set_exception(error)
            on_failure(error)

    Thread(target=run, name="loading", daemon=True).start()
    return future


def loaded(answerer: AnswererProtocol) -> Future[AnswererProtocol]:
    """Wrap an answerer that is there already."""
    future: Future[AnswererProtocol] = Future()
    future.set_result(answerer)
    return future


def answerer_of(future: Future[AnswererProtocol]) -> AnswererProtocol:
    """Return the answerer.

    Raises:
        NotReadyError: it is not there, and why.

    """
    if not future.done():
        raise NotReadyError(future.doing() if isinstance(future, Loading) else LOADING)
    if isinstance(error := future.exception(), IndexUnavailableError):
        raise NotReadyError(f"The index could not be fetched: {error}")
    if error is not None:
        raise NotReadyError("The index or the models could not be loaded.")
    return future.result()


def stop_server(error: BaseException) -> None:
    """Say why questions cannot be answered, and end gunicorn as a whole.

    Only say it of an index that could not be fetched (see `IndexUnavailableError`). Where a worker
    was ready before, others may answer still, and what is wrong may be mended: only this one ends.
    """
    if isinstance(error, IndexUnavailableError):
        log_failure(logging.CRITICAL, "cannot answer questions", error)
        return
    lost = isinstance(error, LostGPUError)
    if _ever_ready[0] and not lost:
        _replaced.set()
        try:
            log_failure(logging.CRITICAL, "cannot start a worker, and will try again", error)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
        return
    try:
        log_failure(logging.CRITICAL, "cannot go on" if lost else "cannot start", error)
        logging.shutdown()
        sys.stderr.flush()
    finally:
        os._exit(_exit_code())  # sys.exit would end only the thread that loads


def _exit_code() -> int:
    """Return the exit code that stops the master, to one worker only.

    At a second one the master, which is stopping the others by then, ends with a traceback.
    """
    try:
        os.read(_token, 1)
    except BlockingIOError:
        return 0
    return WORKER_BOOT_ERROR


def pause() -> None:
    """Hold up the end of a worker that could not load, which listens no more: no haste helps."""
    if _replaced.is_set():
        time.sleep(PAUSE)


def log_failure(level: int, what: str, error: BaseException) -> None:
    """Log an expected failure in one line, any other with its traceback."""
    expected = isinstance(error, (StartError, IndexUnavailableError, LostGPUError))
    log.log(level, "%s: %s", what, error, exc_info=None if expected else error)
