"""The real service while its index is updated: no request fails, and each new version is served."""

import csv
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import pytest

from index.manifest import current_version
from index.updating import update_index
from tests.fake_models import FakeEncoder
from tests.serving import FAKE_MODELS, MODELS_LIMIT, Server, serving
from tests.unit.index.fake_encoder import Silent
from tests.unit.index.indexes import SAMPLE, build, change_manifest

if TYPE_CHECKING:
    from models.contracts import Encoder

REQUESTS = {"fake models": 200, "real models": 1000}
CLIENTS = 4
LIMIT = 540  # seconds for all requests on a machine that has other work; about 40 on an idle one
CHEAP = {
    "COVIDQUEST_CANDIDATES": "1",
    "COVIDQUEST_INDEX_POLL": "0.1",
}


@dataclass(frozen=True)
class Asked:
    """One request: when it was sent and answered, and by which version of how many papers."""

    sent: float
    answered: float
    version: str
    papers: int


@dataclass(frozen=True)
class Scene:
    """An index of the sample corpus, a server's settings, and a way to update the index.

    `update(first, last)` brings it up to date with those papers of the sample, and returns the
    version. Meanwhile there are at least so many `requests`.
    """

    requests: int
    index: Path
    arguments: tuple[str, ...]
    settings: dict[str, str]
    update: Callable[[int, int], str]


@pytest.fixture(params=REQUESTS)
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    shutil.copytree(SAMPLE, corpus)
    arguments: tuple[str, ...] = ()
    encoder: Encoder = FakeEncoder()
    if request.param == "real models":
        from models.encoder import SentenceEncoder  # noqa: PLC0415 - seconds that fakes need not wait

        shutil.copytree(request.getfixturevalue("sample_index"), index)
        encoder = SentenceEncoder(device="cpu")
    else:
        build(corpus, index)
        arguments = tuple(FAKE_MODELS)

    def update(first: int, last: int) -> str:
        with (SAMPLE / "metadata.csv").open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        with (corpus / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows[first:last]])
        report = update_index(
            corpus, index, encoder.name, encoder.encode_passages, Silent(), workers=1
        )
        assert report.built is not None
        assert report.built.corpus.papers == last - first
        return report.version

    settings = {"COVIDQUEST_INDEX": str(index), **CHEAP}
    return Scene(REQUESTS[request.param], index, arguments, settings, update)


def ask(server: Server, number: int) -> Asked:
    body = {"question": ("masks?", "fever?", "incubation period?")[number % 3], "top_k": 1}
    sent = time.monotonic()
    reply = server.post_json(body)
    answered = time.monotonic()
    assert reply.status == 200, reply.text
    found = reply.json()
    assert len(found["answers"]) == 1
    return Asked(sent, answered, found["index"]["version"], found["index"]["papers"])


def test_no_request_fails_while_the_index_is_updated(
    scene: Scene,
) -> None:
    versions = {current_version(scene.index).name: 69}
    done = Event()
    end = time.monotonic() + LIMIT

    def client(server: Server) -> Iterator[Asked]:
        """Ask a share of the requests, and go on until the last version has been served."""
        asked = 0
        while (asked < scene.requests // CLIENTS or not done.is_set()) and time.monotonic() < end:
            yield ask(server, asked)
            asked += 1

    with (
        serving(*scene.arguments, COVIDQUEST_WORKERS="1", **scene.settings) as server,
        ThreadPoolExecutor(CLIENTS) as threads,
    ):
        clients = [threads.submit(lambda: list(client(server))) for _ in range(CLIENTS)]
        try:
            for first, last in [(0, 60), (5, 60), (3, 58)]:
                version = scene.update(first, last)
                versions[version] = last - first
                while ask(server, 0).version != version and time.monotonic() < end:
                    time.sleep(0.05)
        finally:
            done.set()
        asked = [one for future in clients for one in future.result()]
        assert server.get("/readyz").json() == {"status": "ready"}
        assert server.stop() == 0
        logged = server.logged()

    assert len(asked) >= scene.requests
    assert {one.version for one in asked} == set(versions)
    assert all(versions[one.version] == one.papers for one in asked)
    order = list(versions)
    assert order == sorted(order)
    for before, after in pairwise(order):
        first_after = min(one.answered for one in asked if one.version == after)
        later = [one.version for one in asked if one.sent > first_after]
        assert before not in later  # no answer from a version once the next has answered
    for version in order:
        assert logged.count(f"serving index version {version}") == 1
    assert "Traceback" not in logged
    assert "still serving" not in logged


def test_every_worker_goes_over_and_none_to_a_version_that_is_damaged(
    scene: Scene,
) -> None:
    index = scene.index
    with serving(*scene.arguments, COVIDQUEST_WORKERS="2", **scene.settings) as server:
        wait_for(server, f"serving index version {current_version(index).name}", times=2)
        first = scene.update(0, 60)
        wait_for(server, f"serving index version {first}", times=2)
        assert {ask(server, n).version for n in range(20)} == {first}

        published = current_version(index)
        shutil.copytree(published, index / "20991231T000000.000000-00000000")
        damaged = index / "20991231T000000.000000-00000000"
        change_manifest(damaged, format=99)
        (index / "CURRENT.tmp").write_text(damaged.name)
        (index / "CURRENT.tmp").replace(index / "CURRENT")
        wait_for(server, f"still serving index version {first}: ", times=2)
        assert {ask(server, n).version for n in range(20)} == {first}
        assert server.get("/readyz").status == 200
        assert server.stop() == 0
        assert server.logged().count("has format 99") == 2  # once a worker
        assert "Traceback" not in server.logged()


def wait_for(server: Server, text: str, times: int) -> None:
    end = time.monotonic() + MODELS_LIMIT
    while server.logged().count(text) < times and time.monotonic() < end:
        time.sleep(0.05)
    assert server.logged().count(text) == times, server.logged()
