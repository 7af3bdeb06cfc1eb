"""What is done around every request: its id, its time, its figures."""

import re
import socket
import time

import pytest
from flask.testing import FlaskClient

from service import hooks, patience
from service.app import create_app
from service.logs import NO_REQUEST, request_id
from service.patience import ENDLESS, ClientGoneError, DeadlineError, Patience
from service.settings import Settings
from service.types import AnswerList, BusyError, Query
from tests.fake_app import FakeAnswerer


@pytest.mark.parametrize("given", ["a", "7f3e-42", "Root=1-67891233-abcdef012345678912345678"])
def test_a_request_keeps_the_id_it_came_with(client: FlaskClient, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "<b>", '"}', "é"])
def test_an_id_that_is_none_is_replaced(client: FlaskClient, given: str) -> None:
    headers = {"X-Request-ID": given.encode().decode("latin-1")}
    found = client.get("/healthz", headers=headers).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", found)


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/nowhere", "/api/v1/answers"])
def test_errors_have_ids_too(client: FlaskClient, path: str) -> None:
    assert client.get(path, headers={"X-Request-ID": "mine"}).headers["X-Request-ID"] == "mine"


class Curious(FakeAnswerer):
    """Notes the patience that each question is answered with."""

    def answer(self, query: Query) -> AnswerList:
        self.seen = patience.current(), request_id.get()
        return super().answer(query)


def test_a_question_has_until_its_deadline_and_nothing_is_left_behind() -> None:
    answerer = Curious()
    client = create_app(Settings(deadline=7), answerer).test_client()
    before = time.monotonic()
    client.get("/top_k_results?question=masks", headers={"X-Request-ID": "mine"})
    found, id_ = answerer.seen
    assert before + 7 <= found.ends <= time.monotonic() + 7
    assert not found.gone()
    assert id_ == "mine"
    assert (patience.current(), request_id.get()) == (ENDLESS, NO_REQUEST)


def test_the_time_counts_from_when_the_request_came() -> None:
    answerer = Curious()
    client = create_app(Settings(deadline=7), answerer).test_client()
    token = hooks.arrived.set(1000.0)
    try:
        client.get("/top_k_results?question=masks")
    finally:
        hooks.arrived.reset(token)
    assert answerer.seen[0].ends == 1007.0


def test_patience_ends_with_time_or_with_the_client() -> None:
    ENDLESS.check()
    with pytest.raises(DeadlineError, match="took too long"):
        Patience(ends=time.monotonic()).check()
    with pytest.raises(ClientGoneError):
        Patience(gone=lambda: True).check()
    assert Patience(ends=0.0).left == 0.0


def test_a_closed_connection_is_seen_and_an_open_one_left_alone() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        assert not hooks.is_closed(ours)
        theirs.sendall(b"GET\r\n")
        assert not hooks.is_closed(ours)
        assert ours.recv(3) == b"GET"  # it was only looked at
        theirs.close()  # behind what was not read
        assert hooks.is_closed(ours)
    assert hooks.is_closed(ours)  # closed at this end: nobody is there either
    assert not hooks.is_closed(None)  # another server's socket is not known


@pytest.mark.parametrize(
    ("error", "status"), [(DeadlineError("late"), 503), (ClientGoneError("gone"), 499)]
)
def test_what_is_given_up_has_a_status(error: Exception, status: int) -> None:
    client = create_app(Settings(), FakeAnswerer(error=error)).test_client()
    reply = client.post("/api/v1/answers", json={"question": "masks"})
    assert reply.status_code == status
    assert reply.mimetype == "application/problem+json"
    assert ("Retry-After" in reply.headers) == (status == 503)


def test_requests_are_counted_by_route_and_status() -> None:
    client = create_app(Settings(), FakeAnswerer(error=BusyError("full"))).test_client()
    client.get("/healthz")
    client.get("/wp-admin/1")
    client.get("/wp-admin/2")
    client.open("/healthz", method="BREW")
    client.post("/api/v1/answers", json={"question": "secret"})
    reply = client.get("/metrics")
    assert reply.mimetype == "text/plain"
    lines = reply.text.splitlines()
    name = "covidquest_http_requests_total"
    assert name + '{method="GET",route="/healthz",status="200"} 1.0' in lines
    assert name + '{method="GET",route="none",status="404"} 2.0' in lines
    assert name + '{method="other",route="none",status="405"} 1.0' in lines
    assert name + '{method="POST",route="/api/v1/answers",status="503"} 1.0' in lines
    assert 'covidquest_http_request_seconds_count{route="/healthz"} 1.0' in lines
    assert "secret" not in reply.text
    assert "process_resident_memory_bytes" in reply.text


@pytest.mark.parametrize("host", ["a..b", "", "a b", "a,b", "[::1", "x:abc"])
def test_a_host_that_is_none_is_refused_as_all_else_is(client: FlaskClient, host: str) -> None:
    for path, kind in (("/healthz", "text/html"), ("/api/v1/answers", "application/problem+json")):
        headers = {"X-Request-ID": "mine", "Host": host}
        reply = client.get(path, headers=headers)
        assert (reply.status_code, reply.mimetype) == (400, kind)
        assert "The Host header names no host." in reply.text
        assert reply.headers["X-Request-ID"] == "mine"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
    counted = 'covidquest_http_requests_total{method="GET",route="/healthz",status="400"} 1.0'
    assert counted in client.get("/metrics").text.splitlines()


def test_figures_can_be_kept_from_everybody() -> None:
    client = create_app(Settings(metrics="off"), FakeAnswerer()).test_client()
    assert client.get("/metrics").status_code == 404
    assert client.get("/healthz").status_code == 200
