"""Writes a reader whose weights are the mean of several readers' of one architecture.

Wortsman et al., "Model soups" (2022): the mean of readers that were trained from a common one, on
other data or with another loss, often reads better than each, and costs nothing when it reads.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.contracts import ModelError
from models.loading import reader_folder
from models.tokenizer import cut_alike
from scripts.arguments import command, numbered, some_path
from scripts.train_reader import publish_reader
from scripts.training_runs import expect_to_replace

_ONE = 1e-6  # what the shares may miss of it


@dataclass(frozen=True, slots=True)
class Part:
    """A reader, by its folder or hub id, and what it counts in the mean."""

    name: str
    share: float


def part(text: str) -> Part:
    """Return READER=SHARE as argparse shall have it."""
    name, share = numbered(text)
    if not name or share is None or not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write READER=SHARE, a share between 0 and 1")
    return Part(name, share)


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command(
        "average_readers", __doc__, example="FIRST=0.5 SECOND=0.5 --output MEAN", as_written=True
    )
    add = arguments.add_argument
    add("parts", nargs="+", type=part, metavar="READER=SHARE", help="the shares add up to 1")
    add("--output", type=some_path, required=True, metavar="DIR", help="where to write the reader")
    return arguments


def _expect_same_tokens(folders: Sequence[Path]) -> None:
    """Raise ModelError where the weights of two readers stand for different tokens."""
    for folder in folders[1:]:
        if not cut_alike(folders[0], folder):
            raise ModelError(
                f"{folder} cuts texts into other tokens than {folders[0]}: there is no mean of both"
            )


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    commands = parser()
    options = commands.parse_args(argv)
    parts: list[Part] = options.parts
    if abs(sum(one.share for one in parts) - 1) > _ONE:
        commands.error("the shares have to add up to 1")
    try:
        folders = [reader_folder(one.name) for one in parts]
        expect_to_replace(options.output, *folders)
        _expect_same_tokens(folders)

        from models.finetuning import blend, load_network  # noqa: PLC0415 - seconds for --help

        network = load_network(folders[0], "cpu", new_head=False)
        counted = parts[0].share
        for one, folder in zip(parts[1:], folders[1:], strict=True):
            counted += one.share
            blend(network, folder, one.share / counted)
        publish_reader(network, folders[0], options.output, base_share=0.0)
    except (ModelError, OSError) as error:
        print(f"average_readers: {error}", file=sys.stderr)
        return 1
    print(f"written to {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
