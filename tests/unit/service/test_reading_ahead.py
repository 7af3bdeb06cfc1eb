import logging
from collections.abc import Iterator
from threading import Event

import pytest

from service.reading_ahead import ReadingAhead

WAIT = 10  # seconds, far more than any of this takes


def steps(done: list[str], name: str, last: Event, count: int = 2) -> Iterator[None]:
    for number in range(count):
        yield
        done.append(f"{name}{number}")
    last.set()


def test_it_reads_when_nobody_waits() -> None:
    done: list[str] = []
    busy, asked, last = Event(), Event(), Event()
    busy.set()

    def is_busy() -> bool:
        asked.set()
        return busy.is_set()

    ahead = ReadingAhead(is_busy, idle=0.0)
    ahead.offer(lambda: steps(done, "a", last))
    assert asked.wait(WAIT)
    assert not last.wait(0.2)
    assert done == []
    busy.clear()
    assert last.wait(WAIT)
    assert done == ["a0", "a1"]


def test_it_waits_a_moment_after_the_last_question() -> None:
    done: list[str] = []
    last = Event()
    ReadingAhead(lambda: False, idle=0.4).offer(lambda: steps(done, "a", last))
    assert not last.wait(0.2)
    assert last.wait(WAIT)


def test_the_last_questions_go_first_and_few_are_kept() -> None:
    done: list[str] = []
    free, first, last = Event(), Event(), Event()
    ahead = ReadingAhead(lambda: not free.is_set(), idle=0.0)
    ahead.offer(lambda: steps(done, "begun ", first, 1))
    while ahead._offered:  # it has begun with that one
        first.wait(0.01)
    for number in range(6):
        ahead.offer(
            lambda number=number: steps(done, f"{number} ", last if number == 2 else first, 1)
        )  # type: ignore[misc]
    free.set()
    assert last.wait(WAIT)
    assert done == ["begun 0", "5 0", "4 0", "3 0", "2 0"]


def test_what_fails_is_logged_and_the_next_is_read(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Iterator[None]:
        yield
        raise RuntimeError("the index is gone")

    done: list[str] = []
    last = Event()
    with caplog.at_level(logging.WARNING):
        ahead = ReadingAhead(lambda: False, idle=0.0)
        ahead.offer(broken)
        while not caplog.messages:
            last.wait(0.01)
        ahead.offer(lambda: steps(done, "a", last))
        assert last.wait(WAIT)
    assert caplog.messages == ["reading ahead failed: the index is gone"]
