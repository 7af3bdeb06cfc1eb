"""Builds a searchable index from a CORD-19 release."""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from index.builder import BuildReport, EncoderSpec, build_index
from index.types import CorpusError, IndexingError
from index.vector_kinds import AUTO, KINDS
from index.vector_recall import LOW
from models.contracts import ModelError
from scripts.arguments import at_least
from service.questions import QUESTIONS


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
        help="folder of a CORD-19 release: metadata.csv and document_parses/",
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
    add(
        "--vector-index",
        choices=[AUTO, *KINDS],
        default=AUTO,
        help="kind of vector index (default: auto, by the number of passages)",
    )
    add(
        "--queries",
        type=Path,
        metavar="FILE",
        help="questions, one a line, to measure a vector index that is not exact by "
        "(default: the suggested ones)",
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
        f"vectors    {report.vector_index:>10}  {report.recall or 'recall not measured'}",
        f"version    {report.version}",
    ]
    return "\n".join(lines)


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


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    progress = TerminalProgress()
    try:
        queries = read_queries(options.queries)
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
            vector_index=options.vector_index,
            questions=queries,
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
    if report.recall is not None and report.recall.at_100 < LOW:
        print(
            f"build_index: the vector index finds {report.recall.at_100:.1%} of the nearest 100 "
            f"passages, and less than {LOW:.0%} costs answers: give --vector-index fp16 or sq8",
            file=sys.stderr,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
