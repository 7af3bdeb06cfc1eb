"""gunicorn's threaded worker, which loses no request when it is told to stop."""

import errno
import struct
import time
from collections import deque
from contextlib import suppress
from functools import partial
from select import select
from selectors import EVENT_READ
from socket import SHUT_WR, SO_SNDTIMEO, SOL_SOCKET, socket
from threading import Semaphore
from typing import TYPE_CHECKING, Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from service.background import ANSWERER
from service.patience import arrived
from service.receiving import Incoming, PunctualUnreader

if TYPE_CHECKING:
    from concurrent.futures import Future

FIRST_BYTE = 10.0
"""Seconds that a new connection may be silent; it takes up no thread for so long."""
REQUEST = 30.0
"""Seconds that a request may take to come; it takes up no thread for so long."""
BODY = 120.0
"""Seconds that the rest of a large one may take, on a thread: at 70 kbit/s that is 1 MB."""
UNREAD = 30
"""Seconds that a client may take nothing of its response, before its connection is closed."""
LINGER = 2.0
"""Seconds that a client has to close its end, once all of its response was sent."""
LOADING = 3.0
"""Seconds that a worker which is still loading takes no connection, before it takes some to say so.

They wait for it, or go to another worker.
"""
_RECEIVED = 65_536  # bytes that are thrown away at once, of what a client sends after its request
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_PAUSE = 1.0  # seconds without accepting, where the system has no file or memory for another
_SHORT = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Worker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Differs from `ThreadWorker` in these things.

    A new connection waits in the poller and not on a thread for its first byte, so that silent
    ones don't hold up the others, and so does a request until it is whole, or too large for that:
    then a quarter of the threads may wait for more of such ones. Both have a time to come in
    (`service.receiving`). The application is told when a request came. When it is told to
    stop, it accepts what the kernel holds for it already and closes the listening sockets at once:
    `ThreadWorker` leaves them open until its last request is done, and whoever connects meanwhile
    waits for a reset. A client that does not read its response does not keep a thread for ever,
    and one that does not close its connection holds up nobody: `ThreadWorker` waits for it where it
    listens to all. Where the system gives no file for a new connection, that one waits, and so do
    those that come while the index and the models are being loaded, for a while.
    """

    _closed = False
    _paused_until = 0.0

    def init_process(self) -> None:
        """Begin to serve; gunicorn returns from it when the worker ends."""
        self._receiving: deque[TConn] = deque()  # some of a request is there; the oldest first
        self._lingering: deque[TConn] = deque()  # their responses are sent; the oldest first
        self._places = Semaphore(max(1, self.cfg.threads // 4))
        super().init_process()

    def load_wsgi(self) -> None:
        """Make the application, which begins to load what it answers with."""
        super().load_wsgi()
        self._paused_until = time.monotonic() + LOADING
        self.wsgi.extensions[ANSWERER].add_done_callback(
            lambda _: self.method_queue.defer(self._end_pause)
        )

    def _end_pause(self) -> None:
        """Take connections again; the main loop looks at it after each event."""
        self._paused_until = 0.0

    def accept(self, listener: socket) -> None:
        """Take a new connection, if the system has a file and memory for it."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in _SHORT or not self.alive:
                raise
            self.log.warning("No connection is taken for %g s: %s", _PAUSE, error.strerror)
            self._paused_until = time.monotonic() + _PAUSE
            super().set_accept_enabled(False)

    def enqueue_req(self, conn: TConn) -> None:
        """Wait for a request without a thread, once there is something to read."""
        if conn.initialized or conn.data_ready:
            self._begin(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + FIRST_BYTE
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, EVENT_READ, readable)

    def _begin(self, conn: TConn) -> None:
        """Begin to take in a request."""
        conn.arrived = time.monotonic()
        if self.cfg.is_ssl:  # what comes can be read on a thread only
            super().enqueue_req(conn)
            return
        if not conn.initialized:
            conn.init()
            conn.parser.unreader = PunctualUnreader(conn.sock, self._places)
        conn.sock.setblocking(False)
        conn.incoming = Incoming()
        if conn.incoming.add(conn.parser.unreader.take_buffered()) or self._receive(conn):
            self._hand_over(conn)
            return
        conn.timeout = conn.arrived + REQUEST
        self._receiving.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self._on_more, conn))

    def _receive(self, conn: TConn) -> bool:
        """Take what has come of a request; tell whether a thread can go on with it."""
        try:
            data = conn.sock.recv(_RECEIVED)
        except BlockingIOError:
            return False
        except OSError:  # as a thread will find, too
            return True
        return not data or conn.incoming.add(data)

    def _on_more(self, conn: TConn, _: socket) -> None:
        """Take more of a request."""
        if self._receive(conn):
            self._forget(conn, self._receiving)
            self._hand_over(conn)

    def _hand_over(self, conn: TConn) -> None:
        """Hand a request to a thread."""
        conn.parser.unreader.unread(bytes(conn.incoming.data))
        conn.incoming = None
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:  # noqa: ANN401 - as gunicorn has it
        """Handle a request, on a thread."""
        arrived.set(conn.arrived)
        if conn.initialized:
            conn.parser.unreader.until = time.monotonic() + BODY
        conn.sock.setsockopt(SOL_SOCKET, SO_SNDTIMEO, struct.pack("ll", UNREAD, 0))
        return super().handle(conn)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Go on accepting, or not; when stopping, take what is there and then close."""
        if self.alive:
            super().set_accept_enabled(enabled and time.monotonic() >= self._paused_until)
        elif not self._closed:
            with suppress(OSError):  # no file is left: who waits then is refused
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

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        """Keep the connection of a request that was handled, or let it end."""
        if fs.cancelled() or (fs.exception() is None and not fs.result()):
            self._linger(conn)
        else:
            super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """Close the connections whose clients had their time: to begin, to ask, or to end."""
        super().murder_pending()
        while self._receiving and self._receiving[0].timeout <= time.monotonic():
            conn = self._receiving[0]
            self._forget(conn, self._receiving)
            self.log.debug("No whole request came in %g s.", REQUEST)
            with suppress(OSError):
                conn.sock.send(_TOO_SLOW)
            self._linger(conn)
        while self._lingering and self._lingering[0].timeout <= time.monotonic():
            self._let_go(self._lingering[0])

    def _linger(self, conn: TConn) -> None:
        """End this side of a connection, and close it when the client has ended the other.

        If it were closed with something unread, the client could lose the end of its response.
        """
        try:
            conn.sock.shutdown(SHUT_WR)
            conn.sock.setblocking(False)
            self.poller.register(conn.sock, EVENT_READ, partial(self._on_leftover, conn))
        except (OSError, ValueError):  # the client has reset it, or it is closed already
            self.nr_conns -= 1
            conn.close()
            return
        conn.timeout = time.monotonic() + LINGER
        self._lingering.append(conn)

    def _on_leftover(self, conn: TConn, _: socket) -> None:
        """Throw away what a client sends after its request; at its end let the connection go."""
        try:
            ended = not conn.sock.recv(_RECEIVED)
        except BlockingIOError:
            ended = False
        except OSError:
            ended = True
        if ended:
            self._let_go(conn)

    def _forget(self, conn: TConn, waiting: "deque[TConn]") -> None:
        waiting.remove(conn)
        self.poller.unregister(conn.sock)

    def _let_go(self, conn: TConn) -> None:
        self._forget(conn, self._lingering)
        self.nr_conns -= 1
        conn.close()
