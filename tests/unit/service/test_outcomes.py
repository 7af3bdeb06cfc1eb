import threading
import time

import pytest

from service.batch import AHEAD, Batches, Outcome, outcomes
from service.logs import request_id
from service.metrics import Metrics
from service.types import AnswerList, BusyError, Query
from service.validation import FieldProblem, InvalidQueryError
from tests.fake_app import FakeAnswerer


def answer(question: str) -> AnswerList:
    return FakeAnswerer().answer(Query(question, 0.5, 1))


def test_outcomes_come_in_the_order_of_the_questions() -> None:
    def ask(question: str) -> AnswerList:
        time.sleep(0.02 if question == "1?" else 0)  # the second is done before the first
        return answer(question)

    questions = [f"{n}?" for n in range(1, 8)]
    found = list(outcomes(questions, ask))
    assert [(one.number, one.of, one.question) for one in found] == [
        (n, 7, f"{n}?") for n in range(1, 8)
    ]
    assert all(isinstance(one.found, AnswerList) for one in found)


def test_a_bad_question_does_not_end_the_batch(caplog: pytest.LogCaptureFixture) -> None:
    refused = InvalidQueryError((FieldProblem("question", "no"),))
    broken = RuntimeError("broken")

    def ask(question: str) -> AnswerList:
        if question == "bad":
            raise refused
        if question == "broken":
            raise broken
        return answer(question)

    first, second, third, fourth = outcomes(["a?", "bad", "broken", "b?"], ask)
    assert isinstance(first.found, AnswerList)
    assert second.found is refused
    assert third.found is broken
    assert isinstance(fourth.found, AnswerList)
    assert [record.message for record in caplog.records] == ["cannot answer a question of a batch"]


def test_the_log_has_the_id_of_the_request_that_the_batch_came_with() -> None:
    seen: list[str] = []

    def ask(question: str) -> AnswerList:
        seen.append(request_id.get())
        return answer(question)

    token = request_id.set("batch-abc")
    batch = outcomes(["a?", "b?", "c?"], ask)
    request_id.reset(token)  # the response is sent when the request is over
    assert len(list(batch)) == len(seen) == 3
    assert set(seen) == {"batch-abc"}


def test_a_lost_gpu_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[BaseException] = []
    monkeypatch.setattr("service.batch.is_lost", lambda error: isinstance(error, RuntimeError))
    monkeypatch.setattr("service.batch.stop_server", ended.append)

    def ask(question: str) -> AnswerList:
        raise RuntimeError(f"device-side assert at {question}")

    assert len(list(outcomes(["a?"], ask))) == 1
    assert "the GPU cannot be used any more (device-side assert at a?)" in str(ended[0])


def test_a_batchs_refusals_are_counted_as_what_they_are() -> None:
    metrics = Metrics()
    tries = 0

    class Busy(FakeAnswerer):
        def answer(self, query: Query) -> AnswerList:
            nonlocal tries
            tries += 1
            if tries < 3:
                raise BusyError("Too many.")
            return super().answer(query)

    busy = Busy()
    (only,) = outcomes(["a?"], lambda text: metrics.measured(busy.answer, Query(text, 0.5, 1)))
    assert isinstance(only.found, AnswerList)
    lines = metrics.text().decode().splitlines()
    assert 'covidquest_rejections_total{reason="asked again"} 2.0' in lines
    assert not any('reason="queue full"' in line for line in lines)


def test_no_more_questions_are_asked_at_once_than_allowed() -> None:
    inside, most, turn, together = 0, 0, threading.Lock(), threading.Barrier(AHEAD)

    def ask(question: str) -> AnswerList:
        nonlocal inside, most
        with turn:
            inside += 1
            most = max(most, inside)
        together.wait(10)
        time.sleep(0.002)  # for one that should not come
        with turn:
            inside -= 1
        return answer(question)

    assert len(list(outcomes([f"{n}?" for n in range(20)], ask))) == 20
    assert most == AHEAD


def test_closing_asks_no_further_question() -> None:
    asked: list[str] = []

    def ask(question: str) -> AnswerList:
        asked.append(question)
        return answer(question)

    batch = outcomes([f"{n}?" for n in range(50)], ask)
    assert next(batch).number == 1
    batch.close()
    assert len(asked) <= 1 + AHEAD


def test_while_the_service_is_busy_a_question_is_asked_again() -> None:
    tries = 0

    def ask(question: str) -> AnswerList:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise BusyError("busy")
        return answer(question)

    (only,) = outcomes(["a?"], ask)
    assert isinstance(only.found, AnswerList)
    assert tries == 3


def test_a_service_that_stays_busy_is_told_on_the_question() -> None:
    def ask(_: str) -> AnswerList:
        raise BusyError("busy")

    (only,) = outcomes(["a?"], ask, patience=0.3)
    assert isinstance(only.found, BusyError)


def test_closing_ends_the_waiting_for_a_busy_service() -> None:
    tried = threading.Event()

    def ask(question: str) -> AnswerList:
        if question == "first?":
            return answer(question)
        tried.set()
        raise BusyError("busy")

    batch = outcomes(["first?", "busy?"], ask)
    next(batch)
    tried.wait(10)
    batch.close()
    workers = [thread for thread in threading.enumerate() if thread.name.startswith("batch")]
    for worker in workers:
        worker.join(10)
        assert not worker.is_alive()


def test_what_is_no_text_and_what_is_long_is_not_repeated() -> None:
    found: list[Outcome] = list(outcomes([5, None, "a" * 9000], lambda q: answer(str(q))))
    assert [one.question for one in found] == ["", "", "a" * 500]


def test_batches_may_not_take_every_thread() -> None:
    batches = Batches(1)
    leave = batches.enter()
    with pytest.raises(BusyError, match="Other batches"):
        batches.enter()
    leave()
    leave()  # changes nothing
    batches.enter()
    with pytest.raises(BusyError):
        batches.enter()
