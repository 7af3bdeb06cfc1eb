import socket
import time
from collections import deque
from threading import Semaphore, Thread

import pytest

from service.receiving import MOST_WAITED_FOR, Incoming, PunctualUnreader, SlowSenderError

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\ncontent-length:  5 \r\n\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD + b"a\n\r\nb",
        b"GET / HTTP/1.1\n",  # broken: gunicorn refuses it at once
        b"G" * (MOST_WAITED_FOR + 1),
        b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % MOST_WAITED_FOR,
    ],
)
@pytest.mark.parametrize("size", [1, 3, 70_000])
def test_a_thread_is_asked_when_it_need_not_wait_or_has_to_say_something(
    request_: bytes, size: int
) -> None:
    incoming = Incoming()
    parts = [request_[at : at + size] for at in range(0, len(request_), size)]
    assert [incoming.add(part) for part in parts] == [False] * (len(parts) - 1) + [True]
    assert bytes(incoming.data) == request_


@pytest.mark.parametrize("part", [b"", b"G", HEAD[:-1], HEAD, HEAD + b"four"])
def test_the_rest_of_a_request_is_waited_for(part: bytes) -> None:
    assert not Incoming().add(part)


def test_a_request_of_single_bytes_costs_little() -> None:
    incoming = Incoming()
    head = b"POST / HTTP/1.1\r\nx: %s\r\nContent-Length: 30000\r\n\r\n" % (b"y" * 30_000)
    began = time.process_time()
    assert not any(incoming.add(b"%c" % byte) for byte in head + b"z" * 29_999)
    assert time.process_time() - began < 2  # a tenth, measured
    assert incoming.add(b"z")


def test_bytes_now_and_then_do_not_lengthen_the_time() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        unreader = PunctualUnreader(ours, Semaphore(1))
        sender = Thread(target=_trickle, args=(theirs,))
        sender.start()
        began = time.monotonic()
        unreader.until = began + 0.5
        with pytest.raises(SlowSenderError):
            deque(iter(unreader.chunk, b""), 0)
        assert 0.4 < time.monotonic() - began < 5
        sender.join()
        unreader.until = 0.0
        with pytest.raises(SlowSenderError):  # also where there is something to read
            unreader.chunk()
        assert ours.gettimeout() is None


def _trickle(to: socket.socket) -> None:
    for _ in range(10):
        to.send(b"a")
        time.sleep(0.1)


def test_nothing_is_waited_for_without_a_place() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        unreader = PunctualUnreader(ours, Semaphore(0))
        unreader.until = time.monotonic() + 60
        theirs.send(b"here")
        assert unreader.chunk() == b"here"
        with pytest.raises(SlowSenderError):
            unreader.chunk()
