"""The real server: what it reads while nobody asks, and how it stops then."""

import time
from pathlib import Path

import pytest

from tests.serving import FAKE_MODELS, LIMIT, serving, until

QUESTION = {"question": "How long is the incubation period?", "weight": 0.0, "top_k": 1}
READ = 'covidquest_batch_size_sum{kind="passages"}'
READ_AHEAD = "covidquest_passages_read_ahead_total"


def test_the_slider_finds_all_read(sample_index: Path) -> None:
    with serving(COVIDQUEST_INDEX=str(sample_index)) as server:
        assert server.post_json(QUESTION).status == 200
        until(lambda: server.metric(READ_AHEAD) >= 30)  # the first 10 of 40 were read at once
        read = server.metric(READ)
        assert server.post_json(QUESTION | {"weight": 1.0, "top_k": 20}).status == 200
        assert server.metric(READ) == read == 40  # from memory
        assert server.metric(READ_AHEAD) == 30

        another = {"question": "Do masks help?"}
        assert server.post_json(QUESTION | another).status == 200
        until(lambda: server.metric(READ_AHEAD) > 30)
        assert server.stop() == 0  # while it reads ahead
        assert "Traceback" not in server.logged()
        assert "reading ahead failed" not in server.logged()


@pytest.mark.parametrize("read", [0, 1, 15])
def test_a_server_that_is_stopped_while_it_reads_ahead_stops_well(
    fake_index: Path, read: int
) -> None:
    settings = {"COVIDQUEST_INDEX": str(fake_index), "FAKE_SECONDS": "0.02"}
    with serving(*FAKE_MODELS, limit=LIMIT, **settings) as server:
        assert server.post_json(QUESTION).status == 200
        until(lambda: server.metric(READ_AHEAD) >= read)
        assert server.stop() == 0
        assert "Traceback" not in server.logged()
        assert "reading ahead failed" not in server.logged()


@pytest.mark.parametrize("off", [{"COVIDQUEST_READ_AHEAD": "off"}, {"COVIDQUEST_CACHE": "0"}])
def test_it_can_be_had_without(fake_index: Path, off: dict[str, str]) -> None:
    with serving(*FAKE_MODELS, limit=LIMIT, COVIDQUEST_INDEX=str(fake_index), **off) as server:
        assert server.post_json(QUESTION).status == 200
        time.sleep(0.7)  # reading ahead begins after a fifth of a second
        assert server.metric(READ_AHEAD) == 0
