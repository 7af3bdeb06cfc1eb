"""A thread or two for all requests: shared batches, fair turns, nothing for who has given up."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from threading import enumerate as enumerate_threads

import pytest

from service import patience
from service.batching import Batcher, Lane
from service.metrics import Metrics
from service.patience import ClientGoneError, DeadlineError, Patience

WAIT = 30.0  # seconds; nothing takes so long but a hang


class Machine:
    """Doubles numbers, batch by batch, while `go` is set."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = Event()
        self.go.set()
        self.began = Event()

    def double(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        self.began.set()
        assert self.go.wait(WAIT)
        if 13 in numbers:
            raise ValueError("13 cannot be doubled")
        return [2 * number for number in numbers]


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def lane(machine: Machine) -> Lane[int, int]:
    return Lane("numbers", machine.double, most=6, share=2)


@pytest.fixture
def sooner(machine: Machine) -> Lane[int, int]:
    return Lane("first", machine.double, most=6, share=6)


@pytest.fixture
def batcher(lane: Lane[int, int], sooner: Lane[int, int]) -> Batcher:
    return Batcher([sooner, lane], inside=lambda: 0, metrics=Metrics())


@pytest.fixture
def others() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT
    while not holds() and time.monotonic() < end:
        time.sleep(0.001)
    assert holds()


def with_patience(given: Patience, work: Callable[[], list[int]]) -> list[int]:
    patience.use(given)
    try:
        return work()
    finally:
        patience.use(patience.ENDLESS)


def test_results_come_in_order(batcher: Batcher, lane: Lane[int, int], machine: Machine) -> None:
    assert batcher.compute(lane, list(range(8))) == [0, 2, 4, 6, 8, 10, 12, 14]
    assert machine.batches == [[0, 1, 2, 3, 4, 5], [6, 7]]
    assert batcher.compute(lane, []) == []


def test_requests_share_a_batch_and_none_holds_up_the_others(
    batcher: Batcher, lane: Lane[int, int], machine: Machine, others: ThreadPoolExecutor
) -> None:
    machine.go.clear()
    first = others.submit(batcher.compute, lane, [0])
    assert machine.began.wait(WAIT)
    long = others.submit(batcher.compute, lane, list(range(100, 110)))
    until(lambda: len(lane.jobs) == 1)
    short = others.submit(batcher.compute, lane, [7, 8])
    until(lambda: len(lane.jobs) == 2)
    machine.go.set()
    assert first.result(WAIT) == [0]
    assert short.result(WAIT) == [14, 16]
    assert long.result(WAIT) == [2 * number for number in range(100, 110)]
    assert machine.batches == [[0], [100, 101, 7, 8, 102, 103], [104, 105, 106, 107, 108, 109]]


def test_the_nearest_deadline_goes_first(
    batcher: Batcher, lane: Lane[int, int], machine: Machine, others: ThreadPoolExecutor
) -> None:
    now = time.monotonic()
    ends = (now + 3 * WAIT, now + WAIT, now + 2 * WAIT)
    machine.go.clear()
    first = others.submit(batcher.compute, lane, [0])
    assert machine.began.wait(WAIT)
    waiting = []
    for number, end in enumerate(ends, start=2):
        numbers = [10 * number + place for place in range(4)]
        work = partial(batcher.compute, lane, numbers)
        waiting.append(others.submit(with_patience, Patience(ends=end), work))
        until(lambda: len(lane.jobs) == len(waiting))
    machine.go.set()
    assert first.result(WAIT) == [0]
    assert [len(one.result(WAIT)) for one in waiting] == [4, 4, 4]
    assert machine.batches == [[0], [30, 31, 40, 41, 20, 21], [32, 33, 42, 43, 22, 23]]


def test_lighter_work_goes_first(
    batcher: Batcher,
    lane: Lane[int, int],
    sooner: Lane[int, int],
    machine: Machine,
    others: ThreadPoolExecutor,
) -> None:
    machine.go.clear()
    long = others.submit(batcher.compute, lane, list(range(8)))
    assert machine.began.wait(WAIT)
    light = others.submit(batcher.compute, sooner, [50])
    until(lambda: len(sooner.jobs) == 1)
    machine.go.set()
    assert light.result(WAIT) == [100]
    assert len(long.result(WAIT)) == 8
    assert machine.batches == [[0, 1, 2, 3, 4, 5], [50], [6, 7]]


def test_an_error_reaches_only_who_caused_it(
    batcher: Batcher, lane: Lane[int, int], machine: Machine, others: ThreadPoolExecutor
) -> None:
    machine.go.clear()
    first = others.submit(batcher.compute, lane, [0])
    assert machine.began.wait(WAIT)
    bad = others.submit(batcher.compute, lane, [13])
    good = others.submit(batcher.compute, lane, [1])
    until(lambda: len(lane.jobs) == 2)
    machine.go.set()
    assert (first.result(WAIT), good.result(WAIT)) == ([0], [2])
    with pytest.raises(ValueError, match="13 cannot be doubled"):
        bad.result(WAIT)
    assert batcher.compute(lane, [3]) == [6]  # and the thread goes on


@pytest.mark.parametrize("wrong", [[], [1, 2]], ids=["too few", "too many"])
def test_who_lacks_a_result_is_not_given_that_of_another(
    wrong: list[int], others: ThreadPoolExecutor
) -> None:
    """A model that skips an item fails who asked for it: all later results are not shifted."""
    began, go = Event(), Event()

    def double(numbers: Sequence[int]) -> list[int]:
        began.set()
        assert go.wait(WAIT)
        return [n for number in numbers for n in (wrong if number == 13 else [2 * number])]

    lane = Lane("numbers", double, most=6, share=2)
    batcher = Batcher([lane], inside=lambda: 0, metrics=Metrics())
    first = others.submit(batcher.compute, lane, [0])
    assert began.wait(WAIT)
    asked = []
    for number in (13, 1, 2):
        asked.append(others.submit(batcher.compute, lane, [number]))
        until(lambda: len(lane.jobs) == len(asked))
    go.set()
    assert first.result(WAIT) == [0]
    assert [one.result(WAIT) for one in asked[1:]] == [[2], [4]]
    with pytest.raises(RuntimeError, match=f"{len(wrong)} results came for 1 numbers"):
        asked[0].result(WAIT)


def test_what_takes_too_long_is_given_up_and_not_computed(
    batcher: Batcher, lane: Lane[int, int], machine: Machine, others: ThreadPoolExecutor
) -> None:
    machine.go.clear()
    first = others.submit(batcher.compute, lane, [0])
    assert machine.began.wait(WAIT)
    soon = Patience(ends=time.monotonic() + 0.05)
    with pytest.raises(DeadlineError):
        with_patience(soon, lambda: batcher.compute(lane, [1]))
    machine.go.set()
    assert first.result(WAIT) == [0]
    assert batcher.compute(lane, [2]) == [4]
    assert machine.batches == [[0], [2]]
    with pytest.raises(DeadlineError):  # no time is left when it comes
        with_patience(soon, lambda: batcher.compute(lane, [1]))


def test_what_nobody_waits_for_is_not_computed(
    batcher: Batcher, lane: Lane[int, int], machine: Machine, others: ThreadPoolExecutor
) -> None:
    machine.go.clear()
    first = others.submit(batcher.compute, lane, [0])
    assert machine.began.wait(WAIT)
    gone = Event()

    def ask() -> list[int]:
        return with_patience(Patience(gone=gone.is_set), lambda: batcher.compute(lane, [1]))

    left = others.submit(ask)
    until(lambda: len(lane.jobs) == 1)
    gone.set()
    machine.go.set()
    assert first.result(WAIT) == [0]
    with pytest.raises(ClientGoneError):
        left.result(WAIT)
    assert machine.batches == [[0]]


def test_a_batch_waits_for_who_is_on_the_way_but_not_for_long(
    lane: Lane[int, int],
) -> None:
    batcher = Batcher([lane], inside=lambda: 2, metrics=Metrics())  # the second never comes
    assert batcher.compute(lane, [1]) == [2]


def test_two_threads_compute_two_batches_at_once(
    lane: Lane[int, int], machine: Machine, others: ThreadPoolExecutor
) -> None:
    batcher = Batcher([lane], inside=lambda: 0, metrics=Metrics(), threads=2)
    machine.go.clear()
    asked = []
    for number, batches in ((1, 1), (2, 2), (3, 2)):  # what comes at once may share a batch
        asked.append(others.submit(batcher.compute, lane, [number]))
        until(lambda batches=batches: len(machine.batches) == batches)  # type: ignore[misc]
    machine.go.set()
    assert [one.result(WAIT) for one in asked] == [[2], [4], [6]]


def test_no_thread_ends_when_another_takes_what_it_waited_for(lane: Lane[int, int]) -> None:
    before = set(enumerate_threads())
    batcher = Batcher([lane], inside=lambda: 2, metrics=Metrics(), threads=2)
    started = set(enumerate_threads()) - before
    for number in range(
        100, 120
    ):  # both threads wait for a second request; one of them takes this one
        assert batcher.compute(lane, [number]) == [2 * number]
    assert len(started) == 2
    assert all(thread.is_alive() for thread in started)


def test_a_request_in_two_batches_waits_for_both(others: ThreadPoolExecutor) -> None:
    second = Event()

    def double(numbers: Sequence[int]) -> list[int]:
        if 0 in numbers:
            assert second.wait(WAIT)
        else:
            second.set()
        return [2 * number for number in numbers]

    lane = Lane("numbers", double, most=2, share=2)
    batcher = Batcher([lane], inside=lambda: 0, metrics=Metrics(), threads=2)
    assert others.submit(batcher.compute, lane, [0, 1, 2]).result(WAIT) == [0, 2, 4]


def test_many_threads_get_their_own_results(batcher: Batcher, lane: Lane[int, int]) -> None:
    def ask(start: int) -> bool:
        numbers = list(range(start, start + start % 9))
        return batcher.compute(lane, numbers) == [2 * number for number in numbers]

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(ask, range(20, 520)))
