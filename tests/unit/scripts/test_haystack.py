"""Haystack as another process, of which a stand-in answers here."""

import sys
from pathlib import Path

import pytest

from index.corpora.squad import GoldQuestion
from scripts.benchmark_processes import MeasuringError
from scripts.evaluate_beside import beside_table, evaluate_beside
from scripts.haystack_client import haystack
from service.loading import load_answerer
from service.settings import Settings

STAND_IN = """#!{python}
import json, sys
first = json.loads(sys.stdin.readline())
print(json.dumps({{"version": "threads " + str(first["threads"])}}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if "passages" in asked:
        ranges = [[0, len(text)] for text in asked["passages"]]
        reply = {{"ranges": ranges, "seconds": 2.5}}
    else:
        texts = [json.loads(text) for text in open(first["passages"])]
        reply = {{"nearest": [[texts[id_], id_] for id_ in asked["nearest"][: asked["top_k"]]]}}
    print(json.dumps(reply), flush=True)
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Return what is run as the Python of another environment."""
    path = tmp_path / "python"
    path.write_text(STAND_IN.format(python=sys.executable), encoding="utf-8")
    path.chmod(0o755)
    return path


def test_haystack_is_another_process(tmp_path: Path, python: Path) -> None:
    with haystack(python, tmp_path, threads=3) as other:
        assert other.version == "threads 3"
        assert other.read("Why?", ["a", "bcd"]) == ([(0, 1), (0, 3)], 2.5)
    with pytest.raises(MeasuringError, match=r"cannot be run .* as --haystack"):
        haystack(tmp_path / "none", tmp_path, 1).__enter__()
    with (
        pytest.raises(MeasuringError, match="hold requirements-benchmark"),
        haystack(Path(sys.executable), tmp_path, 1),  # has no Haystack
    ):
        pass


def test_a_process_that_ends_is_said(tmp_path: Path) -> None:
    path = tmp_path / "python"
    head, _, _ = STAND_IN.partition("for line")
    path.write_text(head.format(python=sys.executable), encoding="utf-8")
    path.chmod(0o755)
    long = ["word " * 100_000]  # more than a pipe holds
    with (
        pytest.raises(MeasuringError, match="the process of Haystack has ended"),
        haystack(path, tmp_path, 1) as other,
    ):
        other.read("Why?", long)


def test_pipelines_are_asked_what_the_service_is(python: Path, sample_index: Path) -> None:
    settings = Settings.from_environment({"COVIDQUEST_INDEX": str(sample_index)})
    answerer = load_answerer(settings)
    passages = answerer.index.passages(range(answerer.source.passages))
    whole, other = passages[3], passages[-1]  # the stand-in answers with the nearest passages
    gold = [
        GoldQuestion("1", whole.text[:400], "", (whole.text,), (0,), whole.cord_uid),
        GoldQuestion("2", other.text[:400], "", ("nothing like it",), (0,), "elsewhere"),
    ]
    (beside,) = evaluate_beside(answerer, gold, settings, python)
    assert beside.pipeline == f"Haystack threads {settings.threads}, nearest"
    assert (beside.quality.n, beside.quality.exact_match_at_1) == (2, 50)
    assert beside.quality.right_paper_at == {1: 50, 5: 50, 20: 50}
    assert "50.0" in beside_table([beside])
