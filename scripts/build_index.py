"""Builds a searchable index from a CORD-19 release."""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from index.builder import BuildReport, EncoderSpec, build_index
from index.types import CorpusError, IndexingError
from models.contracts import ModelError
from scripts.arguments import at_least


class TerminalProgress:
    """One bar a stage on standard error: share, rate and remaining time."""

    def __init__(self) -> None:
        """Start without a bar."""
        self._bar: tqdm[None] | None = None

    def stage(self, name: str, total: int, done: int, unit: str) -> None:
        """Begin a bar, of which `done` of `total` are done already."""
        self.close()
        self._bar = tqdm(desc=name, total=total, initial=done, unit=f" {unit}", mininterval=1)

    def advance(self, count: int) -> None:
        """Move the bar by `count`."""
        if self._bar is not None:
            self._bar.update(count)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = argparse.ArgumentParser(
        prog="python -m scripts.build_index",
        description=__doc__,
        epilog="example: python -m scripts.build_index --corpus 2022-06-02 --index var/cord19",
    )
    add = arguments.add_argument
    add(
        "--corpus",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of a CORD-19 release: metadata.csv and document_parses, a folder or .tar.gz",
    )
    add(
        "--index",
        type=Path,
        required=True,
        metavar="DIR",
        help="where to publish the index; what is there stays in use until the new one is complete",
    )
    add("--limit", type=at_least(1), metavar="N", help="only the first N records of metadata.csv")
    add(
        "--encoder",
        default="default",
        metavar="DIR_OR_ID",
        help="sentence-transformers model, a folder or a hub id (default: all-MiniLM-L6-v2)",
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
        help="passages in one forward pass (default: 8 on a CPU, 256 on a GPU)",
    )
    add(
        "--workers",
        type=at_least(1),
        default=0,
        metavar="N",
        help="processes that read and cut papers (default: one per core)",
    )
    add("--resume", action="store_true", help="go on with a build that was cut off")
    add(
        "--reuse",
        action="store_true",
        help="keep the vectors of passages that the index in --index holds unchanged",
    )
    return arguments


def summary(report: BuildReport) -> str:
    """Return the closing lines: what became of every record, and what was built."""
    lines = [
        f"records    {report.records:>10,}",
        f"papers     {report.papers:>10,}",
        f"passages   {report.passages:>10,}",
        *(f"skipped    {count:>10,}  {reason}" for reason, count in report.skipped.items()),
        *(f"unreadable {count:>10,}  parses: {why}" for why, count in report.unreadable.items()),
        f"seconds    {report.seconds:>10,.0f}",
        f"size       {report.size / 1e6:>10,.1f}  MB",
        f"version    {report.version}",
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    progress = TerminalProgress()
    try:
        from models.encoder import SentenceEncoder  # noqa: PLC0415 - seconds that --help need not wait

        encoder = SentenceEncoder(
            options.encoder, device=options.device, batch_size=options.batch_size
        )
        report = build_index(
            options.corpus,
            options.index,
            EncoderSpec(encoder.name, encoder.dimension, encoder.encode),
            progress,
            limit=options.limit,
            workers=options.workers,
            resume=options.resume,
            reuse=options.reuse,
        )
    except (CorpusError, IndexingError, ModelError) as error:
        progress.close()
        print(f"build_index: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        progress.close()
        print("build_index: stopped; the same command with --resume goes on", file=sys.stderr)
        return 130
    progress.close()
    print(summary(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
