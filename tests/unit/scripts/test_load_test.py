"""Clients and load tests, against the real server with an answerer that needs no models."""

import math
import socket
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts import load_test
from scripts.benchmark_clients import (
    BUSY,
    REFUSED,
    UNANSWERED,
    Client,
    Exchange,
    Load,
    Questions,
    at_rate,
    closed_loop,
    is_loopback,
    percentile,
    so_many,
)
from scripts.benchmark_processes import MeasuringError, Memory
from scripts.load_test import Lone, main, recovery, thinned
from tests.serving import FAKE, LIMIT, Server, free_port, serving


@pytest.fixture(scope="module")
def fake_server() -> Iterator[Server]:
    with serving(*FAKE, limit=LIMIT) as server:
        yield server


def test_a_steady_load(fake_server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    url = fake_server.url
    pid = ["--pid", str(fake_server.process.pid)]
    assert main(["steady", "--url", url, "--clients", "3", "--seconds", "1", *pid]) == 0
    out = capsys.readouterr().out
    assert "answers a second, p50" in out
    assert "; 200: " in out
    assert "MB resident" in out
    assert out.endswith("well borne\n")


def test_a_stop_under_load(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(*FAKE, limit=LIMIT) as server:
        pid = ["--pid", str(server.process.pid)]
        url = server.url
        status = main(["stop", "--url", url, "--clients", "2", "--seconds", "1", *pid])
        assert server.process.wait(LIMIT) == 0
    out = capsys.readouterr().out
    assert "refused: 2" in out
    assert " 0 accepted and lost" in out
    assert status == 0


def without_the_network(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a resolver that knows addresses and no name."""

    def resolve(host: str, *more: Any, **others: Any) -> Any:
        if "invalid" in host:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return original(host, *more, **others)

    return resolve


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--url", "http://192.0.2.1:80"], "is not plain HTTP on this machine"),
        (["--url", "https://127.0.0.1"], "is not plain HTTP on this machine"),
        (["--url", "http://nowhere.invalid"], "is not plain HTTP on this machine"),
        (["--url", "http://127.0.0.1:{port}"], "does not answer questions"),
        (["--questions", "none.json"], "none.json cannot be read"),
        (["--questions", "empty.json"], "empty.json has no question"),
    ],
)
def test_what_cannot_be_loaded_is_said(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket, "getaddrinfo", without_the_network(socket.getaddrinfo))
    Path("empty.json").write_text('{"data": []}')
    port = free_port()
    assert main(["steady", *(one.format(port=port) for one in arguments)]) == 1
    assert message in capsys.readouterr().err


def test_stop_needs_a_process(fake_server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stop", "--url", fake_server.url]) == 1
    assert "needs --pid" in capsys.readouterr().err


def test_a_process_that_is_gone_cannot_be_stopped(
    fake_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    url = fake_server.url
    assert main(["stop", "--url", url, "--seconds", "30", "--pid", str(gone.pid)]) == 1
    assert capsys.readouterr().err == "load_test: [Errno 3] No such process\n"


def test_a_stop_that_is_interrupted_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Load:
        raise KeyboardInterrupt

    monkeypatch.setattr(load_test, "closed_loop", interrupted)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        options = Namespace(pid=process.pid, seconds=1, clients=1)
        with pytest.raises(KeyboardInterrupt):
            load_test.stop(Timed([]), options)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.6)  # more than the two fifths of the time after which it would be told
        process.communicate(b"\n")
        assert process.returncode == 0


def test_a_process_that_ends_before_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:

        def loaded(*_: object) -> Load:
            process.communicate(b"\n")
            time.sleep(0.6)
            return Load(1, ())

        monkeypatch.setattr(load_test, "closed_loop", loaded)
        with pytest.raises(MeasuringError, match="ended before it was told to stop"):
            load_test.stop(Timed([]), Namespace(pid=process.pid, seconds=1, clients=1))


class Busy(BaseHTTPRequestHandler):
    """Turns every other request away, and hangs up on those about a cough."""

    seen = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if b"cough" in body:
            self.close_connection = True
            return
        type(self).seen += 1
        self.send_response(503 if self.seen % 2 else 200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as its base has it
        pass


@pytest.fixture
def busy() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_outcomes_are_told_apart(busy: str) -> None:
    load = so_many(Client(busy, Questions(["Why?"])), 1, 4)
    assert load.outcomes == {"200": 2, BUSY: 2}
    assert load.rate == pytest.approx(2 / load.seconds)
    assert so_many(Client(busy, Questions(["A cough?"])), 1, 2).outcomes == {UNANSWERED: 2}
    nobody = Client(f"http://127.0.0.1:{free_port()}", Questions(["Why?"]))
    assert closed_loop(nobody, 2, 60).outcomes == {REFUSED: 2}  # each leaves at once


def test_requests_arrive_at_their_rate(busy: str) -> None:
    began = time.monotonic()
    load = at_rate(Client(busy, Questions(["Why?"])), rate=20, seconds=0.5, most=3)
    assert len(load.exchanges) == 10
    for number, exchange in enumerate(load.exchanges):
        assert exchange.began - began >= number / 20 - 0.001


@pytest.mark.parametrize(
    "load", [lambda c: closed_loop(c, 3, 60), lambda c: at_rate(c, rate=1, seconds=60, most=3)]
)
def test_all_clients_stop_where_one_fails(busy: str, load: Callable[[Client], Load]) -> None:
    client = Failing(busy, Questions(["Why?"]))
    began = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        load(client)
    assert time.monotonic() - began < 30


class Failing(Client):
    """Cannot ask."""

    def ask(self, **more: object) -> Exchange:
        raise ZeroDivisionError


def test_times_of_answers_and_of_others() -> None:
    load = Load(
        2.0, tuple(Exchange(0, n / 1000, "200" if n < 101 else "503") for n in range(1, 103))
    )
    assert load.rate == 50
    assert (load.milliseconds(0.5), load.milliseconds(0.99)) == (50, 99)
    assert load.milliseconds(0.5, answered=False) == 101
    assert percentile([4, 1, 3, 2], 0.5) == 2
    assert percentile([], 0.5) != percentile([], 0.5)  # NaN


def test_no_question_comes_twice() -> None:
    supply = Questions(["a", "b", "a"])
    assert [supply.next() for _ in range(5)] == [
        "a",
        "b",
        "a (study 2)",
        "b (study 2)",
        "a (study 3)",
    ]


def test_only_this_machine_is_loaded() -> None:
    assert is_loopback("http://127.0.0.1:8000")
    assert is_loopback("http://[::1]:8000")
    assert not is_loopback("ftp://127.0.0.1")
    assert not is_loopback("http://")
    assert not is_loopback("http://127.0.0.1:99999")
    assert not is_loopback("http://[::1")


def test_recovery_waits_for_three_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_test, "_RECOVERY_LIMIT", 10)
    normal = iter([False, True, True, False, True, True, True])
    clock = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    assert recovery(lambda: next(normal)) == 10  # two looks at the clock a question
    assert next(normal, None) is None
    assert recovery(lambda: False) == math.inf


class Timed(Client):
    """Takes so long for each question, in turn, and notes which it was."""

    def __init__(self, exchanges: list[Exchange]) -> None:
        self.left = exchanges
        self.asked: list[object] = []

    def ask(self, **more: object) -> Exchange:
        self.asked.append(more["question"])
        return self.left.pop(0)


def test_a_lone_question_is_compared_with_itself() -> None:
    times = [1.0, 9.0, 1.4, 13.0, 1.6, 14.0]
    client = Timed([Exchange(0, took, "200") for took in times] + [Exchange(0, 0.1, BUSY)])
    lone = Lone(client, ["Short?", "Long?"])
    assert lone.median == 5
    assert [lone.is_normal() for _ in range(5)] == [True, True, False, False, False]
    assert client.asked[:4] == [
        "Short? (study 0)",
        "Long? (study 0)",
        "Short? (study 00)",
        "Long? (study 00)",
    ]
    assert len(set(client.asked)) == len(client.asked)
    with pytest.raises(MeasuringError, match="a lone question was not answered: 503"):
        Lone(Timed([Exchange(0, 1, BUSY)]), ["Short?"])


def test_overload_is_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def well(*exchanges: Exchange) -> bool:
        client = Timed([Exchange(0, 1.0, "200")] * 10)
        monkeypatch.setattr(load_test, "closed_loop", lambda *_: Load(1, client.left[:2]))
        monkeypatch.setattr(load_test, "at_rate", lambda *_: Load(9, exchanges))
        return load_test.overload(client, Namespace(texts=["Why?"], clients=2, seconds=1))

    answered, refused = Exchange(5, 2.0, "200"), Exchange(6, 0.005, BUSY)
    assert well(answered, refused)
    assert "the last of them was answered 1.0 s after it came" in capsys.readouterr().out
    assert not well(answered, refused, Exchange(5, 0.1, "500"))
    assert not well(answered, Exchange(6, 20.0, BUSY))  # its deadline, not at once
    assert not well(answered, Exchange(5, 7.0, "200"))  # then it has not recovered within 5 s


def test_a_series_is_thinned_from_its_end() -> None:
    series = [Memory(n) for n in range(1, 24)]
    assert [memory.resident for memory in thinned(series)] == [2, 5, 8, 11, 14, 17, 20, 23]
    assert thinned(series[:3]) == series[:3]
