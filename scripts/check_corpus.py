"""Reads a CORD-19 release as build_index does, without embedding it, and reports what it holds."""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from index.parallel import cores
from index.survey import Survey, survey
from index.types import IndexingError
from scripts.arguments import at_least, command, some_path
from scripts.indexing import TerminalProgress, corpus_lines, reported


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command(
        "check_corpus", f"{__doc__} Nothing is published.", example="--corpus 2022-06-02"
    )
    add = arguments.add_argument
    add(
        "--corpus",
        type=some_path,
        required=True,
        metavar="DIR",
        help="folder of a CORD-19 release: metadata.csv and its parses",
    )
    add("--limit", type=at_least(1), metavar="N", help="only the first N records of metadata.csv")
    add(
        "--workers",
        type=at_least(1),
        default=0,
        metavar="N",
        help="processes that read and cut papers (default: one per core)",
    )
    add(
        "--scratch",
        type=some_path,
        metavar="DIR",
        help="where passages go until the command ends, about as much as metadata.csv and the "
        "text of its parses (default: the system's folder for temporary files)",
    )
    return arguments


def summary(found: Survey, seconds: float, workers: int) -> str:
    """Return the report: what would become of every record."""
    own, largest, cpu = _usage()
    lines = [
        *corpus_lines(found),
        f"seconds    {seconds:>10,.0f}",
        f"processor  {cpu:>10,.0f}  seconds, all processes",
        f"memory     {own:>10,.0f}  MB at most, this process",
    ]
    if workers > 1:
        lines.append(f"memory     {largest:>10,.0f}  MB at most, each of {workers} more")
    return "\n".join(lines)


def _usage() -> tuple[float, float, float]:
    """Return the most memory, in MB, of this process and of its largest child, and CPU seconds."""
    unit = 1e6 if sys.platform == "darwin" else 1e3  # bytes there, kilobytes elsewhere
    own, children = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = sum(each.ru_utime + each.ru_stime for each in (own, children))
    return own.ru_maxrss / unit, children.ru_maxrss / unit, cpu


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    workers = options.workers or cores()
    passages = 0

    def work(progress: TerminalProgress) -> str:
        nonlocal passages
        started = time.monotonic()
        where = options.scratch or tempfile.gettempdir()
        try:
            with tempfile.TemporaryDirectory(prefix="covidquest-", dir=where) as scratch:
                found = survey(
                    options.corpus, Path(scratch), progress, limit=options.limit, workers=workers
                )
        except OSError as error:
            raise IndexingError(
                f"{where} cannot be written ({error.strerror or error}): give --scratch a folder "
                "that is there and has room"
            ) from error
        passages = found.passages
        return summary(found, time.monotonic() - started, workers)

    status = reported("check_corpus", work, then="")
    if status == 0 and passages == 0:
        print(f"check_corpus: {options.corpus} holds no text to index", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
