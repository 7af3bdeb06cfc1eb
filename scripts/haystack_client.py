"""Haystack in a process of its own, with its own Python and packages, to compare with."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from scripts.benchmark_processes import ROOT, MeasuringError

Range = tuple[int, int]
"""Where an answer is in its passage, in code points, half-open; (0, 0) where there is none."""


class Haystack:
    """Haystack's `ExtractiveReader`, and pipelines with it if there are passages to search."""

    def __init__(self, process: "subprocess.Popen[str]", version: str) -> None:
        """Take the running process; `haystack` starts one."""
        self._process = process
        self.version = version

    def read(self, question: str, passages: Sequence[str]) -> tuple[list[Range], float]:
        """Read the passages; the seconds are those of the reader, without the pipes.

        Raises MeasuringError where the process has ended.
        """
        reply = _exchange(self._process, {"question": question, "passages": list(passages)})
        ranges = [(int(start), int(end)) for start, end in reply["ranges"]]
        return ranges, float(reply["seconds"])

    def answers(
        self, question: str, nearest: Sequence[int], top_k: int
    ) -> dict[str, list[tuple[str, int]]]:
        """Return the best answers of each pipeline, by its name: a text and a passage's id each.

        `nearest` are the ids of the passages whose vectors are nearest to the question's. Raises
        MeasuringError where the process has ended.
        """
        asked = {"question": question, "nearest": list(nearest), "top_k": top_k}
        return {
            name: [(str(text), int(id_)) for text, id_ in found]
            for name, found in _exchange(self._process, asked).items()
        }


def expect_python(python: Path) -> None:
    """Raise MeasuringError where `python` is no program: now, before work that would be lost."""
    if shutil.which(python) is None:
        raise MeasuringError(_no_python(python, "no such program"))


def _no_python(python: Path, reason: str | None) -> str:
    return (
        f"{python} cannot be run ({reason}): give the Python of an environment with "
        "requirements-benchmark.txt as --haystack"
    )


@contextmanager
def haystack(
    python: Path, folder: Path, threads: int, passages: Path | None = None
) -> Iterator[Haystack]:
    """Start the process with the reader in `folder`, and stop it in the end.

    `passages` is a file with one JSON text a line, by passage id. Raises MeasuringError where the
    process cannot run.
    """
    command = [str(python), str(ROOT / "scripts" / "haystack_process.py")]
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own Python
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
    except OSError as error:
        raise MeasuringError(_no_python(python, error.strerror)) from error
    with process:
        try:
            first = {
                "model": str(folder.resolve()),
                "threads": threads,
                "passages": str(passages) if passages else None,
            }
            yield Haystack(process, str(_exchange(process, first)["version"]))
        finally:
            if process.stdin:
                with suppress(BrokenPipeError):  # of what an ended process did not take
                    process.stdin.close()
            process.terminate()


def _exchange(process: "subprocess.Popen[str]", message: dict[str, Any]) -> dict[str, Any]:
    if process.stdin is None or process.stdout is None:
        raise MeasuringError("the process of Haystack has no pipes: start it again")
    try:
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
    except BrokenPipeError:
        line = ""
    if not line:
        raise MeasuringError(
            "the process of Haystack has ended; what it said is above. Does its environment hold "
            "requirements-benchmark.txt?"
        )
    reply: dict[str, Any] = json.loads(line)
    return reply
