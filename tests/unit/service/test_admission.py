from contextlib import ExitStack, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service import patience
from service.admission import Gate
from service.errors import RETRY_AFTER
from service.metrics import Metrics
from service.patience import ENDLESS, DeadlineError, Patience
from service.types import BusyError, TooLateError


class Clock:
    """Stands in for the module `time`."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("service.admission.time", clock)
    monkeypatch.setattr("service.patience.time", clock)
    return clock


class GivenUpError(Exception):
    """Ends requests without an answer."""


def fill(gate: Gate, most: int) -> int:
    """Return how many requests are let inside, each with 20 seconds, if none is answered."""
    inside = 0
    patience.use(Patience(patience.time.monotonic() + 20))
    with suppress(GivenUpError), ExitStack() as entered:
        with suppress(BusyError):
            for _ in range(most):
                entered.enter_context(gate.entered())
        inside = gate.inside
        raise GivenUpError
    patience.use(ENDLESS)
    return inside


def answer(gate: Gate, clock: Clock, seconds: float, times: int = 1) -> None:
    for _ in range(times):
        with gate.entered():
            clock.now += seconds


def test_no_more_than_so_many_are_inside() -> None:
    gate = Gate(3, Metrics())
    assert fill(gate, 5) == 3
    assert gate.inside == 0
    refused = pytest.raises(BusyError, match="more questions than it can answer")
    with gate.entered(), gate.entered(), gate.entered(), refused, gate.entered():
        pytest.fail("there is no room")


def test_who_could_not_be_answered_in_time_is_refused_at_once(clock: Clock) -> None:
    gate = Gate(12, Metrics())
    answer(gate, clock, 2.0)
    assert fill(gate, 12) == 5  # 10 of 20 seconds


def test_whether_the_queue_is_full_or_the_service_too_slow_is_told(clock: Clock) -> None:
    gate = Gate(3, Metrics())
    answer(gate, clock, 9.0)
    patience.use(Patience(clock.monotonic() + 20))
    with gate.entered(), gate.entered():
        with pytest.raises(TooLateError), gate.entered():
            pytest.fail("27 of 20 seconds")
        patience.use(Patience(clock.monotonic() + 200))
        with gate.entered():
            with pytest.raises(BusyError) as full, gate.entered():
                pytest.fail("there is no room")
            assert not isinstance(full.value, TooLateError)
    patience.use(ENDLESS)


def test_two_are_let_in_whatever_the_last_ones_took(clock: Clock) -> None:
    gate = Gate(12, Metrics())
    answer(gate, clock, 90.0)
    assert fill(gate, 12) == 2


def test_what_answers_take_is_that_of_the_last_ones(clock: Clock) -> None:
    gate = Gate(12, Metrics())
    answer(gate, clock, 90.0)
    answer(gate, clock, 0.1, times=40)
    assert fill(gate, 12) == 12


def test_one_that_was_given_up_is_no_answer(clock: Clock) -> None:
    gate = Gate(12, Metrics())
    answer(gate, clock, 2.0)
    with pytest.raises(ZeroDivisionError), gate.entered():
        1 / 0  # noqa: B018 - in no time
    assert fill(gate, 12) == 5


def run_out(gate: Gate, clock: Clock, seconds: float) -> None:
    with gate.entered():
        clock.now += seconds
        raise DeadlineError


def test_where_none_was_answered_in_time_it_is_known_what_they_take(clock: Clock) -> None:
    """A server that begins under too much load has no other answer to go by."""
    gate = Gate(12, Metrics())
    for _ in range(2):
        with pytest.raises(DeadlineError):
            run_out(gate, clock, 2.0)
    assert fill(gate, 12) == 5


def test_who_runs_out_of_time_while_others_are_answered_changes_nothing(clock: Clock) -> None:
    gate = Gate(12, Metrics())
    with gate.entered():
        answer(gate, clock, 2.0, times=9)
        with pytest.raises(DeadlineError):
            run_out(gate, clock, 0.5)
        assert fill(gate, 12) == 5


def refuse(gate: Gate, times: int) -> None:
    """Refuse so many, one after the other, while ten are inside."""
    for _ in range(times):
        assert fill(gate, 11) == 10


def test_while_more_is_asked_than_answered_few_wait(clock: Clock) -> None:
    gate = Gate(12, Metrics())
    answer(gate, clock, 1.0)
    refuse(gate, 3)
    assert fill(gate, 10) == 10  # 10 of 20 seconds: three are not many
    refuse(gate, 1)
    assert fill(gate, 12) == 4  # 4 of 20 seconds
    clock.now += 9.9
    assert fill(gate, 12) == 4
    clock.now += 9.9  # one was refused in these ten seconds
    assert fill(gate, 4) == 4
    assert fill(gate, 5) == 4
    clock.now += 10
    assert fill(gate, 10) == 10


def test_an_overload_that_has_ended_does_not_go_on_with_the_next_refusal(clock: Clock) -> None:
    gate = Gate(3, Metrics())
    answer(gate, clock, 1.0)

    def refuse_some(entered: ExitStack, times: int) -> None:
        for _ in range(times):
            with pytest.raises(BusyError):
                entered.enter_context(gate.entered())

    with suppress(GivenUpError), ExitStack() as entered:
        for _ in range(3):
            entered.enter_context(gate.entered())
        refuse_some(entered, 4)
        clock.now += 11  # without one, and with nobody who was let in
        refuse_some(entered, 1)
        raise GivenUpError
    patience.use(Patience(clock.now + 8))
    with gate.entered(), gate.entered(), gate.entered():
        pass  # 3 of 8 seconds: less than half, more than a fifth
    patience.use(ENDLESS)


def test_who_comes_back_when_told_to_is_no_overload(clock: Clock) -> None:
    gate = Gate(12, Metrics())
    answer(gate, clock, 1.0)
    for _ in range(9):
        refuse(gate, 1)
        clock.now += RETRY_AFTER
    assert fill(gate, 10) == 10


def test_nobody_is_refused_for_what_a_batch_asks(clock: Clock) -> None:
    gate = Gate(12, Metrics())
    answer(gate, clock, 2.0)
    of_batch = Patience(clock.now + 600, asks_again=True)
    with suppress(GivenUpError), ExitStack() as entered:
        patience.use(of_batch)
        for _ in range(7):
            entered.enter_context(gate.entered())
        assert fill(gate, 12) == 12  # five more, as many as if there were no batch
        raise GivenUpError
    gate = Gate(12, Metrics())
    answer(gate, clock, 2.0)
    with suppress(GivenUpError), ExitStack() as entered:
        patience.use(of_batch)
        for _ in range(12):
            entered.enter_context(gate.entered())
        for _ in range(4):
            with pytest.raises(BusyError):
                entered.enter_context(gate.entered())
        raise GivenUpError
    assert fill(gate, 5) == 5  # it was a batch that was refused


def test_who_found_all_of_it_computed_tells_nothing_of_what_an_answer_takes(clock: Clock) -> None:
    gate = Gate(12, Metrics())
    answer(gate, clock, 3.0, times=6)
    entered = [gate.entered(lambda number=number: number == 0) for number in range(12)]
    for one in entered:
        one.__enter__()
    clock.now += 3.0
    for one in entered:  # they asked the same: the first one computed it, and the others found it
        one.__exit__(None, None, None)
        clock.now += 0.005
    assert fill(gate, 12) == 3  # 9 of 20 seconds


@given(st.lists(st.tuples(st.floats(0.001, 60), st.booleans()), max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_pace_lies_among_the_times_of_those_that_read(
    clock: Clock, asked: list[tuple[float, bool]]
) -> None:
    gate = Gate(12, Metrics())
    for seconds, reads in asked:
        with gate.entered(lambda reads=reads: reads):
            clock.now += seconds
    times = [seconds for seconds, reads in asked if reads] or [0.0]
    assert min(times) - 1e-6 <= gate._pace <= max(times) + 1e-6
