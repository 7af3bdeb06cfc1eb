"""Shows what is in an index, whether its files are as they were written, and whether it opens."""

import argparse
import json
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from index.inspection import WORDS_PER_BIN, Contents, Inspection, ShownPassage, inspect_index
from index.manifest import Manifest
from index.search import misfit
from index.types import IndexingError
from models.contracts import ModelError
from scripts.arguments import at_least, some_path
from scripts.calibrations_beside import wrong_calibrations
from scripts.printing import printable
from scripts.served import add_served_encoder, served_encoder
from service.settings import StartError

_BAR = 40  # characters of the longest bar
_MOST_LINES = 25  # of one table; the rest is added up


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = argparse.ArgumentParser(
        prog="python -m scripts.inspect_index",
        description=__doc__,
        epilog="The exit status is 1 when the index cannot be served as it is. "
        "example: python -m scripts.inspect_index --index var/cord19",
    )
    add = arguments.add_argument
    add("--index", type=some_path, required=True, metavar="DIR", help="the index to look at")
    add("--json", action="store_true", help="print one JSON object instead of text")
    add(
        "--samples",
        type=at_least(0),
        default=3,
        metavar="N",
        help="passages to show, the same ones every time (default: 3)",
    )
    add_served_encoder(arguments)
    return arguments


def report(found: Inspection, other: str = "", unfit: Sequence[str] = ()) -> Iterator[str]:
    """Yield the lines of the text.

    `other` says that the index is of another encoder than the service's, and `unfit` what is wrong
    with the calibrations.
    """
    yield from _manifest(found.folder, found.manifest)
    if found.contents is not None:
        yield from _contents(found.contents)
    yield ""
    yield from (f"WRONG: {problem}" for problem in _wrong(found, other, unfit))
    if found.problems:
        yield "Build or copy the index again."
    elif unfit:
        yield "Fit the calibrations again."
    elif not other:  # else its line says what to do
        yield f"OK: all {len(found.manifest.files)} files are as they were written, and it opens."


def _wrong(found: Inspection, other: str, unfit: Sequence[str]) -> list[str]:
    return [*found.problems, *filter(None, [other]), *unfit]


def _manifest(folder: Path, manifest: Manifest) -> Iterator[str]:
    sizes: Counter[str] = Counter()
    for name, (size, _) in manifest.files.items():
        sizes[name.split("/")[0]] += size
    yield f"index      {folder}"
    yield f"built at   {manifest.built_at}, of {printable(manifest.corpus)}"
    yield f"encoder    {manifest.encoder}, {manifest.dimension} dimensions"
    yield f"chunker    {manifest.chunker}"
    yield f"vectors    {manifest.vector_index}, {manifest.recall or 'recall not measured'}"
    yield ""
    yield f"{'MB':>10}  file"
    yield from (f"{size / 1e6:>10,.1f}  {name}" for name, size in sizes.most_common())
    yield f"{sizes.total() / 1e6:>10,.1f}  all"


def _contents(contents: Contents) -> Iterator[str]:
    papers, full = contents.papers, contents.full_text
    yield ""
    yield f"{papers:>10,}  papers, {full:,} with full text, {papers - full:,} with abstract only"
    yield f"{contents.passages:>10,}  passages"
    lengths = {
        f"{least} to {least + WORDS_PER_BIN - 1}": count
        for least, count in contents.lengths.items()
    }
    yield from _bars("passages by length in words", lengths)
    yield from _bars("papers by year", dict(reversed(contents.years.items())))
    yield from _bars("papers by source", contents.sources)
    yield from _bars("papers by licence", contents.licenses)
    yield from _bars("records skipped", contents.skips)
    yield from _bars("parses that could not be read", contents.unreadable)
    for name, passage in [("shortest", contents.shortest), ("longest", contents.longest)]:
        if passage is not None:
            yield from _passage(f"{name} passage", passage)
    for number, passage in enumerate(contents.samples, start=1):
        yield from _passage(f"sample {number}", passage)


def _bars(title: str, counts: Mapping[str, int]) -> Iterator[str]:
    """Yield a table of counts with a bar for each, drawn to the greatest one."""
    if not counts:
        return
    yield f"\n{title}"
    shown = list(counts.items())
    greatest = max(counts.values())
    for name, count in shown[:_MOST_LINES]:
        bar = "▇" * round(_BAR * count / greatest) or "▏"
        yield f"{count:>10,}  {bar:<{_BAR}}  {printable(name)}"
    if rest := shown[_MOST_LINES:]:
        yield f"{sum(count for _, count in rest):>10,}  {'':<{_BAR}}  {len(rest)} others"


def _passage(title: str, passage: ShownPassage) -> Iterator[str]:
    paper = printable(passage.cord_uid)
    yield f"\n{title}: {passage.words} words, passage {passage.id} of paper {paper}"
    heading = " / ".join(part for part in (passage.title, passage.section) if part)
    width = min(100, shutil.get_terminal_size().columns)
    for text in (heading, passage.text):
        yield from textwrap.wrap(
            printable(text), width, initial_indent="  ", subsequent_indent="  "
        )


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    try:
        encoder = served_encoder(options.encoder)
        found = inspect_index(options.index, options.samples)
    except (IndexingError, ModelError, StartError) as error:
        print(f"inspect_index: {error}", file=sys.stderr)
        return 1
    other = misfit(options.index, found.manifest, encoder)
    unfit = wrong_calibrations(options.index)
    wrong = _wrong(found, other, unfit)
    if options.json:
        whole = replace(found, problems=wrong)
        print(json.dumps(asdict(whole), default=str, indent=2))
    else:
        print("\n".join(report(found, other, unfit)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
