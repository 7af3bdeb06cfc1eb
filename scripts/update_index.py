"""Brings an index up to date with its corpus: embeds what is new or changed, drops what is gone."""

import argparse
import sys
from dataclasses import astuple

from index.updating import UpdateReport, update_index
from scripts.arguments import command, expect_use, some_path
from scripts.build_index import summary
from scripts.indexing import (
    RESUMABLE,
    LazyEncoder,
    TerminalProgress,
    add_indexing_arguments,
    read_queries,
    reported,
    warn_of_recall,
)


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command(
        "update_index",
        f"{__doc__} It reads the whole corpus, also for an index that was built with --limit.",
        example="--corpus 2022-06-02 --index var/cord19",
    )
    where = "the index; its version stays in use until the new one is complete"
    add_indexing_arguments(arguments, index_help=where)
    arguments.add_argument(
        "--dry-run", action="store_true", help="only say what would change; nothing is published"
    )
    arguments.add_argument(
        "--allow-loss",
        action="store_true",
        help="publish also when more than a fifth of the papers or passages would go, or more than "
        "half of the parses cannot be read",
    )
    arguments.add_argument(
        "--scratch",
        type=some_path,
        metavar="DIR",
        help="where a dry run works, instead of the index's folder, which may then be read-only",
    )
    return arguments


def described(report: UpdateReport, *, dry_run: bool) -> str:
    """Return the closing lines: what changed, and what was built of it."""
    lines = [f"{'':<10} {'added':>10} {'changed':>10} {'kept':>10} {'dropped':>10}"]
    for name, counts in [("papers", report.changes.papers), ("passages", report.changes.passages)]:
        lines.append(" ".join([f"{name:<10}", *(f"{n:>10,}" for n in astuple(counts))]))
    if report.built is not None:
        lines += ["", summary(report.built)]
    elif not report.needed:
        lines.append(f"up to date: version {report.version} stays")
    elif dry_run:
        if report.becomes:
            lines.append(f"the vector index would become {report.becomes}")
        lines.append(f"dry run: version {report.version} stays")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    commands = parser()
    options = commands.parse_args(argv)
    if not options.dry_run:
        expect_use(commands, options, "without --dry-run", "scratch")

    def work(progress: TerminalProgress) -> str:
        questions = read_queries(options.queries)
        encoder = LazyEncoder(options)
        report = update_index(
            options.corpus,
            options.index,
            encoder.name,
            encoder.encode_passages,
            progress,
            workers=options.workers,
            resume=options.resume,
            dry_run=options.dry_run,
            vector_index=options.vector_index,
            questions=questions,
            allow_loss=options.allow_loss,
            scratch=options.scratch,
        )
        if report.built:
            warn_of_recall(progress, report.built.recall)
        return described(report, dry_run=options.dry_run)

    then = "nothing has changed" if options.dry_run else RESUMABLE
    return reported("update_index", work, then=then)


if __name__ == "__main__":
    sys.exit(main())
