"""The real server under load, with a reader that takes its time: who is served, refused, lost."""

import http.client
import json
import os
import resource
import shutil
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from threading import Event

import pytest

from tests.serving import FAKE_MODELS, LIMIT, Server, children, received, serving, starting, until

NUMBERS = count()


@contextmanager
def loaded(index: Path, seconds: float, **changes: str) -> Iterator[Server]:
    """Start a server whose reader takes so many seconds for a passage."""
    settings = {"COVIDQUEST_INDEX": str(index), "FAKE_SECONDS": str(seconds)}
    workers = int(changes.get("COVIDQUEST_WORKERS", "1"))
    with serving(*FAKE_MODELS, limit=LIMIT, **settings, **changes) as server:
        until(lambda: server.logged().count("serving index version") == workers)
        yield server


def body() -> dict[str, object]:
    """Return a question that was not asked before, and needs 10 passages read."""
    return {"question": f"Do masks help in ward {next(NUMBERS)}?", "weight": 0, "top_k": 1}


def raw(server: Server) -> bytes:
    data = json.dumps(body()).encode()
    return (
        f"POST /api/v1/answers HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    ).encode() + data


def test_the_surplus_is_refused_and_the_rest_answered(fake_index: Path) -> None:
    settings = {"COVIDQUEST_QUEUE": "3", "COVIDQUEST_WEB_THREADS": "8"}
    with loaded(fake_index, 0.004, **settings) as server, ThreadPoolExecutor(12) as clients:
        replies = list(clients.map(lambda _: server.post_json(body()), range(150)))
        statuses = Counter(reply.status for reply in replies)
        assert set(statuses) == {200, 503}
        assert statuses[200] >= 3
        for reply in replies:
            if reply.status == 503:
                assert reply.kind == "application/problem+json"
                assert int(reply.headers["Retry-After"]) > 0
                assert "Try again soon" in reply.json()["detail"]
        assert server.metric('covidquest_rejections_total{reason="queue full"}') == statuses[503]
        assert server.post_json(body()).status == 200  # and back to normal
        assert server.metric("covidquest_requests_inside") == 0
        assert server.stop() == 0
        assert "Traceback" not in server.logged()


def test_who_asks_the_same_at_once_leaves_room_for_others(fake_index: Path) -> None:
    settings = {"COVIDQUEST_QUEUE": "3", "COVIDQUEST_WEB_THREADS": "8"}
    settings["COVIDQUEST_READ_AHEAD"] = "off"
    with loaded(fake_index, 0.1, **settings) as server, ThreadPoolExecutor(5) as clients:
        same = body()
        first = clients.submit(server.post_json, same)
        until(lambda: server.metric('covidquest_batch_size_count{kind="passages"}') >= 1)
        others = [clients.submit(server.post_json, one) for one in (same, same, body(), body())]
        replies = [one.result() for one in (first, *others)]
        assert [reply.status for reply in replies] == [200] * 5
        assert len({reply.json()["answers"][0]["answer"] for reply in replies[:3]}) == 1
        assert server.metric('covidquest_batch_size_sum{kind="passages"}') == 30
        assert server.stop() == 0
        assert "Traceback" not in server.logged()


def test_what_would_be_late_is_refused_and_told_from_a_full_queue(fake_index: Path) -> None:
    with (
        loaded(fake_index, 0.05, COVIDQUEST_DEADLINE="4") as server,
        ThreadPoolExecutor(10) as clients,
    ):
        assert server.post_json(body()).status == 200  # takes half a second
        replies = list(clients.map(lambda _: server.post_json(body()), range(10)))
        late = [reply for reply in replies if reply.status == 503]
        assert all(int(reply.headers["Retry-After"]) > 0 for reply in late)
        assert server.metric('covidquest_rejections_total{reason="too slow"}') > 0
        assert server.metric('covidquest_rejections_total{reason="queue full"}') == 0
        assert server.stop() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_accepted_request_is_lost_when_the_server_is_stopped(
    fake_index: Path, workers: str
) -> None:
    settings = {"COVIDQUEST_QUEUE": "30", "COVIDQUEST_WEB_THREADS": "40"}
    outcomes: Counter[str] = Counter()
    stopping = Event()

    def client(server: Server) -> None:
        """Ask until nobody listens any more."""
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)
            try:
                connection.connect()
            except ConnectionRefusedError:
                return
            try:
                headers = {"Content-Type": "application/json"}
                connection.request("POST", "/api/v1/answers", json.dumps(body()), headers)
                status = str(connection.getresponse().status)
            except (OSError, http.client.HTTPException) as error:
                status = repr(error)
            finally:
                connection.close()
            outcomes[f"{status} when stopping" if stopping.is_set() else status] += 1

    with loaded(fake_index, 0.002, COVIDQUEST_WORKERS=workers, **settings) as server:
        with ThreadPoolExecutor(16) as clients:
            running = [clients.submit(client, server) for _ in range(16)]
            until(lambda: outcomes["200"] >= 30)
            stopping.set()
            assert server.stop() == 0
            for one in running:
                one.result(LIMIT)
        assert set(outcomes) == {"200", "200 when stopping"}
        assert outcomes["200 when stopping"] >= 5
        assert "Traceback" not in server.logged()


def test_a_stopped_server_answers_what_it_has_and_accepts_nothing_new(fake_index: Path) -> None:
    with loaded(fake_index, 0.05) as server, socket.socket() as asking, socket.socket() as silent:
        asking.settimeout(LIMIT)
        silent.connect(("127.0.0.1", server.port))
        asking.connect(("127.0.0.1", server.port))
        asking.sendall(raw(server))
        until(lambda: server.metric("covidquest_requests_inside") == 1)
        server.process.terminate()

        def refuses() -> bool:
            with socket.socket() as another:
                return another.connect_ex(("127.0.0.1", server.port)) != 0

        until(refuses)
        assert server.process.poll() is None
        assert asking.recv(100).startswith(b"HTTP/1.1 200 OK")
        assert server.process.wait(LIMIT) == 0


def test_a_question_that_takes_too_long_is_refused(fake_index: Path) -> None:
    with loaded(fake_index, 0.1, COVIDQUEST_DEADLINE="0.3") as server:
        reply = server.post_json(body())
        assert reply.status == 503
        assert int(reply.headers["Retry-After"]) > 0
        assert "took too long" in reply.json()["detail"]
        page = server.get("/top_k_results?question=Do+masks+help%3F")
        assert page.status == 503
        assert page.kind == "text/html"
        assert "took too long" in page.text
        assert server.metric('covidquest_rejections_total{reason="deadline"}') == 2
        assert server.stop() == 0
        assert "Traceback" not in server.logged()


def test_nothing_is_read_for_a_client_that_is_gone(fake_index: Path) -> None:
    with loaded(fake_index, 0.05) as server, ThreadPoolExecutor(1) as clients:
        waiting = clients.submit(server.post_json, body())
        until(lambda: server.metric('covidquest_batch_size_count{kind="passages"}') == 1)
        with socket.socket() as asking:
            asking.connect(("127.0.0.1", server.port))
            asking.sendall(raw(server))
            until(lambda: server.metric("covidquest_requests_inside") == 2)
        assert waiting.result().status == 200
        until(lambda: server.metric('covidquest_rejections_total{reason="client gone"}') == 1)
        assert server.metric('covidquest_batch_size_sum{kind="passages"}') == 10
        assert server.stop() == 0
        assert "Traceback" not in server.logged()


def test_silent_connections_hold_up_nobody(fake_index: Path) -> None:
    settings = {"COVIDQUEST_QUEUE": "1", "COVIDQUEST_WEB_THREADS": "2"}
    with loaded(fake_index, 0, **settings) as server:
        silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
        assert server.post_json(body()).status == 200
        silent[7].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")  # and late ones are served
        assert silent[7].recv(100).startswith(b"HTTP/1.1 200 OK")
        for one in silent:
            one.close()
        assert server.stop() == 0


def test_clients_that_leave_their_connections_open_hold_up_nobody(fake_index: Path) -> None:
    with loaded(fake_index, 0) as server, ExitStack() as opened:
        for _ in range(16):  # one after the other, these would be waited for for half a minute
            client = opened.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            client.settimeout(LIMIT)
            assert received(client).startswith(b"HTTP/1.1 200 OK")
        began = time.monotonic()
        assert server.get("/healthz").status == 200
        assert time.monotonic() - began < 10
        assert server.stop() == 0
        assert "Traceback" not in server.logged()


def test_a_connection_is_served_while_another_one_ends(fake_index: Path) -> None:
    with loaded(fake_index, 0) as server, ExitStack() as opened:
        kept, asking = (
            opened.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            for _ in range(2)
        )
        request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        for client in (kept, asking):
            client.settimeout(LIMIT)
            client.sendall(request)
            assert client.recv(65_536).startswith(b"HTTP/1.1 200 OK")
        server.process.terminate()
        until(lambda: "Handling signal: term" in server.logged())
        kept.sendall(request)
        assert b"Connection: close" in received(kept)  # and its own end stays open
        asking.sendall(request)
        assert b"Connection: close" in received(asking)
        assert server.process.wait(LIMIT) == 0


def test_where_no_file_is_left_a_connection_waits(fake_index: Path) -> None:
    with loaded(fake_index, 0) as server, ExitStack() as opened:
        (worker,) = children(server.process.pid)
        used = len(list(Path(f"/proc/{worker}/fd").iterdir()))
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (used + 4, used + 400))
        silent = [
            opened.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            for _ in range(10)
        ]
        until(lambda: "No connection is taken" in server.logged())
        for client in silent:
            client.close()
        assert server.get("/healthz").status == 200
        assert children(server.process.pid) == [worker]
        assert server.stop() == 0
        assert "Traceback" not in server.logged()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_worker_that_ends_while_the_index_is_broken_takes_no_other_with_it(
    fake_index: Path, tmp_path: Path, workers: str
) -> None:
    folder = Path(shutil.copytree(fake_index, tmp_path / "index"))
    current = folder / "CURRENT"
    version = current.read_text(encoding="utf-8")
    with loaded(folder, 0, COVIDQUEST_WORKERS=workers, COVIDQUEST_INDEX_POLL="0") as server:
        current.write_text("20991231T000000.000000-00000000", encoding="utf-8")
        first, *others = children(server.process.pid)
        os.kill(first, signal.SIGKILL)
        said = "cannot start a worker, and will try again: "
        until(lambda: server.logged().count(said) >= 2)
        if others:
            until(lambda: server.post_json(body()).status == 200)
        current.write_text(version, encoding="utf-8")
        until(lambda: server.logged().count("serving index version") == int(workers) + 1)
        until(lambda: server.post_json(body()).status == 200)
        assert set(others) < set(children(server.process.pid))
        assert server.stop() == 0
        assert "Traceback" not in server.logged()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nobody_is_refused_while_a_worker_is_loading(fake_index: Path, workers: str) -> None:
    settings = {"COVIDQUEST_INDEX": str(fake_index), "COVIDQUEST_WORKERS": workers}
    slow = {"FAKE_LOADING": "1", "FAKE_UNTOLD": str(LIMIT)}
    with starting(*FAKE_MODELS, **settings, **slow) as server:

        def ask_until(loaded_workers: int) -> None:
            while server.logged().count("serving index version") < loaded_workers:
                assert server.post_json(body()).status == 200

        at_once = int(workers)
        until(lambda: server.logged().count("Booting worker") == at_once)
        ask_until(at_once)
        os.kill(children(server.process.pid)[0], signal.SIGKILL)
        until(lambda: server.logged().count("Booting worker") == at_once + 1)
        ask_until(at_once + 1)
        server.process.send_signal(signal.SIGHUP)
        ask_until(2 * at_once + 1)
        assert server.stop() == 0


def test_a_server_that_is_long_in_loading_says_so(fake_index: Path) -> None:
    settings = {"COVIDQUEST_INDEX": str(fake_index), "FAKE_LOADING": "3", "FAKE_UNTOLD": "0"}
    with starting(*FAKE_MODELS, **settings) as server:
        server.wait_for("/healthz", LIMIT)
        probe, reply = server.get("/readyz"), server.post_json(body())
        assert (probe.status, reply.status, server.get("/").status) == (503, 503, 200)
        assert "being loaded" in probe.json()["reason"]
        assert int(reply.headers["Retry-After"]) > 0
        server.wait_for("/readyz", LIMIT)
        assert server.stop() == 0


def test_figures_are_those_of_all_workers(sample_index: Path) -> None:
    # with the real models: stand-ins import the library of the figures before it is told of files
    with serving(COVIDQUEST_INDEX=str(sample_index), COVIDQUEST_WORKERS="2") as server:
        for _ in range(20):
            assert server.post_json(body()).status == 200
        for _ in range(5):  # whichever worker answers
            assert server.metric('covidquest_stage_seconds_count{stage="total"}') == 20
        version = (sample_index / "CURRENT").read_text(encoding="utf-8").strip()
        assert server.metric(f'covidquest_index_info{{version="{version}"}}') == 1
        assert server.stop() == 0


def test_every_line_of_the_log_is_json_with_the_id_of_its_request(fake_index: Path) -> None:
    with loaded(fake_index, 0, COVIDQUEST_LOG_FORMAT="json") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)
        address = "/top_k_results?question=Do+secret+masks+help%3F"
        connection.request(
            "GET", address, headers={"X-Request-ID": "mine-1", "Referer": server.url + address}
        )
        response = connection.getresponse()
        assert (response.status, response.headers["X-Request-ID"]) == (200, "mine-1")
        connection.close()
        server.send(b"GET /?question=secret HTTP/9.9\r\n\r\n")
        server.send(b"GET /?question=my secret HTTP/1.1\r\n\r\n")
        assert server.stop() == 0
        logged = server.logged()
    lines = [json.loads(line) for line in logged.splitlines()]
    mine = [line for line in lines if line["request_id"] == "mine-1"]
    assert [line["logger"] for line in mine] == ["service.metrics", "gunicorn.access"]
    assert mine[1]["path"] == "/top_k_results"
    assert mine[1]["status"] == 200
    assert any("Invalid request" in line.get("message", "") for line in lines)
    assert "secret" not in logged
