"""Fetches a CORD-19 release by its date and unpacks it, ready for build_index."""

import argparse
import re
import sys
from collections.abc import Callable
from datetime import date

from index.corpora.download import OFFICIAL, download
from index.corpora.fetching import Patience
from index.types import CorpusError
from scripts.arguments import at_least, command, some_path
from scripts.indexing import TerminalProgress, reported
from scripts.outputs import refusal


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command(
        "download_cord19",
        f"{__doc__} A download that was cut off goes on with the same command.",
        example="--date 2022-06-02 --output cord-19",
    )
    add = arguments.add_argument
    add(
        "--date",
        type=_day,
        required=True,
        help="date of the release, from 2020-05-26 to 2022-06-02",
    )
    add(
        "--output",
        type=some_path,
        required=True,
        metavar="DIR",
        help="folder for the release: metadata.csv, document_parses.tar.gz and what else it holds. "
        "What lies there already is not replaced. Up to three times the archive's size is needed "
        "there while the command runs",
    )
    add(
        "--url",
        type=_matching(r"https?://[^\s/]\S*", "an address that begins with http:// or https://"),
        default=OFFICIAL,
        help="a mirror's folder, in which cord-19_DATE.tar.gz lies (default: %(default)s)",
    )
    add(
        "--sha256",
        type=_matching(r"[0-9a-fA-F]{64}", "a SHA-256: 64 hexadecimal digits"),
        metavar="HEX",
        help="refuse an archive that has another checksum",
    )
    add(
        "--tries",
        type=at_least(1),
        default=Patience().tries,
        metavar="N",
        help="give up after so many tries in a row that brought less than a megabyte each "
        "(default: %(default)s)",
    )
    return arguments


def _day(text: str) -> str:
    try:
        return date.fromisoformat(_matching(r"\d{4}-\d{2}-\d{2}", "")(text)).isoformat()
    except (argparse.ArgumentTypeError, ValueError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a date, YYYY-MM-DD") from None


def _matching(pattern: str, what: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return text

    return parse


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)

    def work(progress: TerminalProgress) -> str:
        if wrong := refusal(options.output):
            raise CorpusError(wrong)
        done = download(
            options.date,
            options.output,
            progress,
            base=options.url,
            sha256=options.sha256,
            patience=Patience(tries=options.tries),
        )
        there = "was there already" if done.already else "is complete"
        lines = [
            *(f"left out {count:,}: {reason}" for reason, count in done.skipped.items()),
            f"the release of {options.date} {there} in {options.output}",
            f"SHA-256 of its archive: {done.sha256}",
        ]
        return "\n".join(lines)

    return reported("download_cord19", work, then="the same command goes on")


if __name__ == "__main__":
    sys.exit(main())
