"""The real server as a real process, with an answerer that needs no models."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "gunicorn", "service.wsgi:application"]
FAKE = ["--config", "tests/fake_gunicorn.conf.py"]
LIMIT = 20  # seconds that a start or a stop may take


def environment(**changes: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COVIDQUEST_", "GUNICORN"))}
    return kept | {"COVIDQUEST_HOST": "127.0.0.1"} | changes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def wait_until_ready(port: int) -> None:
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        try:
            if get(port, "/readyz")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    pytest.fail("the server did not become ready")


@contextmanager
def serving(**changes: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    port = free_port()
    server = subprocess.Popen(
        COMMAND + FAKE,
        cwd=ROOT,
        env=environment(PORT=str(port), **changes),
        stderr=subprocess.PIPE,
        text=True,
    )
    with server:
        try:
            wait_until_ready(port)
            yield port, server
        finally:
            if server.poll() is None:
                server.kill()


def run(arguments: list[str], **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        cwd=ROOT,
        env=environment(PORT=str(free_port()), **changes),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def test_the_server_answers_and_stops_when_told() -> None:
    with serving() as (port, server):
        assert json.loads(get(port, "/healthz")[1]) == {"status": "ok"}
        assert json.loads(get(port, "/readyz")[1]) == {"status": "ready"}
        longest = "question=" + "%F0%9F%98%80" * 499 + "a"
        assert get(port, f"/top_k_results?{longest}")[0] == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(LIMIT) == 0


def test_bad_settings_stop_the_start_with_one_line() -> None:
    ended = run(COMMAND, COVIDQUEST_DEVICE="tpu", COVIDQUEST_TREADS="2")
    assert ended.returncode == 1
    assert ended.stderr == (
        "covidquest: cannot start: COVIDQUEST_DEVICE='tpu' is not one of auto, cpu, cuda; "
        "COVIDQUEST_TREADS is not a setting (did you mean COVIDQUEST_THREADS?)\n"
    )


def test_a_bad_index_stops_the_start_with_one_line() -> None:
    ended = run(COMMAND + FAKE, FAKE_FAILURE="preflight", COVIDQUEST_LOG_LEVEL="error")
    assert ended.returncode == 1
    assert ended.stderr == "covidquest: cannot start: var/sample is not an index\n"


def test_a_worker_that_cannot_load_stops_the_server_with_one_line() -> None:
    ended = run(COMMAND + FAKE, FAKE_FAILURE="load_answerer")
    assert ended.returncode == 3
    assert ended.stderr.count("cannot start: var/sample cannot be read\n") == 1
    assert "Traceback" not in ended.stderr


def test_several_workers_that_cannot_load_stop_the_server() -> None:
    ended = run(COMMAND + FAKE, FAKE_FAILURE="load_answerer", COVIDQUEST_WORKERS="3")
    assert ended.returncode != 0
    assert "cannot start: var/sample cannot be read\n" in ended.stderr
