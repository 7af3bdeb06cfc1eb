import logging
import time
from collections.abc import Callable, Iterator
from threading import Event
from threading import enumerate as threads_now

import pytest

from service.reading_ahead import ReadingAhead, Step, stop_all

WAIT = 10  # seconds, far more than any of this takes


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    yield
    stop_all()


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def steps(done: list[str], name: str, count: int = 2) -> Step:
    """Return a step that can be taken so often, and notes each time."""
    taken: list[str] = []

    def step() -> bool:
        taken.append(f"{name}{len(taken)}")
        done.append(taken[-1])
        return len(taken) < count

    return step


def test_it_reads_when_nobody_waits() -> None:
    done: list[str] = []
    busy, asked = Event(), Event()
    busy.set()

    def is_busy() -> bool:
        asked.set()
        return busy.is_set()

    ahead = ReadingAhead(is_busy, idle=0.0)
    ahead.offer("a", steps(done, "a"))
    assert asked.wait(WAIT)
    time.sleep(0.2)
    assert done == []
    busy.clear()
    until(lambda: len(done) == 2)
    assert done == ["a0", "a1"]
    until(lambda: not ahead._offered)


def test_it_waits_a_moment_after_the_last_question() -> None:
    taken: list[float] = []

    def step() -> bool:
        taken.append(time.monotonic())
        return False

    ahead = ReadingAhead(lambda: False, idle=0.2)
    offered = time.monotonic()
    ahead.offer("a", step)
    until(lambda: taken)
    assert taken[0] - offered >= 0.2


def test_the_last_questions_go_first_and_few_are_kept() -> None:
    done: list[str] = []
    free = Event()
    ahead = ReadingAhead(lambda: not free.is_set(), idle=0.0)
    for number in range(6):
        ahead.offer(number, steps(done, f"{number} ", 1))
    ahead.offer(4, steps(done, "4 again ", 1))
    free.set()
    until(lambda: not ahead._offered)
    assert done == ["4 again 0", "5 0", "3 0", "2 0"]


def test_a_later_question_goes_before_what_is_left_of_one() -> None:
    done: list[str] = []
    ahead = ReadingAhead(lambda: False, idle=0.0)

    def first() -> bool:
        done.append("first")
        if len(done) == 1:
            ahead.offer("second", steps(done, "second ", 2))
        return len(done) < 4

    ahead.offer("first", first)
    until(lambda: not ahead._offered)
    assert done == ["first", "second 0", "second 1", "first"]


def test_what_fails_is_logged_and_the_next_is_read(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> bool:
        raise RuntimeError("the index is gone")

    done: list[str] = []
    with caplog.at_level(logging.WARNING):
        ahead = ReadingAhead(lambda: False, idle=0.0)
        ahead.offer("broken", broken)
        until(lambda: caplog.messages)
        ahead.offer("a", steps(done, "a"))
        until(lambda: len(done) == 2)
    assert caplog.messages == ["reading ahead failed: the index is gone"]


def test_stopping_waits_for_the_step_in_progress_and_takes_no_other() -> None:
    begun, go_on = Event(), Event()
    done: list[str] = []

    def slow() -> bool:
        begun.set()
        time.sleep(0.3)
        done.append("slow")
        return True

    ahead = ReadingAhead(lambda: False, idle=0.0)
    ahead.offer("slow", slow)
    assert begun.wait(WAIT)
    stop_all()
    assert done == ["slow"]
    go_on.wait(0.2)
    assert done == ["slow"]


def test_a_thread_that_waits_for_a_question_ends_when_it_is_stopped() -> None:
    def reading() -> int:
        return sum(thread.name == "reading ahead" for thread in threads_now())

    stop_all()
    until(lambda: reading() == 0)
    ahead = ReadingAhead(lambda: False)
    assert reading() == 1
    ahead.stop()
    until(lambda: reading() == 0)
