"""What is told of the progress of a command, on a terminal and in a log."""

import sys

import pytest

from index.types import VectorRecall
from scripts.indexing import TerminalProgress, warn_of_recall


def told(capsys: pytest.CaptureFixture[str], total: int, steps: int, done: int = 0) -> list[str]:
    progress = TerminalProgress("command")
    progress.stage("reading", total, done, "papers")
    for _ in range(steps):
        progress.advance(1)
    progress.close()
    return capsys.readouterr().err.splitlines()


def test_a_log_has_a_line_for_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, 2_000, 2_000)
    assert len(lines) == 10
    assert lines[0] == "reading: 10%, 200 of 2,000 papers"
    assert lines[-1] == "reading: 100%, 2,000 of 2,000 papers"
    assert told(capsys, 2_000, 5, done=1_000) == ["reading: 50%, 1,005 of 2,000 papers"]
    assert told(capsys, 0, 5) == ["reading: 5 papers"]
    assert told(capsys, 0, 0) == []


def test_a_log_has_a_line_where_half_a_minute_passed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(0, 10_000, 10))
    monkeypatch.setattr("scripts.indexing.time.monotonic", lambda: next(now))
    assert 3 <= len(told(capsys, 10_000, 10)) <= 5


def test_a_terminal_has_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert "reading: 100%|" in told(capsys, 20, 20)[-1]


def test_a_note_begins_with_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    TerminalProgress("command").note("warning: something is to be known")
    assert capsys.readouterr().err == "command: warning: something is to be known\n"


def test_a_low_recall_is_said_above_the_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = TerminalProgress("command")
    progress.stage("publishing", 1, 0, "index")
    warn_of_recall(progress, VectorRecall(1.0, 0.5, 10))
    warn_of_recall(progress, VectorRecall(1.0, 1.0, 10))
    warn_of_recall(progress, None)
    progress.close()
    lines = capsys.readouterr().err.replace("\r", "\n").splitlines()
    said = [line for line in lines if line.startswith("command: the vector index finds 50.0% of")]
    assert len(said) == 1
    assert lines[-1].startswith("publishing: ")
