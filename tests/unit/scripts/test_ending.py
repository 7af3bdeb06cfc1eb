"""How a command ends that is stopped, or whose output cannot be written."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.serving import ROOT


def python(*words: str, shell: str = "", **variables: str) -> subprocess.Popen[str]:
    """Start Python; where a `shell` is given it does something with the output."""
    whole = [sys.executable, *words]
    return subprocess.Popen(
        ["bash", "-c", f'"$@" {shell}', "bash", *whole] if shell else whole,
        cwd=ROOT,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_one_line_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    output = tmp_path / "corpus"
    words = ["--records", "9000000", "--output", str(output)]
    with python("-m", "scripts.make_large_corpus", *words) as process:
        deadline = time.monotonic() + 60
        while not (output / "metadata.csv.tmp").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(number)
        assert process.wait(60) == 128 + number
        assert process.stderr is not None
        said = process.stderr.read()
    assert said.splitlines()[-1] == "make_large_corpus: stopped"  # below how far it was
    assert "Traceback" not in said
    assert list(output.iterdir()) == []


_BEGINS = (
    "import atexit, os, runpy, signal, sys, time, weakref; sys.argv[0] = '-m'; import scripts\n"
    "def come(*_): os.kill(os.getpid(), signal.SIG{})\n"
    "class Some: __set_name__ = __del__ = come\n"
)


@pytest.mark.parametrize(("name", "status"), [("INT", 130), ("TERM", 143)])
@pytest.mark.parametrize(
    "then",
    [
        "come(); import torch",
        "class Other: it = Some()",  # Python makes it a RuntimeError
        "del (some := [Some()])[0]; time.sleep(9)",  # where Python raises nothing
    ],
)
def test_a_signal_while_packages_are_imported_is_one_line(
    name: str, status: int, then: str
) -> None:
    with python("-c", _BEGINS.format(name) + then, "-m", "scripts.ask") as process:
        assert process.communicate(timeout=60) == ("", "ask: stopped\n")
    assert process.returncode == status


@pytest.mark.parametrize("name", ["INT", "TERM"])
@pytest.mark.parametrize("then", ["atexit.register(come)", "sys.some = Some()"])
@pytest.mark.parametrize("status", [0, 1])
def test_a_signal_when_all_is_done_changes_nothing(name: str, then: str, status: int) -> None:
    code = f"{_BEGINS.format(name)}{then}; print('done'); sys.exit({status})"
    with python("-c", code, "-m", "scripts.ask") as process:
        assert process.communicate(timeout=60) == ("done\n", "")
    assert process.returncode == status


def test_an_interrupt_that_was_ignored_before_is_so_here() -> None:
    """As a shell begins what runs behind `&`."""
    code = _BEGINS.format("INT") + "come(); print('done')"
    with python("-c", code, shell="& trap '' INT; wait") as process:
        assert process.communicate(timeout=60) == ("done\n", "")


_PRINTS = "from scripts.ending import prepare; prepare(); print('\\u00e9x' * 9999)"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("shell", "status", "said"),
    [
        ("> /dev/full", 1, "ask: the output cannot be written: No space left on device\n"),
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        ("| true; exit ${PIPESTATUS[0]}", 141, ""),
    ],
)
@pytest.mark.parametrize("code", [_PRINTS, _PRINTS + "; raise SystemExit(0)"])
def test_an_output_that_cannot_be_written_is_no_traceback(
    code: str, shell: str, status: int, said: str, unbuffered: str
) -> None:
    words = ["-c", code, "-m", "scripts.ask"]
    with python(*words, shell=shell, PYTHONUNBUFFERED=unbuffered) as process:
        _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (status, said)


def test_a_character_that_the_terminal_lacks_is_replaced() -> None:
    with python("-c", _PRINTS, PYTHONIOENCODING="ascii") as process:
        assert process.communicate(timeout=60) == ("?x" * 9999 + "\n", "")


@pytest.mark.parametrize("name", ["benchmark_service", "outputs", "ending", "__init__"])
def test_a_module_that_is_no_command_says_so(name: str) -> None:
    with python("-m", f"scripts.{name}", "--help") as process:
        out, error = process.communicate(timeout=60)
    said = f"scripts.{name} is a part of commands and none itself: `python -m scripts` lists them\n"
    assert (out, error) == ("", said)
    assert process.returncode == 2


def test_what_is_not_there_is_told_by_python() -> None:
    with python("-m", "scripts.nothing") as process:
        assert "No module named scripts.nothing" in process.communicate(timeout=60)[1]
    assert process.returncode == 1


def test_the_commands_are_listed() -> None:
    with python("-m", "scripts") as process:
        listed, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")
    for module in (ROOT / "scripts").glob("[!_]*.py"):
        shown = re.search(rf"^python -m scripts\.{module.stem} +\w.*\.$", listed, re.MULTILINE)
        assert bool(shown) == ("def parser()" in module.read_text()), module


def test_help_that_cannot_be_written_is_told() -> None:
    """What parses arguments says nothing of it."""
    with python("-m", "scripts.export_feedback", "--help", shell="> /dev/full") as process:
        _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert error == "export_feedback: the output cannot be written: No space left on device\n"
