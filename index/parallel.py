"""Spreads work over processes: what comes back is in order, and a bounded part of it under way."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TypeVar

_Task = TypeVar("_Task")
_Made = TypeVar("_Made")


def in_order(
    work: Callable[[_Task], _Made],
    tasks: Iterable[_Task],
    workers: int,
    *,
    ahead: int,
    begin: Callable[[], None] | None = None,
) -> Iterator[_Made]:
    """Yield what `work` makes of each task, in their order, made by so many other processes.

    Up to `ahead` tasks a process are under way or wait for who takes them. A process calls `begin`
    first. Functions and tasks have to be such as pickle can send.

    Raises what `work` raises, and BrokenExecutor where one of the processes is killed.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy what threads hold locked
    under_way: deque[Future[_Made]] = deque()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(begin,))
    try:
        for task in tasks:
            under_way.append(pool.submit(work, task))
            if len(under_way) >= ahead * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _begin(more: Callable[[], None] | None) -> None:
    """Let a worker end with its parent: by an interrupt only there, and even when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    if more:
        more()
