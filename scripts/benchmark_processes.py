"""Processes that a benchmark looks at: their memory, and a server to start and stop (Linux)."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[1]
_START_LIMIT = 240.0  # seconds that a server may take to be ready
_STOP_LIMIT = 40.0  # seconds that it may take to end

_FIELDS = {"Rss": "resident", "Pss": "proportional", "Anonymous": "anonymous"}


class MeasuringError(Exception):
    """Something cannot be measured. The message says what was wrong and how to mend it."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of a process, or the sum over several, in bytes.

    `resident` is what the system counts (RSS): also the pages of files that are mapped, which it
    may drop at any time, and code that other processes share. `proportional` (PSS) counts a page
    that n processes share as an nth. `anonymous` is what only the process holds and the system
    cannot drop. `peak` is the greatest resident memory since the process began.
    """

    resident: int = 0
    peak: int = 0
    proportional: int = 0
    anonymous: int = 0

    def __add__(self, other: Self) -> Self:
        """Return the sums."""
        return type(self)(
            self.resident + other.resident,
            self.peak + other.peak,
            self.proportional + other.proportional,
            self.anonymous + other.anonymous,
        )

    def __str__(self) -> str:
        """Return the figures as people read them.

        >>> str(Memory(2_000_000, 3_000_000, 1_500_000, 1_000_000))
        '2 MB resident (peak 3), 2 proportional, 1 anonymous'
        """
        return (
            f"{self.resident / 1e6:.0f} MB resident (peak {self.peak / 1e6:.0f}), "
            f"{self.proportional / 1e6:.0f} proportional, {self.anonymous / 1e6:.0f} anonymous"
        )


def memory_of(pid: int) -> Memory:
    """Return the memory of a process. Raises MeasuringError where there is none of this id."""
    try:
        parts = _kilobytes(Path(f"/proc/{pid}/smaps_rollup"))
        peak = _kilobytes(Path(f"/proc/{pid}/status"))["VmHWM"]
    except (OSError, KeyError) as error:
        raise MeasuringError(
            f"the memory of process {pid} cannot be read: does it run, and is this Linux?"
        ) from error
    sizes = {field: 1024 * parts[name] for name, field in _FIELDS.items()}
    return Memory(peak=1024 * peak, **sizes)


def _kilobytes(path: Path) -> dict[str, int]:
    lines = (line.split() for line in path.read_text(encoding="ascii").splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if words[-1] == "kB"}


def family(pid: int) -> list[int]:
    """Return a process and all its descendants that still run, parents first."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
        except OSError:  # it has just ended
            continue
        children.setdefault(int(after_name.split()[1]), []).append(int(path.parent.name))
    found = [pid]
    for one in found:
        found += sorted(children.get(one, []))
    return found


def memory_of_family(pid: int) -> list[Memory]:
    """Return the memory of a process and of each of its descendants, the process's own first."""
    memories = [memory_of(pid)]
    for child in family(pid)[1:]:
        try:
            memories.append(memory_of(child))
        except MeasuringError:  # it has just ended
            continue
    return memories


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that was started: gunicorn's master, where it listens, and when it was ready."""

    pid: int
    port: int
    ready_after: float
    """Seconds from the start of the process until `/readyz` said 200."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[Serving]:
    """Start the service on a free port with further variables, wait until it is ready, stop it.

    Raises MeasuringError, with what it logged, where it does not get ready.
    """
    port = free_port()
    variables = {**os.environ, "COVIDQUEST_HOST": "127.0.0.1", "PORT": str(port), **environment}
    command = [sys.executable, "-m", "gunicorn", "--log-level", "warning", "service.wsgi"]
    started = time.monotonic()
    with (
        tempfile.TemporaryFile() as log,  # and not a pipe, which would fill and stop the server
        subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log, stderr=log) as process,  # noqa: S603 - our own command
    ):
        try:
            while not _ready(port):
                if process.poll() is not None or time.monotonic() > started + _START_LIMIT:
                    log.seek(0)
                    said = log.read().decode(errors="replace").strip() or "it said nothing"
                    raise MeasuringError(f"the server did not get ready: {said}")
                time.sleep(0.02)
            yield Serving(process.pid, port, time.monotonic() - started)
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()


def _ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200  # noqa: PLR2004 - HTTP's OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
