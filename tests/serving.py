"""Runs the project's commands as processes of their own, and talks HTTP with the server."""

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any

import pytest

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "gunicorn", "service.wsgi:application"]
FAKE = ["--config", "tests/fake_gunicorn.conf.py"]  # an answerer that needs no models
FAKE_MODELS = ["--config", "tests/fake_models_gunicorn.conf.py"]
LIMIT = 60  # seconds that a stop or a refused start may take; a few on an idle machine
MODELS_LIMIT = 240  # seconds that what needs the models may take; about ten on an idle machine

_PORTS = count(20_000 + secrets.randbelow(8_000))


def environment(**changes: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COVIDQUEST_", "GUNICORN"))}
    patient = {"COVIDQUEST_DEADLINE": str(MODELS_LIMIT)}  # the machine may have other work
    return kept | {"COVIDQUEST_HOST": "127.0.0.1"} | patient | changes


def free_port() -> int:
    """Return a TCP port that nobody listens on, below those that the system gives to clients."""
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError


def until(holds: Callable[[], object], limit: float = LIMIT) -> None:
    end = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def received(client: socket.socket) -> bytes:
    """Return all that a server sends before it ends its side."""
    return b"".join(iter(lambda: client.recv(65_536), b""))


def run(
    arguments: list[str], *, limit: float = LIMIT, **changes: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        cwd=ROOT,
        env=environment(**({"PORT": str(free_port())} | changes)),
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )


def children(process: int) -> list[int]:
    """Return the processes that a process has started and that still run."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8")
    return [int(child) for child in found.split()]


@dataclass(frozen=True)
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def kind(self) -> str:
        return self.headers.get_content_type()

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A gunicorn process that listens, or will."""

    port: int
    process: subprocess.Popen[bytes]
    log: IO[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        content_type: str | None = None,
    ) -> Reply:
        """Send a request; a body that is not bytes goes in chunks, its length unannounced."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=MODELS_LIMIT)
        headers = {"Content-Type": content_type} if content_type else {}
        chunked = body is not None and not isinstance(body, bytes)
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        try:
            connection.request(method, path, body=body, headers=headers, encode_chunked=chunked)
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str) -> Reply:
        return self.request("GET", path)

    def metric(self, line: str) -> float:
        """Return the figure of a line of /metrics, 0 where it is not there."""
        for found in self.get("/metrics").text.splitlines():
            if found.startswith(f"{line} "):
                return float(found.split()[-1])
        return 0.0

    def post_json(self, body: object, path: str = "/api/v1/answers") -> Reply:
        return self.request("POST", path, json.dumps(body).encode(), "application/json")

    def send(self, data: bytes, *, wait: bool = True) -> bytes:
        """Send raw bytes; return the first of what comes back, if it is waited for."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT) as connection:
            connection.sendall(data)
            return connection.recv(65_536) if wait else b""

    def wait_for(self, path: str, limit: float) -> None:
        """Wait until a path answers 200."""
        end = time.monotonic() + limit
        while time.monotonic() < end and self.process.poll() is None:
            with suppress(OSError):  # it does not listen yet
                if self.get(path).status == 200:
                    return
            time.sleep(0.05)
        ended = self.process.poll()
        what = f"within {limit} s" if ended is None else f"before the server ended with {ended}"
        pytest.fail(f"{path} did not answer 200 {what}:\n{self.logged()}")

    def stop(self) -> int:
        """Ask the server to stop; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT)

    def logged(self) -> str:
        self.log.flush()
        return Path(self.log.name).read_text(encoding="utf-8")


@contextmanager
def starting(*arguments: str, **changes: str) -> Iterator[Server]:
    """Start a server and kill it in the end if it is still there."""
    port = free_port()
    with (
        tempfile.NamedTemporaryFile(suffix=".log") as log,
        subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=ROOT,
            env=environment(PORT=str(port), **changes),
            stderr=log,
        ) as process,
    ):
        server = Server(port, process, log)
        try:
            yield server
        finally:
            if process.poll() is None:
                process.kill()


@contextmanager
def serving(*arguments: str, limit: float = MODELS_LIMIT, **changes: str) -> Iterator[Server]:
    """Start a server and wait until it is ready."""
    with starting(*arguments, **changes) as server:
        server.wait_for("/readyz", limit)
        yield server
