"""The real server gets its index when it starts, and says how far it is and what went wrong."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from index.packing import pack
from tests.serving import LIMIT, MODELS_LIMIT, Reply, Server, starting
from tests.unit.index.release_server import Release
from tests.unit.index.release_server import serving as serving_files


@pytest.fixture
def release(sample_index: Path, tmp_path: Path) -> Iterator[tuple[Release, str]]:
    sha256, _ = pack(sample_index, tmp_path / "index.tar")
    with serving_files(Release((tmp_path / "index.tar").read_bytes())) as served:
        yield served, sha256


def until(server: Server, true: Callable[[Reply], bool]) -> Reply:
    """Ask whether the server is ready until the answer is as wanted."""
    end = time.monotonic() + LIMIT
    while not true(reply := server.get("/readyz")):
        assert time.monotonic() < end, reply.text
        time.sleep(0.05)
    return reply


def test_the_port_is_bound_while_the_index_comes_and_then_questions_are_answered(
    release: tuple[Release, str], tmp_path: Path
) -> None:
    served, sha256 = release
    served.cut_after = [1_200_000]
    served.statuses = [0] + [503] * 3  # a broken line, and a server that is down for a while
    changes = {
        "COVIDQUEST_INDEX": str(tmp_path / "there"),
        "COVIDQUEST_INDEX_URL": f"{served.url}/index.tar",
        "COVIDQUEST_INDEX_SHA256": sha256,
    }
    with starting(**changes) as server:
        server.wait_for("/healthz", LIMIT)
        share = f"fetching, 1 of {len(served.content) // 1_000_000} MB (the server answered 503 "
        assert until(server, lambda reply: share in reply.text).status == 503
        assert server.get("/healthz").status == 200
        assert server.get("/").status == 200
        refused = server.post_json({"question": "How long is the incubation period?"})
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        server.wait_for("/readyz", MODELS_LIMIT)
        answered = server.post_json({"question": "How long is the incubation period?"})
        assert answered.json()["answers"]
        assert server.stop() == 0
        assert server.logged().count("fetching the index failed: the server answered 503 ") == 3
    assert served.sent == len(served.content)


def test_what_cannot_be_had_is_said_and_the_server_is_not_started_again_and_again(
    release: tuple[Release, str], tmp_path: Path
) -> None:
    served, _ = release
    changes = {
        "COVIDQUEST_INDEX": str(tmp_path / "there"),
        "COVIDQUEST_INDEX_URL": f"{served.url}/index.tar",
        "COVIDQUEST_INDEX_SHA256": "0" * 64,
    }
    with starting(**changes) as server:
        server.wait_for("/healthz", LIMIT)
        reply = until(server, lambda reply: "SHA-256" in reply.text)
        assert reply.status == 503
        assert server.get("/healthz").status == 200
        assert server.stop() == 0
        (line,) = [line for line in server.logged().splitlines() if "cannot answer" in line]
        assert "and COVIDQUEST_INDEX_SHA256 is 0000" in line
        assert "Traceback" not in server.logged()
    assert len(served.requests) == 1
