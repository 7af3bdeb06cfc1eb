"""The command that builds an index, and builds that are killed."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from index.corpora.cleaning import clean
from index.corpora.metadata import read_metadata
from index.corpora.parses import FolderParses
from index.manifest import current_version
from index.search import checked
from index.types import VectorRecall
from scripts.build_index import main
from tests.fake_models import FakeEncoder
from tests.serving import ROOT, children, run
from tests.unit.index.comparing import everything
from tests.unit.index.indexes import SAMPLE, build, passages_of
from tests.unit.index.release import write_dirty_release

CORD19 = Path(os.environ.get("COVIDQUEST_SHARED", ROOT / ".." / "shared")) / "cord19"
LIMIT = 300  # seconds that a process may take on a machine that has other work
KILLS = int(os.environ.get("BUILD_KILLS", "0"))
REAL_LIMIT = 1800  # seconds, likewise, with the real corpus

needs_cord19 = pytest.mark.skipif(
    not (CORD19 / "metadata.csv").is_file(),
    reason=f"the CORD-19 subset is not in {CORD19} (COVIDQUEST_SHARED names the folder above it)",
)


def build_by_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-m", "scripts.build_index", *arguments], limit=LIMIT)


def test_help_says_how() -> None:
    ended = build_by_command("--help")
    assert ended.returncode == 0
    assert all(word in ended.stdout for word in ("--corpus", "--index", "--resume", "example:"))
    assert ended.stderr == ""


@pytest.mark.parametrize(
    "arguments", [[], ["--corpus", "x"], ["--corpus", "x", "--index", "y", "--limit", "0"]]
)
def test_wrong_arguments_say_what_is_wrong(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]


@pytest.fixture
def _fake_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the fake encoder where the command looks for the real one, which takes seconds."""
    module = SimpleNamespace(SentenceEncoder=lambda *_, **__: FakeEncoder())
    monkeypatch.setitem(sys.modules, "models.encoder", module)


@pytest.mark.usefixtures("_fake_encoder")
def test_a_missing_corpus_and_a_wrong_folder_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / "metadata.csv").write_text("id,text\n1,2\n")
    (tmp_path / "file").touch()
    index_dir = tmp_path / "index"
    for corpus, where, message in [
        (tmp_path / "nowhere", index_dir, "(No such file or directory): give --corpus the folder"),
        (wrong, index_dir, "has no column cord_uid, title, abstract: is it the metadata.csv"),
        (SAMPLE, tmp_path / "file" / "index", "cannot be written: Not a directory"),
    ]:
        assert main(["--corpus", str(corpus), "--index", str(where)]) == 1
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith("build_index: ")
        assert message in err
    assert not index_dir.exists()


@pytest.mark.usefixtures("_fake_encoder")
def test_the_summary_accounts_for_every_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus, records = write_dirty_release(tmp_path / "corpus")
    arguments = ["--corpus", str(corpus), "--index", str(tmp_path / "i"), "--workers", "1"]
    assert main(arguments) == 0
    lines = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    counts = {name: int(n) for name, n, *_ in lines if name in ("records", "papers", "passages")}
    skipped = sum(int(line[1]) for line in lines if line[0] == "skipped")
    assert counts["records"] == records == counts["papers"] + skipped
    assert main([*arguments, "--resume", "--limit", "3"]) == 0  # nothing is unfinished: a new one


@pytest.mark.usefixtures("_fake_encoder")
def test_the_vector_index_can_be_chosen_and_its_recall_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, _ = write_dirty_release(tmp_path / "corpus")
    queries = tmp_path / "queries.txt"
    queries.write_text("Who wore masks?\n\n  Did masks help?\n")
    arguments = ["--corpus", str(corpus), "--index", str(tmp_path / "i"), "--workers", "1"]
    assert main(arguments) == 0
    assert re.search(r"^vectors +fp16  exact$", capsys.readouterr().out, re.MULTILINE)
    assert checked(tmp_path / "i")[1].recall == VectorRecall(1.0, 1.0, 0)

    arguments += ["--vector-index", "sq8"]
    assert main(arguments) == 0
    assert "recall 1.000 at 10, 1.000 at 100 (30 questions)" in capsys.readouterr().out
    assert main([*arguments, "--queries", str(queries)]) == 0
    out, err = capsys.readouterr()
    assert "(2 questions)" in out
    assert "costs answers" not in err
    manifest = checked(tmp_path / "i")[1]
    assert (manifest.vector_index, manifest.recall) == ("sq8", VectorRecall(1.0, 1.0, 2))

    low = VectorRecall(0.97, 0.9496, 2)
    monkeypatch.setattr("index.vector_recall.measure_recall", lambda *_: low)
    assert main(arguments) == 0
    assert "finds 95.0% of the nearest 100 passages" in capsys.readouterr().err


@pytest.mark.usefixtures("_fake_encoder")
def test_queries_that_cannot_be_used_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").write_text("\n \n")
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    arguments = ["--corpus", str(SAMPLE), "--index", str(tmp_path / "i")]
    for name, message in [
        ("empty", "holds no question: give one a line"),
        ("latin", "give a text file in UTF-8"),
        ("nowhere", "cannot be read"),
    ]:
        assert main([*arguments, "--queries", str(tmp_path / name)]) == 1
        err = capsys.readouterr().err
        assert message in err
        assert err.count("\n") == 1
    assert not (tmp_path / "i").exists()


def test_the_command_with_the_real_encoder(tmp_path: Path) -> None:
    index_dir = tmp_path / "index"
    ended = build_by_command(
        *("--corpus", str(SAMPLE), "--index", str(index_dir), "--limit", "3"),
        *("--device", "cpu", "--workers", "1"),
    )
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), ended.stderr
    summary = dict(line.split(maxsplit=1) for line in ended.stdout.splitlines())
    _, manifest = checked(index_dir)
    assert (summary["records"], summary["papers"]) == ("3", "3")
    assert int(summary["passages"]) == manifest.passages > 3
    assert summary["version"] == manifest.version == current_version(index_dir).name
    assert {"seconds", "size"} <= summary.keys()
    assert "embedding: 100%" in ended.stderr
    assert manifest.dimension > 8
    assert manifest.word_dimension > 8


def start(
    index_dir: Path, workers: int, *, corpus: Path = SAMPLE, limit: int = 0
) -> subprocess.Popen[str]:
    """Start or resume a slow build, the leader of its own process group."""
    arguments = [str(corpus), str(index_dir), str(workers), str(limit)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.unit.index.slow_build", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill_until_done(index_dir: Path, kills: int, seconds: float, **options: Any) -> list[str]:
    """Kill a build so many times, each after up to so many seconds; return where it was then.

    All of its processes are killed at once. Then let it get through.
    """
    draw = random.Random(7)
    stages = []
    for _ in range(kills):
        with start(index_dir, 2, **options) as process:
            assert process.stdout is not None
            first = process.stdout.readline()  # the imports are done
            time.sleep(draw.uniform(0.0, seconds))
            with suppress(ProcessLookupError):  # it got through
                os.killpg(process.pid, signal.SIGKILL)
            stages.append((first + process.stdout.read()).splitlines()[-1])
        assert process.returncode in (-signal.SIGKILL, 0)
        if process.returncode == 0:
            return stages
    with start(index_dir, 2, **options) as process:
        assert process.wait(REAL_LIMIT) == 0
    return stages


def test_a_build_killed_again_and_again_ends_in_the_same_index(tmp_path: Path) -> None:
    build(SAMPLE, tmp_path / "calm")
    kill_until_done(tmp_path / "killed", kills=2, seconds=0.5)
    assert everything(tmp_path / "killed") == everything(tmp_path / "calm")


@needs_cord19
@pytest.mark.skipif(not KILLS, reason="takes minutes: BUILD_KILLS says how many kills")
@pytest.mark.timeout(2 * REAL_LIMIT)
def test_a_build_of_the_real_corpus_killed_again_and_again(tmp_path: Path) -> None:
    """Run with -s, it says in which stage the build was killed, and how far that had got."""
    build(CORD19, tmp_path / "calm", limit=3000, workers=0)
    stages = kill_until_done(tmp_path / "killed", KILLS, 8, corpus=CORD19, limit=3000)
    sys.stdout.write("\n".join(["", *stages, ""]))
    assert everything(tmp_path / "killed") == everything(tmp_path / "calm")


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds processes below /proc")
def test_no_worker_outlives_a_build_that_is_killed(tmp_path: Path) -> None:
    with start(tmp_path, workers=2) as process:
        assert process.stdout is not None
        process.stdout.readline()
        end = time.monotonic() + LIMIT
        while len(workers := children(process.pid)) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.5)
        process.send_signal(signal.SIGKILL)
    assert workers
    end = time.monotonic() + LIMIT
    while any(_runs(worker) for worker in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert [worker for worker in workers if _runs(worker)] == []


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@needs_cord19
def test_real_papers_are_read_clean(tmp_path: Path) -> None:
    report = build(CORD19, tmp_path, limit=100)
    assert (
        report.corpus.records == 100 == report.corpus.papers + sum(report.corpus.skipped.values())
    )
    assert report.corpus.unreadable == {}
    passages = passages_of(tmp_path)
    assert len(passages) > 100
    for passage in passages:
        assert len(passage.text) == passage.end - passage.start
        assert 5 <= len(passage.text.split()) <= 120
        assert not re.search(r"[\x00-\x09\x7f-\x9f\ud800-\udfff]", passage.text)


@needs_cord19
def test_no_watermark_is_left_in_preprints() -> None:
    leftovers = re.compile(
        r"copyright holder for this|author/funder|No reuse allowed|in perpetuity|: \w+Rxiv preprint"
        r"|\(which was not peer|made available under a CC|US Government work"
    )
    paths = (
        path
        for record in read_metadata(CORD19 / "metadata.csv")
        for path in record["pdf_json_files"].split("; ")
        if path
    )
    parses = FolderParses(CORD19)
    marked = 0
    for path in islice(paths, 60):
        for part in json.loads(parses.read(path))["body_text"]:
            marked += bool(leftovers.search(part["text"]))
            assert not leftovers.search(clean(part["text"])), path
    assert marked > 60
