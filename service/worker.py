"""gunicorn's threaded worker, which loses no request when it is told to stop."""

import struct
import time
from functools import partial
from select import select
from selectors import EVENT_READ
from socket import SO_SNDTIMEO, SOL_SOCKET
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from service.hooks import arrived

FIRST_BYTE = 10.0
"""Seconds that a new connection may be silent; it takes up no thread for so long."""
UNREAD = 30
"""Seconds that a client may take nothing of its response, before its connection is closed."""


class Worker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Differs from `ThreadWorker` in four things.

    A new connection waits in the poller and not on a thread for its first byte, so that silent
    ones don't hold up the others. The application is told when a request came. When it is told to
    stop, it accepts what the kernel holds for it already and closes the listening sockets at once:
    `ThreadWorker` leaves them open until its last request is done, and whoever connects meanwhile
    waits for a reset. A client that does not read its response does not keep a thread for ever.
    """

    _closed = False

    def enqueue_req(self, conn: TConn) -> None:
        """Hand a connection to a thread, once there is something to read."""
        if conn.initialized or conn.data_ready:
            conn.arrived = time.monotonic()
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + FIRST_BYTE
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, EVENT_READ, readable)

    def handle(self, conn: TConn) -> Any:  # noqa: ANN401 - as gunicorn has it
        """Handle a request, on a thread."""
        arrived.set(conn.arrived)
        conn.sock.setsockopt(SOL_SOCKET, SO_SNDTIMEO, struct.pack("ll", UNREAD, 0))
        return super().handle(conn)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Go on accepting, or not; when stopping, take what is there and then close."""
        if self.alive:
            super().set_accept_enabled(enabled)
        elif not self._closed:
            while waiting := select(self.sockets, [], [], 0)[0]:
                for listener in waiting:
                    self.accept(listener)
            super().set_accept_enabled(False)
            for listener in self.sockets:
                listener.close()
            self._closed = True

    def _cap_keepalive(self, deadline: float) -> None:
        """Let connections on which no request has begun end by `deadline`."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)
