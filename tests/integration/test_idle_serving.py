"""The real server: what it reads while nobody asks, and how it stops then."""

import time
from pathlib import Path

import pytest

from tests.serving import Server, serving

QUESTION = {"question": "How long is the incubation period?", "weight": 0.0, "top_k": 1}
WAIT = 30  # seconds, far more than reading the sample's passages takes


def read_ahead(server: Server) -> float:
    for line in server.get("/metrics").text.splitlines():
        if line.startswith("covidquest_passages_read_ahead_total "):
            return float(line.split()[-1])
    return 0.0


def test_the_slider_finds_all_read(sample_index: Path) -> None:
    with serving(COVIDQUEST_INDEX=str(sample_index)) as server:
        assert server.post_json(QUESTION).status == 200
        end, seen = time.monotonic() + WAIT, [-1.0, 0.0]
        while seen[-1] == 0 or seen[-1] != seen[-2]:  # until nothing more comes
            assert time.monotonic() < end
            time.sleep(0.5)
            seen.append(read_ahead(server))
        moved = server.post_json(QUESTION | {"weight": 1.0, "top_k": 20}).json()
        assert seen[-1] == 30  # of 40 passages the first 10 were read at once
        assert moved["took_ms"]["read"] < 300  # from memory
        assert read_ahead(server) == seen[-1]


@pytest.mark.parametrize("after", [0.35, 0.5, 0.8])
def test_a_server_that_is_stopped_while_it_reads_ahead_stops_well(
    sample_index: Path, after: float
) -> None:
    with serving(COVIDQUEST_INDEX=str(sample_index)) as server:
        assert server.post_json(QUESTION).status == 200
        time.sleep(after)
        assert server.stop() == 0
        assert "Traceback" not in server.logged()
        assert "reading ahead failed" not in server.logged()


@pytest.mark.parametrize("off", [{"COVIDQUEST_READ_AHEAD": "off"}, {"COVIDQUEST_CACHE": "0"}])
def test_it_can_be_had_without(sample_index: Path, off: dict[str, str]) -> None:
    with serving(COVIDQUEST_INDEX=str(sample_index), **off) as server:
        assert server.post_json(QUESTION).status == 200
        time.sleep(1.5)
        assert read_ahead(server) == 0
