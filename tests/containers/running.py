"""Runs an image's command as its own user, with its own environment, without a network."""

import ctypes
import fcntl
import json
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from scripts.benchmark_processes import MeasuringError, Memory, memory_of_family
from tests.containers.building import Image
from tests.serving import Server

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET, sched.h
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
_MEMORY = Path("/sys/fs/cgroup/memory")  # version 1
_UNIFIED = Path("/sys/fs/cgroup")
_ENTER = Path(__file__).with_name("enter.py")
MB = 1_000_000
DYNO = 512 * 1024 * 1024
"""Bytes of memory that Heroku's smallest dynos have."""


def cut_off_network() -> None:
    """Leave this thread, and all that it starts from now on, with a loopback device only."""
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "cannot make a network namespace")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _GET_FLAGS, request))[1]
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


@contextmanager
def memory_limit(limit: int) -> Iterator[Path | None]:
    """Yield a control group with at most so many bytes; None where none can be made."""
    for parent, name in ((_MEMORY, "memory.limit_in_bytes"), (_UNIFIED, "memory.max")):
        try:
            group = Path(tempfile.mkdtemp(prefix="covidquest-", dir=parent))
        except OSError:
            continue
        if not (group / name).exists():
            group.rmdir()
            continue
        try:
            (group / name).write_text(str(limit))
        except OSError:
            group.rmdir()
            continue
        try:
            yield group
        finally:
            group.rmdir()
        return
    yield None


@dataclass
class Peak:
    """The greatest memory that a process and its children had at one moment, in bytes.

    Of memory that processes share each has its part.
    """

    process: int
    bytes: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        while not self._stop.wait(0.2):
            with suppress(MeasuringError):  # it has ended
                whole = sum(memory_of_family(self.process), start=Memory())
                self.bytes = max(self.bytes, whole.proportional)

    def stop(self) -> None:
        self._stop.set()


@contextmanager
def started(
    image: Image,
    port: int,
    command: Sequence[str] = (),
    mounts: Mapping[str, str] | None = None,
    memory: int = DYNO,
    **changes: str | None,
) -> Iterator[tuple[Server, Peak]]:
    """Start the image's command, or another, in so many bytes of memory; kill it in the end.

    `changes` are of its environment; None takes a variable away.
    """
    environment = image.environment | {"PORT": str(port)} | changes
    user, group = image.user
    with memory_limit(memory) as cgroup, tempfile.NamedTemporaryFile(suffix=".log") as log:
        told = {
            "root": str(image.root),
            "cgroup": str(cgroup) if cgroup else "",
            "mounts": dict(mounts or {}),
            "folder": image.config["WorkingDir"],
            "user": user,
            "group": group,
            "environment": {
                name: value for name, value in environment.items() if value is not None
            },
            "command": list(command or image.config["Cmd"]),
        }
        enter = ["unshare", "--mount", sys.executable, str(_ENTER), json.dumps(told)]
        with subprocess.Popen(enter, stderr=log, stdout=log) as process:
            peak = Peak(process.pid)
            watching = threading.Thread(target=peak.watch)
            watching.start()
            try:
                yield Server(port, process, log), peak
            finally:
                peak.stop()
                watching.join()
                if process.poll() is None:
                    process.kill()
                    process.wait()
        _wait_until_empty(cgroup)


def _wait_until_empty(cgroup: Path | None) -> None:
    """Wait for the workers of a server that was killed: they look every second for their parent."""
    if cgroup is not None:
        end = threading.Event()
        for _ in range(100):
            if not (cgroup / "cgroup.procs").read_text():
                return
            end.wait(0.1)
