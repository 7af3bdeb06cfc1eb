"""Taking in requests from slow clients, so that they hold up nobody else."""

import re
import time
from contextlib import suppress
from threading import Semaphore

from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import SocketUnreader

MOST_WAITED_FOR = 64 * 1024
"""Bytes of a request that are waited for before a thread is given to it."""

_END = b"\r\n\r\n"  # of a head
_LONE_LF = re.compile(rb"(?<!\r)\n")
_LENGTH = re.compile(rb"\r\nContent-Length:[ \t]*(\d{1,9})[ \t]*\r\n", re.IGNORECASE)
_NEEDS_THREAD = re.compile(rb"\r\n(?:Expect|Transfer-Encoding):", re.IGNORECASE)


class SlowSenderError(NoMoreData, TimeoutError):  # type: ignore[misc] # gunicorn has no types
    """A client has not sent its request in time. gunicorn ends its connection without a word."""


class Incoming:
    """What has come of a request to which no thread was given yet.

    Only where a request ends is looked for, to know how long to wait; gunicorn understands it.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.data = bytearray()
        self._size = 0  # of the whole request, 0 before that is known

    def add(self, data: bytes) -> bool:
        """Take what has come; tell whether a thread has all that it needs, or has to be asked.

        It has where the request is whole. It is asked where the head is broken, so that no more
        is to be waited for, where the client waits for a word before it sends the body, where the
        body's length is not announced, and where all is more than `MOST_WAITED_FOR`.
        """
        seen = len(self.data)
        self.data += data
        if not self._size:
            end = self.data.find(_END, max(seen - len(_END) + 1, 0))
            if end < 0:
                broken = _LONE_LF.search(self.data, seen)
                return bool(broken) or len(self.data) > MOST_WAITED_FOR
            body = end + len(_END)
            if _NEEDS_THREAD.search(self.data, 0, body):
                return True
            announced = _LENGTH.search(self.data, 0, body)
            self._size = body + (int(announced[1]) if announced else 0)
        return len(self.data) >= self._size or self._size > MOST_WAITED_FOR


class PunctualUnreader(SocketUnreader):  # type: ignore[misc] # gunicorn has no types
    """Reads from a socket until a point in time, and waits only while it has one of some places."""

    def __init__(self, sock: object, places: Semaphore) -> None:
        """Read from `sock`; `until` has to be set before."""
        super().__init__(sock)
        self._places = places
        self.until = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return what has come, b"" at the end. Raises SlowSenderError where nothing does in time.

        It does so at once where something would have to be waited for and no place is free.
        """
        left = self.until - time.monotonic()
        most = self.sock.gettimeout()  # while gunicorn throws away what nobody has read
        if left <= 0:
            raise SlowSenderError
        try:
            self.sock.setblocking(False)
            with suppress(BlockingIOError):
                return bytes(super().chunk(size_hint))
            if not self._places.acquire(blocking=False):
                raise SlowSenderError
            try:
                self.sock.settimeout(left if most is None else min(left, most))
                return bytes(super().chunk(size_hint))
            except TimeoutError:
                raise SlowSenderError from None
            finally:
                self._places.release()
        finally:
            self.sock.settimeout(most)
