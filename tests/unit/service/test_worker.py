import socket
import time

import pytest
from gunicorn.workers.gthread import ThreadWorker

from service.worker import Worker


class Connection:
    """What gunicorn hands to a thread, as far as `Worker.handle` looks at it."""

    arrived = 0.0
    initialized = False

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock


def test_a_response_that_nobody_reads_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.worker.UNREAD", 1)
    monkeypatch.setattr(
        ThreadWorker, "handle", lambda _, conn: conn.sock.sendall(bytes(64 * 1024 * 1024))
    )
    worker = Worker.__new__(Worker)
    ours, theirs = socket.socketpair()
    began = time.monotonic()
    with ours, theirs, pytest.raises(BlockingIOError):  # gunicorn closes the connection then
        worker.handle(Connection(ours))
    assert 0.5 < time.monotonic() - began < 30
