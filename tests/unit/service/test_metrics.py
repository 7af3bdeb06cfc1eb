import logging

import pytest

from service.metrics import Metrics
from service.patience import ClientGoneError, DeadlineError
from service.types import BusyError, Query, Source, TooLateError
from tests.fake_app import FakeAnswerer

QUERY = Query("a secret question", 0.5, 2)


def lines(metrics: Metrics) -> list[str]:
    return metrics.text().decode().splitlines()


def test_answers_are_measured_and_logged_without_their_question(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics = Metrics()
    with caplog.at_level(logging.INFO):
        found = metrics.measured(FakeAnswerer().answer, QUERY)
    assert found == FakeAnswerer().answer(QUERY)
    shown = lines(metrics)
    assert 'covidquest_stage_seconds_count{stage="total"} 1.0' in shown
    assert 'covidquest_stage_seconds_sum{stage="total"} 0.324' in shown
    assert "covidquest_passages_read_count 1.0" in shown
    said = [r.getMessage() for r in caplog.records if r.name == "service.metrics"]
    assert said == ["answered in 324 ms (encode 9, retrieve 3, read 310), 4 passages read"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BusyError("full"), "queue full"),
        (TooLateError("slow"), "too slow"),
        (DeadlineError("late"), "deadline"),
        (ClientGoneError("gone"), "client gone"),
    ],
)
def test_what_is_refused_is_counted_by_its_reason(error: Exception, reason: str) -> None:
    metrics = Metrics()
    with pytest.raises(type(error)):
        metrics.measured(FakeAnswerer(error=error).answer, QUERY)
    assert f'covidquest_rejections_total{{reason="{reason}"}} 1.0' in lines(metrics)
    assert "covidquest_passages_read_count 0.0" in lines(metrics)


def test_what_serves_is_told_and_what_served_before_is_not() -> None:
    metrics = Metrics()
    for version in ("v1", "v2"):
        metrics.serving(Source(version, 10, 20, "encoder", "reader", "cpu"))
    shown = lines(metrics)
    assert 'covidquest_index_info{version="v1"} 0.0' in shown
    assert 'covidquest_index_info{version="v2"} 1.0' in shown
    assert 'covidquest_models_info{device="cpu",encoder="encoder",reader="reader"} 1.0' in shown


def test_looks_into_caches_and_batches_are_counted() -> None:
    metrics = Metrics()
    look = metrics.lookups("spans")
    for found in (True, True, False):
        look(found)
    metrics.batch("passages", 8)
    metrics.batch("passages", 3)
    shown = lines(metrics)
    assert 'covidquest_cache_lookups_total{cache="spans",result="hit"} 2.0' in shown
    assert 'covidquest_cache_lookups_total{cache="spans",result="miss"} 1.0' in shown
    assert 'covidquest_batch_size_sum{kind="passages"} 11.0' in shown
