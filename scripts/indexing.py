"""What the commands that write an index share: arguments, progress, the encoder, errors."""

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from index.survey import Survey
from index.types import CorpusError, IndexingError, VectorRecall, Watched
from index.vector_kinds import AUTO, KINDS
from index.vector_recall import LOW
from models import backends
from models.contracts import Embedded, Encoder, ModelError
from models.loading import encoder_folder, has_weights, identity
from scripts.arguments import at_least, some_path
from scripts.ending import stopped
from service.questions import QUESTIONS

_SECONDS_PER_LINE = 30


class _Lines:
    """What a bar tells, as lines of a log: one for each tenth, and one where half a minute passed.

    It can be told what a bar can.
    """

    def __init__(self, name: str, total: int, done: int, unit: str) -> None:
        self._name, self._total, self._unit = name, total, unit
        self._done = self._said = done
        self._said_at = time.monotonic()

    def update(self, count: int) -> None:
        self._done += count
        tenths = 10 * self._done // max(self._total, 1) - 10 * self._said // max(self._total, 1)
        if (self._total and tenths) or time.monotonic() - self._said_at >= _SECONDS_PER_LINE:
            self._say()

    def close(self) -> None:
        if self._done != self._said:
            self._say()

    def _say(self) -> None:
        self._said, self._said_at = self._done, time.monotonic()
        of = f" of {self._total:,}" if self._total else ""
        share = f"{min(self._done / self._total, 1):.0%}, " if self._total else ""
        print(f"{self._name}: {share}{self._done:,}{of} {self._unit}", file=sys.stderr, flush=True)


class TerminalProgress:
    """One bar a stage on standard error: share, rate and remaining time.

    Where that is no terminal, some lines instead.
    """

    def __init__(self, command: str) -> None:
        """Start without a bar; what is noted begins with the name of the command."""
        self._command = command
        self._bar: tqdm[None] | _Lines | None = None

    def stage(self, name: str, total: int, done: int, unit: str) -> None:
        """Begin a bar, of which `done` of `total` are done already."""
        self.close()
        if sys.stderr.isatty():
            self._bar = tqdm(desc=name, total=total, initial=done, unit=f" {unit}", mininterval=1)
        else:
            self._bar = _Lines(name, total, done, unit)

    def advance(self, count: int) -> None:
        """Move the bar by `count`."""
        if self._bar is not None:
            self._bar.update(count)

    def note(self, line: str) -> None:
        """Print a line, above the bar if there is one."""
        tqdm.write(f"{self._command}: {line}", file=sys.stderr)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def add_indexing_arguments(arguments: argparse.ArgumentParser, *, index_help: str) -> None:
    """Add the arguments that building and updating share."""
    add = arguments.add_argument
    add(
        "--corpus",
        type=some_path,
        required=True,
        metavar="DIR",
        help="folder of a CORD-19 release: metadata.csv and document_parses, a folder or .tar.gz",
    )
    add("--index", type=some_path, required=True, metavar="DIR", help=index_help)
    add(
        "--encoder",
        default="default",
        metavar="DIR_OR_ID",
        help="sentence-transformers model, a folder or a hub id (default: the one that comes with "
        "CovidQuest; stock: all-MiniLM-L6-v2)",
    )
    add(
        "--device",
        choices=["auto", "cpu", "cuda"],
        default="auto",
        help="where to run the encoder (default: auto, the GPU when there is one)",
    )
    add(
        "--batch-size",
        type=at_least(1),
        metavar="N",
        help="passages in one forward pass (default: 16 on a CPU, 256 on a GPU)",
    )
    add(
        "--workers",
        type=at_least(1),
        default=0,
        metavar="N",
        help="processes that read and cut papers (default: one per core)",
    )
    add(
        "--vector-index",
        choices=[AUTO, *KINDS],
        help="kind of vector index (default: auto, by the number of passages; an update keeps one "
        "that was chosen)",
    )
    add(
        "--queries",
        type=some_path,
        metavar="FILE",
        help="questions, one a line, to measure a vector index that is not exact by "
        "(default: the suggested ones)",
    )
    add("--resume", action="store_true", help="go on with a run that was cut off")


def read_queries(path: Path | None) -> list[str]:
    """Return the questions of a file, one a line, or the suggested ones. Raises CorpusError."""
    if path is None:
        return [question.text for question in QUESTIONS]
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} cannot be read ({error}): give a text file in UTF-8") from error
    questions = [line.strip() for line in lines if line.strip()]
    if not questions:
        raise CorpusError(f"{path} holds no question: give one a line")
    return questions


def corpus_lines(report: Survey) -> list[str]:
    """Return the lines of a summary that tell what became of every record, and its parses."""
    odd = report.oddities
    lines = [
        f"records    {report.records:>10,}",
        f"papers     {report.papers:>10,}",
        f"passages   {report.passages:>10,}",
        *(f"skipped    {count:>10,}  {reason}" for reason, count in report.skipped.items()),
        *(f"unreadable {count:>10,}  parses: {why}" for why, count in report.unreadable.items()),
    ]
    if odd.dates:
        lines.append(f"unreadable {odd.dates:>10,}  dates of publication")
    if odd.too_long:
        lines.append(f"cut        {odd.too_long:>10,}  records with fields that are too long")
    if odd.malformed:
        lines.append(f"malformed  {odd.malformed:>10,}  records, first at line {odd.first_line:,}")
    return lines


def warn_of_recall(progress: Watched, recall: VectorRecall | None) -> None:
    """Say so where the vector index misses too much of what an exact search finds."""
    if recall is not None and recall.at_100 < LOW:
        progress.note(
            f"the vector index finds {recall.at_100:.1%} of the nearest 100 passages, and "
            f"less than {LOW:.0%} costs answers: give --vector-index fp16 or sq8"
        )


def load_named_encoder(options: argparse.Namespace) -> Encoder:
    """Load the encoder that the arguments name: with torch, where it and the weights are there.

    On a CPU with bfloat16, torch is as fast and more exact. Raises ModelError.
    """
    folder = encoder_folder(options.encoder)
    if importlib.util.find_spec("torch") is None or not has_weights(folder):
        return backends.load_encoder(folder, device=options.device)
    from models.encoder import SentenceEncoder  # noqa: PLC0415 - seconds that --help need not wait

    return SentenceEncoder(
        options.encoder, device=options.device, batch_size=options.batch_size, bulk=True
    )


class LazyEncoder:
    """The encoder that the arguments name, loaded when it is first called."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Find the encoder. Raises ModelError when it is not there."""
        self.name = identity(encoder_folder(options.encoder))
        self._options = options
        self._encoder: Encoder | None = None

    def encode_passages(self, texts: Sequence[str]) -> Embedded:
        """Encode as `Encoder` does. Raises ModelError when it cannot be loaded."""
        if self._encoder is None:
            self._encoder = load_named_encoder(self._options)
        return self._encoder.encode_passages(texts)


RESUMABLE = "the same command with --resume goes on"


def reported(command: str, work: Callable[[TerminalProgress], str], *, then: str) -> int:
    """Do the work and print what it returns; return the command's exit status.

    `then` is said after an interrupt: how to go on.
    """
    progress = TerminalProgress(command)
    try:
        summary = work(progress)
    except (CorpusError, IndexingError, ModelError) as error:
        progress.close()
        print(f"{command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        progress.close()
        return stopped(command, then, error)
    progress.close()
    print(summary)
    return 0
