"""Dockerfile.cpu, built and run: `make container-test`. Prints what it measured.

Seconds are allowed in proportion to what else the machine does, as this runs beside other work.
"""

import csv
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.questions import QUESTIONS
from tests.containers.building import Image, build, clean
from tests.containers.running import MB, cut_off_network, started
from tests.serving import ROOT, Reply, Server, free_port

LIMIT = 450  # MB that the image may add to its base


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Build the image; from then on there is no network."""
    built = build("Dockerfile.cpu")
    cut_off_network()
    yield built
    clean()


def slowness() -> float:
    """How many times slower than alone a process on this machine runs, as far as is known."""
    cores = len(os.sched_getaffinity(0))
    return max(1.0, os.getloadavg()[0] / cores)


def measured(what: str, value: float, unit: str, limit: float) -> None:
    print(f"measured: {what}: {value:.1f} {unit} (limit {limit:g})")


def size(folder: Path) -> float:
    """Return the MB of the files below a folder, each counted once however often it is linked."""
    files = {(s.st_dev, s.st_ino): s.st_size for s in (p.lstat() for p in folder.rglob("*"))}
    return sum(files.values()) / MB


def ask(server: Server, question: str) -> Reply:
    """Ask, and ask again when told to wait."""
    while True:
        reply = server.post_json({"question": question})
        if reply.status != 503:
            return reply
        time.sleep(float(reply.headers["Retry-After"]))


def many_questions() -> list[str]:
    """Return the suggested questions and others about the sample's papers: 200 different ones."""
    with (ROOT / "data/sample/metadata.csv").open(encoding="utf-8") as file:
        titles = [row["title"] for row in csv.DictReader(file)]
    forms = ("What is known about {}?", "Which evidence is there for {}?", "How was {} studied?")
    asked = [question.text for question in QUESTIONS]
    asked += [form.format(title[:150]) for form in forms for title in titles]
    return list(dict.fromkeys(asked))[:200]


def test_what_the_image_adds_to_its_base(image: Image) -> None:
    added = size(image.root) - size(image.base)
    for part in ("opt/venv", "app", "app/var/sample", "app/models/weights"):
        print(f"measured: {part}: {size(image.root / part):.1f} MB")
    measured("image beyond its base", added, "MB", LIMIT)
    assert added <= LIMIT


def test_the_image_holds_the_packages_that_are_listed_and_nothing_to_build_with(
    image: Image,
) -> None:
    (packages,) = (image.root / "opt/venv/lib").glob("python3*/site-packages")
    installed = {
        re.sub(r"[-_.]+", "-", path.name.removesuffix(".dist-info").rsplit("-", 1)[0]).lower()
        for path in packages.glob("*.dist-info")
    }
    listed = {
        re.sub(r"[-_.]+", "-", line.strip()).lower()
        for line in (ROOT / "requirements/image-cpu.txt").read_text().splitlines()
        if not line.startswith("#")
    }
    assert installed == listed
    commands = {
        path.name for folder in ("bin", "usr/bin") for path in (image.root / folder).iterdir()
    }
    assert not commands & {"gcc", "cc", "g++", "clang", "make", "ld", "cargo"}
    assert not {"torch", "transformers", "pip"} & {path.name for path in packages.iterdir()}
    assert not list((image.root / "app").rglob("*.safetensors"))
    assert not (image.root / "root/.cache").exists()
    assert not (image.root / "build").exists()
    writable = [
        p
        for p in (image.root / "app").rglob("*")
        if p.lstat().st_mode & 0o022 and not p.is_symlink()
    ]
    assert not writable


def test_the_image_runs_the_procfiles_command_as_a_user_without_rights(image: Image) -> None:
    command = (ROOT / "Procfile").read_text().strip().removeprefix("web: ")
    assert " ".join(image.config["Cmd"]) == command
    assert image.user == (10001, 10001)
    assert image.config["Healthcheck"]["Test"][0] == "CMD"


def test_the_suggested_questions_without_a_network_and_200_more_in_little_memory(
    image: Image,
) -> None:
    begin = time.monotonic()
    with started(image, free_port()) as (server, peak):
        server.wait_for("/readyz", 60)
        ready = time.monotonic() - begin
        limit = 10 * slowness()
        measured("ready after", ready, "s", limit)
        assert ready <= limit
        with pytest.raises(OSError, match="unreachable"):
            socket.create_connection(("192.0.2.1", 443), timeout=5)
        for question in QUESTIONS:
            found = ask(server, question.text)
            assert found.status == 200
            assert found.json()["answers"], question.text
        for question in many_questions():
            assert ask(server, question).status == 200
        measured("peak memory, sample index", peak.bytes / MB, "MB", 400)
        assert 50 * MB < peak.bytes < 400 * MB
        assert server.stop() == 0, server.logged()
        assert "Traceback" not in server.logged()


def test_a_large_index_on_a_volume_that_cannot_be_written(image: Image) -> None:
    large = os.environ.get("CONTAINER_TEST_INDEX")
    if not large:
        pytest.skip("CONTAINER_TEST_INDEX names no index to serve from a volume")
    mounts = {large: "/srv/index"}
    with started(image, free_port(), mounts=mounts, COVIDQUEST_INDEX="/srv/index") as (
        server,
        peak,
    ):
        server.wait_for("/readyz", 120)
        for question in QUESTIONS:
            assert ask(server, question.text).status == 200
        measured("peak memory, large index", peak.bytes / MB, "MB", 512)
        assert peak.bytes < 512 * MB
        assert server.stop() == 0, server.logged()


def test_an_idle_server_stops_at_once(image: Image) -> None:
    with started(image, free_port()) as (server, _):
        server.wait_for("/readyz", 60)
        begin = time.monotonic()
        assert server.stop() == 0
        limit = 3 * slowness()
        measured("idle stop", time.monotonic() - begin, "s", limit)
        assert time.monotonic() - begin <= limit


def test_a_busy_server_answers_what_it_accepted_and_stops(image: Image) -> None:
    questions = many_questions()[30:38]
    with started(image, free_port()) as (server, _), ThreadPoolExecutor(len(questions)) as pool:
        server.wait_for("/readyz", 60)
        asked = [pool.submit(server.post_json, {"question": question}) for question in questions]
        time.sleep(0.5)  # until all have been accepted
        begin = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0, server.logged()
        took = time.monotonic() - begin
        measured("busy stop", took, "s", 25)
        assert took <= 25
        assert {one.result().status for one in asked} <= {200, 503}
        assert sum(one.result().status == 200 for one in asked) >= 1


def test_the_health_check_passes_while_the_server_lives(image: Image) -> None:
    port = free_port()
    check = image.config["Healthcheck"]["Test"][1:]
    with started(image, port, command=check) as (nobody, _):
        assert nobody.process.wait(60) != 0
    with started(image, port) as (server, _):
        server.wait_for("/healthz", 60)
        with started(image, port, command=check) as (checking, _):
            assert checking.process.wait(60) == 0, checking.logged()


def test_no_port(image: Image) -> None:
    with started(image, 8000, PORT=None) as (server, _):
        server.wait_for("/healthz", 60)
        assert "Listening at: http://0.0.0.0:8000" in server.logged()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"PORT": "eighty"}, "PORT='eighty' is not a whole number"),
        ({"COVIDQUEST_INDEX": "/srv/index"}, "the index /srv/index is not an index"),
        ({"COVIDQUEST_INDEX_URL": "https://example.org/i.tar"}, "needs COVIDQUEST_INDEX_SHA256"),
        ({"COVIDQUEST_DEVICE": "cuda"}, "COVIDQUEST_BACKEND=onnx runs on the CPU"),
    ],
)
def test_a_start_that_cannot_succeed(image: Image, changes: dict[str, str], said: str) -> None:
    with started(image, free_port(), **changes) as (server, _):
        assert server.process.wait(60) == 1
        lines = [line for line in server.logged().splitlines() if "cannot start: " in line]
        assert len(lines) == 1
        assert said in lines[0]


def test_a_port_that_is_taken(image: Image) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        with started(image, port) as (server, _):
            assert server.process.wait(60) == 1
            assert f"cannot listen on 0.0.0.0:{port}" in server.logged()


def test_a_folder_that_cannot_be_written_for_a_fetched_index(image: Image) -> None:
    changes = {
        "COVIDQUEST_INDEX": "/app/var/fetched",
        "COVIDQUEST_INDEX_URL": "https://example.org/index.tar",
        "COVIDQUEST_INDEX_SHA256": "0" * 64,
    }
    with started(image, free_port(), **changes) as (server, _):
        server.wait_for("/healthz", 60)
        for _ in range(200):
            ready = server.get("/readyz")
            if "cannot be written" in ready.text:
                break
            time.sleep(0.1)
        assert ready.status == 503
        assert "Read-only file system" in ready.json()["reason"]
        assert server.stop() == 0


def test_nothing_is_compiled_at_the_start(image: Image) -> None:
    """What is not there as bytecode would be compiled by every start, as it cannot be written."""
    command = ["python", "-v", "-c", "import service.wsgi"]
    with started(image, free_port(), command=command) as (server, _):
        assert server.process.wait(60) == 0
        log = server.logged()
    assert re.search(r"code object from '/app/service/[^']*\.pyc'", log)
    assert not re.findall(r"code object from '/(?:app|opt)/[^']*\.py'", log)
