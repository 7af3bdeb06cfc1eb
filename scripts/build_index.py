"""Builds a searchable index from a CORD-19 release."""

import argparse
import sys

from index.builder import BuildReport, build_index, expect_to_build
from index.embedding import EncoderSpec
from index.vector_kinds import AUTO
from scripts.arguments import at_least, command
from scripts.indexing import (
    RESUMABLE,
    TerminalProgress,
    add_indexing_arguments,
    corpus_lines,
    load_named_encoder,
    read_queries,
    reported,
    warn_of_recall,
)


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command("build_index", __doc__, example="--corpus 2022-06-02 --index var/cord19")
    where = "where to publish the index; what is there stays in use until the new one is complete"
    add_indexing_arguments(arguments, index_help=where)
    arguments.add_argument(
        "--limit", type=at_least(1), metavar="N", help="only the first N records of metadata.csv"
    )
    return arguments


def summary(report: BuildReport) -> str:
    """Return the closing lines: what became of every record, and what was built."""
    lines = [
        *corpus_lines(report.corpus),
        f"seconds    {report.seconds:>10,.0f}",
        f"size       {report.size / 1e6:>10,.1f}  MB",
        f"vectors    {report.vector_index:>10}  {report.recall or 'recall not measured'}",
        f"version    {report.version}",
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)

    def work(progress: TerminalProgress) -> str:
        questions = read_queries(options.queries)
        expect_to_build(options.corpus, options.index)
        encoder = load_named_encoder(options)
        report = build_index(
            options.corpus,
            options.index,
            EncoderSpec(
                encoder.name, encoder.dimension, encoder.encode_passages, encoder.word_dimension
            ),
            progress,
            limit=options.limit,
            workers=options.workers,
            resume=options.resume,
            vector_index=options.vector_index or AUTO,
            questions=questions,
        )
        warn_of_recall(progress, report.recall)
        return summary(report)

    return reported("build_index", work, then=RESUMABLE)


if __name__ == "__main__":
    sys.exit(main())
