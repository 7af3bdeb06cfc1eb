"""The real server as a real process, with an answerer that needs no models."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.serving import COMMAND, FAKE, LIMIT, Server, received, run, serving, until


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(*FAKE, limit=LIMIT, COVIDQUEST_LOG_FORMAT="json") as running:
        yield running
        assert running.stop() == 0
        assert "Traceback" not in running.logged()


def test_the_server_answers(server: Server) -> None:
    assert server.get("/healthz").json() == {"status": "ok"}
    assert server.get("/readyz").json() == {"status": "ready"}
    longest = "question=" + "%F0%9F%98%80" * 499 + "a"
    assert server.get(f"/top_k_results?{longest}").status == 200


def test_a_client_cannot_say_where_the_service_is_mounted(server: Server) -> None:
    def asked(path: str, header: str) -> bytes:
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port), LIMIT) as client:
            client.sendall(head.encode())
            return received(client)

    assert asked("/x/metrics", "SCRIPT_NAME: /x").startswith(b"HTTP/1.1 404 ")
    assert asked("/batch", "SCRIPT_NAME: /other").startswith(b"HTTP/1.1 200 ")
    assert b"//evil" not in asked("//evil/batch", "SCRIPT_NAME: //evil").partition(b"\r\n\r\n")[2]
    assert b"covidquest_" not in asked("/healthz", "PATH_INFO: /metrics")
    export = "/export.bib?question=masks"
    assert b"https://x/" in asked(export, "X-Forwarded-Proto: https")
    assert b"http://x/" in asked(export, "X-Forwarded-Proto: http")


def test_a_request_of_which_a_part_is_missing_is_refused(server: Server) -> None:
    body = b'{"question": "Why?"}'  # whole as it is, but shorter than announced
    head = "POST /api/v1/answers HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    for length, status in ((len(body), b"200"), (500, b"400")):
        with socket.create_connection(("127.0.0.1", server.port), LIMIT) as client:
            client.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode() + body)
            client.shutdown(socket.SHUT_WR)
            assert received(client).startswith(b"HTTP/1.1 " + status)


def test_clients_that_read_nothing_of_a_file_hold_up_nobody() -> None:
    settings = {"COVIDQUEST_WEB_THREADS": "2", "COVIDQUEST_QUEUE": "1", "FAKE_UNREAD": "1"}
    with serving(*FAKE, limit=LIMIT, **settings) as server, ExitStack() as opened:
        for _ in range(2):
            client = opened.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.connect(("127.0.0.1", server.port))
            client.sendall(b"GET /static/page.css HTTP/1.1\r\nHost: x\r\n\r\n" * 900)
        seen = [-1, 0]
        while seen[-1] != seen[-2]:  # until both threads wait for them
            time.sleep(0.5)
            seen.append(server.logged().count("page.css"))
        assert server.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 200")
        assert server.stop() == 0


def test_the_bytes_of_a_file_are_logged(server: Server) -> None:
    size = len(server.get("/static/page.css").body)
    until(lambda: "/static/page.css" in server.logged())
    lines = [json.loads(line) for line in server.logged().splitlines()]
    (access,) = [line for line in lines if line.get("path") == "/static/page.css"]
    assert access["bytes"] == size > 0


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


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--workers 2", "set COVIDQUEST_WORKERS instead of gunicorn's --workers"),
        ("--threads 1", "set COVIDQUEST_WEB_THREADS instead of gunicorn's --threads"),
        ("-k sync", "--worker-class is not supported"),
        ("-k gthread", "--worker-class is not supported"),
        ("--preload", "--preload is not supported"),
        ("--daemon", "--daemon is not supported"),
        ("-D", "--daemon is not supported"),
    ],
)
def test_options_that_do_harm_stop_the_start_with_one_line(option: str, said: str) -> None:
    ended = run(COMMAND + FAKE, GUNICORN_CMD_ARGS=option, COVIDQUEST_LOG_LEVEL="error")
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"covidquest: cannot start: {said}")


def test_a_platforms_number_of_workers_changes_nothing() -> None:
    with serving(*FAKE, limit=LIMIT, WEB_CONCURRENCY="3") as server:
        assert server.stop() == 0
        assert server.logged().count("Booting worker") == 1


def test_a_worker_that_cannot_load_stops_the_server_with_one_line() -> None:
    ended = run(COMMAND + FAKE, FAKE_FAILURE="load_following")
    assert ended.returncode == 3
    assert ended.stderr.count("cannot start: var/sample cannot be read\n") == 1
    assert "Traceback" not in ended.stderr


def test_several_workers_that_cannot_load_stop_the_server() -> None:
    ended = run(COMMAND + FAKE, FAKE_FAILURE="load_following", COVIDQUEST_WORKERS="3")
    assert ended.returncode != 0
    assert "cannot start: var/sample cannot be read\n" in ended.stderr
