import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.contracts import ModelError
from models.reader import TransformersReader
from scripts.benchmark import main
from scripts.benchmark_baselines import PlainReading, agreement, ours
from scripts.benchmark_clients import Questions
from scripts.benchmark_floor import Network, matrix_rates
from scripts.benchmark_processes import (
    MeasuringError,
    Memory,
    family,
    memory_of,
    memory_of_family,
    serving,
)
from scripts.benchmark_reading import Read, compare
from scripts.benchmark_sections import network_of
from scripts.benchmark_service import ask, titles_as_questions
from scripts.benchmark_table import Table
from scripts.haystack_client import Range
from service.loading import load_models
from service.types import AnswerList, Query, Source, Timings
from tests.serving import ROOT

QUESTION = "What is the median incubation period?"
PASSAGES = [
    "The median incubation period was estimated to be 5.1 days (95% CI 4.5 to 5.8).",
    "Schools were closed in March. " * 60 + "The incubation period was 6 days.",  # several windows
    "Fever was seen in 83% of patients.",
]
needs_linux = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="reads /proc")


def test_the_sizes_of_a_network_by_either_name(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    bert = {"num_hidden_layers": 6, "hidden_size": 384, "intermediate_size": 1536}
    distilbert = {"n_layers": 6, "dim": 768, "hidden_dim": 3072}
    for written, expected in ((bert, Network(6, 384, 1536)), (distilbert, Network(6, 768, 3072))):
        config.write_text(json.dumps(written))
        assert network_of(tmp_path) == expected
    config.write_text(json.dumps({"dim": 768}))
    with pytest.raises(ModelError, match="does not tell 'n_layers'"):
        network_of(tmp_path)


@needs_linux
def test_one_table_of_all_sections_by_models_that_are_loaded_once(
    sample_index: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVIDQUEST_CANDIDATES", "2")
    monkeypatch.setenv("COVIDQUEST_THREADS", "1")
    monkeypatch.setattr("scripts.benchmark_service.LOOKED_AT", 0)
    loaded: list[object] = []
    monkeypatch.setattr(
        "scripts.benchmark.load_models", lambda own: (loaded.append(own), load_models(own))[1]
    )
    small = ["--cases", "2", "--passages", "2", "--seconds", "1", "--different", "3"]
    arguments = ["--index", str(sample_index), "--backends", "torch", "--clients", "1", "2"]
    assert main([*arguments, *small, "--json"]) == 0
    assert len(loaded) == 1
    cells = json.loads(capsys.readouterr().out)
    least, reading = (
        cells["reading 2 passages, ms"][column][0] for column in ("floor in fp32", "torch")
    )
    assert 0 < least < reading
    assert cells["times as fast as plain loop"]["plain loop"] == [1.0]
    assert set(cells["times as fast as plain loop"]) == {"torch", "plain loop", "padded batch"}
    p50, p95 = cells["total, ms"]["torch"]
    assert cells["encode, ms"]["torch"][0] < p50 <= p95
    assert cells["2 clients: answers a second"]["torch"][0] > 0
    _, p95 = cells["2 clients: a question, ms"]["torch"]
    assert cells["2 clients: 99 % of questions within, ms"]["torch"][0] >= p95
    resident, peak = cells["worker after 3 more questions: resident / peak, MB"]["torch"]
    assert 50 < resident <= peak
    whole = cells["whole service after 3 more questions: resident / peak, MB"]["torch"][0]
    assert whole > resident
    assert cells["ready after the start, s"]["torch"][0] > 0


@needs_linux
def test_a_server_is_measured_without_torch(
    sample_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVIDQUEST_CANDIDATES", "2")
    without = "import sys; sys.modules['torch'] = None; from scripts.benchmark import main; main()"
    small = ["--clients", "1", "--seconds", "1", "--different", "0", "--backends", "onnx"]
    ended = subprocess.run(
        [sys.executable, "-c", without, "--index", str(sample_index), "--only", "service", *small],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (ended.returncode, "| 1 client: answers a second |" in ended.stdout) == (0, True), ended


def test_what_cannot_be_measured_is_said(
    tmp_path: Path, sample_index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--index", str(tmp_path / "none"), "--only", "floor"]) == 1
    assert "is not there: build one with" in capsys.readouterr().err
    missing = ["--questions", str(tmp_path / "none.json"), "--only", "floor"]
    assert main(["--index", str(sample_index), *missing]) == 1
    assert "none.json cannot be read" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--only", "speed"])


@pytest.fixture(scope="module")
def plain() -> PlainReading:
    return PlainReading(Path("models/weights/reader"))


def test_baselines_mark_what_our_reader_marks(plain: PlainReading) -> None:
    found = ours(TransformersReader(device="cpu").read(QUESTION, PASSAGES))
    assert PASSAGES[0][slice(*found[0])] == "5.1 days"
    for others in (
        plain.one_at_a_time(QUESTION, PASSAGES),
        plain.one_padded_batch(QUESTION, PASSAGES),
    ):
        assert agreement(found, others) == 1
        assert all(end > start for start, end in others)


def test_ways_to_read_are_compared_question_by_question() -> None:
    def way(seconds: list[float], ranges: list[Range]) -> Read:
        left = iter([0.0, *seconds])  # the first reading is not counted
        return lambda *_: (ranges, next(left))

    cases = [(str(n), ["a b", "c d"]) for n in range(3)]
    found = compare(
        {
            "fast": way([1, 2, 5], [(0, 1), (0, 1)]),
            "slow": way([4, 4, 15], [(0, 2), (2, 3)]),
        },
        cases,
        "slow",
    )
    assert found["fast"].speed == 3  # the median of 4, 2 and 3
    assert found["slow"].speed == 1
    assert found["fast"].agreement == 0.5
    assert (found["fast"].p50_ms, found["fast"].p95_ms) == (2000, 5000)
    assert found["fast"].passages_per_second == 1


def test_agreement_is_of_what_both_mark() -> None:
    assert agreement([(0, 5), (3, 9), (0, 0)], [(4, 8), (9, 12), (1, 2)]) == 0.5
    assert agreement([(0, 0)], [(1, 2)]) == 1


def test_operations_of_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Network(layers=1, hidden=2, intermediate=3)
    # 3 tokens by 4 matrices of 2 x 2 and 2 of 2 x 3, and twice 3 x 3 products of 2; times 2
    assert one.operations([3]) == 2 * (3 * (16 + 12) + 2 * 3 * 3 * 2)
    assert one.operations([3, 3]) == 2 * one.operations([3])
    monkeypatch.setattr("scripts.benchmark_floor._SECONDS", 0.01)
    rates = matrix_rates(1)
    assert set(rates) == {"fp32", "bf16", "int8"}
    assert min(rates.values()) > 1e8


def test_the_table() -> None:
    table = Table(["ours"])
    table.put("speed", "ours", 1234.5, math.nan)
    table.put("speed", "theirs", 0.01234)
    table.put("memory", "theirs", 12.34)
    assert table.markdown() == (
        "|  | ours | theirs |\n| --- | --- | --- |\n"
        "| speed | 1,234 / none | 0.012 |\n| memory | – | 12.3 |"
    )
    assert table.get("speed", "theirs") == (0.01234,)
    assert table.get("memory", "ours") is None


@needs_linux
def test_memory_of_processes() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in family(os.getpid())
        own, *others = memory_of_family(os.getpid())
        assert own.peak >= own.resident > own.anonymous > 1e6
        assert own.resident >= own.proportional
        assert len(others) >= 1
        child.communicate(b"\n")
    assert child.pid not in family(os.getpid())
    with pytest.raises(MeasuringError, match="does it run"):
        memory_of(child.pid)
    assert Memory(1, 2, 3, 4) + Memory(10, 20, 30, 40) == Memory(11, 22, 33, 44)


def test_a_server_that_does_not_start_says_why() -> None:
    with (
        pytest.raises(MeasuringError, match=r"did not get ready: .*COVIDQUEST_DEVICE='tpu'"),
        serving({"COVIDQUEST_DEVICE": "tpu"}),
    ):
        pass


def test_a_server_that_says_much_is_not_held_up(tmp_path: Path) -> None:
    noisy = tmp_path / "noisy.conf.py"
    noisy.write_text(
        (ROOT / "tests/fake_gunicorn.conf.py")
        .read_text(encoding="utf-8")
        .replace("Path(__file__).parents[1]", f"Path({str(ROOT)!r})")
        + "\nprint('x' * 1_000_000, flush=True)\n",
        encoding="utf-8",
    )
    with serving({"GUNICORN_CMD_ARGS": f"--config {noisy}"}) as server:
        assert server.ready_after > 0


def test_titles_become_questions(sample_index: Path) -> None:
    questions = titles_as_questions(sample_index)
    assert len(questions) == len(set(questions)) > 40
    assert all(text.startswith("What is known about ") for text in questions)
    assert questions == titles_as_questions(sample_index)


@pytest.mark.parametrize("weight", [0, 0.2, 0.5, 0.7, 0.8, 1])
def test_a_moved_slider_is_one(weight: float) -> None:
    asked: list[Query] = []

    class Fake:
        def answer(self, query: Query) -> AnswerList:
            asked.append(query)
            source = Source("v1", 1, 3, "encoder", "reader", "cpu")
            return AnswerList(query, (), 0.1, 3, source, Timings(1, 1, 1, 3))

    places = set()
    for number in range(30):
        ask(Fake(), Query(f"Why {number}?", weight, 5))  # type: ignore[arg-type] # all it calls
        first, again, moved = asked[-3:]
        assert first == again
        assert abs(moved.weight - weight) > 0.19
        assert round(10 * moved.weight) == pytest.approx(10 * moved.weight)  # a place it has
        places.add(moved.weight)
    assert len(places) > 4


def test_there_is_a_question_to_ask() -> None:
    with pytest.raises(ValueError, match="no question"):
        Questions([])
