"""The examples of docs/api.md, run as they stand there against a real server."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.making import read_feedback
from tests.serving import FAKE, LIMIT, ROOT, Server, serving

PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```(sh|python)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
RunExample = Callable[[str, str], str]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feedback") / "feedback.sqlite"


@pytest.fixture(scope="module")
def fake_server(store: Path) -> Iterator[Server]:
    with serving(*FAKE, limit=LIMIT, COVIDQUEST_FEEDBACK=str(store)) as running:
        yield running
        assert running.stop() == 0


@pytest.fixture
def run_example(fake_server: Server, tmp_path: Path) -> RunExample:
    def run(language: str, text: str) -> str:
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{fake_server.port}")
        command = [sys.executable, "-c", text] if language == "python" else ["bash", "-ec", text]
        ended = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run


def example(language: str, holds: str) -> str:
    (found,) = [text for kind, text in EXAMPLES if kind == language and holds in text]
    return found


def test_no_example_is_left_out() -> None:
    assert len(EXAMPLES) == 8


def test_one_question(run_example: RunExample) -> None:
    body = json.loads(run_example("sh", example("sh", '"top_k": 3')))
    assert len(body["answers"]) == 3
    assert body["filters"]["published_from"] == "2020-03"
    first, *_ = run_example("python", example("python", "def ask")).splitlines()
    assert re.match(r"0\.\d\d 5\.1 days \(95% CI.*\) \| Lauer SA, Grantz KH,", first)


def test_all_that_was_read(run_example: RunExample) -> None:
    assert run_example("python", example("python", "include_read")).startswith("5.1 days")


def test_a_batch(run_example: RunExample) -> None:
    lines = run_example("sh", example("sh", "/api/v1/batch")).splitlines()
    assert [json.loads(line)["number"] for line in lines] == [1, 2]
    told = run_example("python", example("python", "/api/v1/batch")).splitlines()
    assert told[0].startswith("1 How long is the incubation period? - 5.1 days")
    assert told[2] == "3 ?! - The question contains no word."


def test_exports(run_example: RunExample, tmp_path: Path) -> None:
    run_example("sh", example("sh", "/export.ris"))
    starts = {"ris": b"TY  - JOUR", "bib": b"@article{", "csv": b"\xef\xbb\xbfquest", "json": b"{"}
    for kind, start in starts.items():
        assert (tmp_path / f"answers.{kind}").read_bytes().startswith(start)


def test_feedback(run_example: RunExample, store: Path) -> None:
    assert run_example("python", example("python", "/api/v1/feedback")) == "stored as number 1\n"
    assert [one.note for one in read_feedback(store)] == ["The interval is there, too."]


def test_errors(run_example: RunExample) -> None:
    problem = json.loads(run_example("sh", example("sh", '"weight": 7')))
    assert problem["status"] == 422
    assert problem["errors"][0]["pointer"] == "#/weight"
