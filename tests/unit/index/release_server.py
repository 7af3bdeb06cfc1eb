"""An HTTP server on localhost that misbehaves as it is told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(slots=True)
class Release:
    """What the server serves, at any path, and how.

    `cut_after`: for each request to come, after how many bytes of the body the connection drops.
    `statuses`: for each request to come, a status to answer with instead; 0 for the file.
    `contents`: for each request to come, other content; with another ETag.
    """

    content: bytes
    cut_after: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    location: str = ""  # of such a status
    retry_after: str = ""  # likewise
    begin_at: int | None = None  # of ranges: another one than was asked for
    etag: bool = True
    modified: bool = True
    ranges: bool = True
    checks_if_range: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    said_length: int | None = None  # a wrong Content-Length
    said_whole: str = ""  # of ranges: another length of the file than it has
    chunked: bool = False
    unsaid: bool = False  # how long the body is: it ends with the connection
    stall: threading.Event | None = None  # wait for it before the body
    requests: list[dict[str, str]] = field(default_factory=list)
    sent: int = 0  # bytes of bodies

    @property
    def url(self) -> str:
        """Return the address of its folder, once it is served."""
        return self.headers["X-Url"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    release: Release

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def do_GET(self) -> None:
        release = self.release
        release.requests.append({"path": self.path, **dict(self.headers.items())})
        self.close_connection = True
        if release.statuses and (status := release.statuses.pop(0)):
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if release.location:
                self.send_header("Location", release.location)
            if release.retry_after:
                self.send_header("Retry-After", release.retry_after)
            self.end_headers()
            return
        if release.contents:
            release.content = release.contents.pop(0)
        self._send(release)

    def _send(self, release: Release) -> None:
        content, etag = release.content, f'"{len(release.content)}-{hash(release.content):x}"'
        modified = f"Tue, 01 Jan 2019 00:00:{len(content) % 60:02} GMT"
        begin = 0
        asked = self.headers.get("Range", "")
        same = self.headers.get("If-Range") in (None, etag, modified, release.headers.get("ETag"))
        if asked and release.ranges and (same or not release.checks_if_range):
            begin = int(asked.removeprefix("bytes=").rstrip("-"))
            begin = begin if release.begin_at is None else release.begin_at
        if begin and begin >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = content[begin:]
        self.send_response(206 if begin else 200)
        if begin:
            whole = release.said_whole or len(content)
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{whole}")
        headers = {"ETag": etag} if release.etag else {}
        headers |= {"Last-Modified": modified} if release.modified else {}
        length = release.said_length if release.said_length is not None else len(body)
        headers |= (
            {"Transfer-Encoding": "chunked"} if release.chunked else {"Content-Length": str(length)}
        )
        headers = {k: v for k, v in headers.items() if k != "Content-Length" or not release.unsaid}
        for name, value in (headers | release.headers).items():
            self.send_header(name, value)
        self.end_headers()
        if release.stall is not None:
            self.wfile.flush()
            release.stall.wait(60)
            return
        if release.cut_after:
            body = body[: release.cut_after.pop(0)]
        if release.chunked:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
            self.wfile.write(b"" if len(body) < len(content) - begin else b"0\r\n\r\n")
        else:
            self.wfile.write(body)
        release.sent += len(body)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients go away in the middle."""


@contextmanager
def serving(release: Release) -> Iterator[Release]:
    """Serve the release until the block ends."""
    handler = type("Handler", (_Handler,), {"release": release})
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        release.headers["X-Url"] = f"http://127.0.0.1:{server.server_port}/releases"
        try:
            yield release
        finally:
            if release.stall is not None:
                release.stall.set()
            server.shutdown()
            thread.join(60)
