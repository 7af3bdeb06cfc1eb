"""The real server and clients that send slowly, or not to the end."""

import json
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import pytest

from tests.serving import FAKE, LIMIT, Server, received, serving

REQUEST, BODY = 1.5, 3.0  # seconds that they have here
JSON = (
    "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n"
)
LARGE = JSON.format("/api/v1/batch", 900_000, "").encode() + b'{"questions": ['


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    limits = {"FAKE_REQUEST": str(REQUEST), "FAKE_BODY": str(BODY)}
    with serving(*FAKE, limit=LIMIT, **limits) as running:
        yield running
        assert running.stop() == 0
        assert "Traceback" not in running.logged()


@contextmanager
def connections(server: Server, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """Open connections that have sent so much."""
    with ExitStack() as opened:
        made = [
            opened.enter_context(socket.create_connection(("127.0.0.1", server.port), LIMIT))
            for _ in range(count)
        ]
        for one in made:
            one.sendall(sent)
        yield made


def ask(client: socket.socket, parts: Sequence[bytes], pause: float) -> bytes:
    """Send a request in parts; return the first of the response."""
    for part in parts:
        client.sendall(part)
        time.sleep(pause)
    return client.recv(65_536)


@pytest.mark.parametrize(
    "sent",
    [
        b"G",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        JSON.format("/api/v1/answers", 100, "").encode() + b"{",
        LARGE,
        JSON.format("/api/v1/answers", 100, "Expect: 100-continue\r\n").encode(),
        b"POST /api/v1/answers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
    ids=["byte", "head", "body", "large body", "expecting", "chunks"],
)
def test_forty_requests_that_do_not_come_to_their_end_hold_up_nobody(
    server: Server, sent: bytes
) -> None:
    with connections(server, 40, sent) as slow:
        began = time.monotonic()
        while time.monotonic() - began < 1.0:
            asked = time.monotonic()
            assert server.get("/healthz").status == 200
            assert server.post_json({"question": "Do masks help?"}).status == 200
            assert (
                time.monotonic() - asked < 1.2
            )  # on a busy machine; REQUEST where they hold it up
        for one in slow:
            assert b"HTTP/1.1 408 " in received(one)
        assert time.monotonic() - began < BODY + 20


@pytest.mark.parametrize(
    ("begun", "byte"),
    [(b"", b"G"), (JSON.format("/api/v1/answers", 100, "").encode(), b" "), (LARGE, b" ")],
    ids=["head", "body", "large body"],
)
def test_a_byte_now_and_then_gains_no_time(server: Server, begun: bytes, byte: bytes) -> None:
    with connections(server, 1, begun + byte) as (client,):
        began = time.monotonic()
        client.settimeout(0.2)
        reply = b""
        while not reply and time.monotonic() - began < 30:
            with suppress(TimeoutError):
                reply = client.recv(65_536)
            if not reply:
                client.send(byte)
        assert reply.startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - began > REQUEST - 0.5


def test_the_api_says_that_a_body_came_too_slowly(server: Server) -> None:
    with connections(server, 1, LARGE) as (client,):
        head, _, body = received(client).partition(b"\r\n\r\n")
        assert b"application/problem+json" in head
        assert "in time" in json.loads(body)["detail"]


def test_what_comes_slowly_but_in_time_is_answered(server: Server) -> None:
    question = json.dumps({"question": "Do masks help?"}).encode()
    whole = JSON.format("/api/v1/answers", len(question), "").encode() + question
    with connections(server, 1, b"") as (client,):
        for _ in range(2):  # on one connection, one after the other
            parts = [whole[at : at + 20] for at in range(0, len(whole), 20)]
            assert ask(client, parts, 0.05).startswith(b"HTTP/1.1 200 OK")
        two = ask(client, [whole + whole[:50], whole[50:]], 0.5)  # a second one behind the first
        assert two.startswith(b"HTTP/1.1 200 OK")


def test_a_large_list_that_comes_slowly_but_in_time_is_answered(server: Server) -> None:
    spaces = b" " * 500_000  # between the questions
    questions = b'{"questions": ["Do masks help?",' + spaces + b'"How long is it?"]}'
    head = JSON.format("/api/v1/batch", len(questions), "").encode()
    pieces = [questions[at : at + 30_000] for at in range(0, len(questions), 30_000)]
    with connections(server, 1, head) as (client,):
        assert ask(client, pieces, 0.1).startswith(b"HTTP/1.1 200 OK")  # 1.7 seconds


def test_a_broken_head_is_refused_at_once(server: Server) -> None:
    began = time.monotonic()
    assert server.send(b"GET / HTTP/1.1\nHost: x\n\n").startswith(b"HTTP/1.1 400 ")
    assert server.send(b"GET /" + b"a" * 70_000).startswith(b"HTTP/1.1 414 ")
    assert time.monotonic() - began < REQUEST
