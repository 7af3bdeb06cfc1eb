"""The parser of a command, and argument types that several share."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path


def command(
    name: str, description: str | None, *, example: str = "", as_written: bool = False
) -> argparse.ArgumentParser:
    """Return a parser for `python -m scripts.name`, with an `example` of its arguments.

    The description is wrapped, or shown `as_written`.
    """
    return argparse.ArgumentParser(
        prog=f"python -m scripts.{name}",
        description=description,
        epilog=f"example: python -m scripts.{name} {example}" if example else None,
        formatter_class=(
            argparse.RawDescriptionHelpFormatter if as_written else argparse.HelpFormatter
        ),
    )


def at_least(lowest: int) -> Callable[[str], int]:
    """Return an argparse type for whole numbers from `lowest` up."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = lowest - 1
        if value < lowest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {lowest} up")
        return value

    return parse


def some_path(text: str) -> Path:
    """Return a path: an argparse type. An empty one would be the folder that one is in."""
    if not text:
        raise argparse.ArgumentTypeError("the path is empty; is a variable of the shell not set?")
    return Path(text)


def expect_use(
    commands: argparse.ArgumentParser, options: argparse.Namespace, without: str, *names: str
) -> None:
    """End with a usage error where options were given that count for nothing.

    Those are the options in `names` that have another value than their default; `without` says
    what they do not go with.
    """
    given = [name for name in names if getattr(options, name) != commands.get_default(name)]
    if given:
        written = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        commands.error(f"{written}: of no use {without}")


def numbered(text: str) -> tuple[str, float | None]:
    """Return the two parts of TEXT=NUMBER, or all of the text where no number ends it.

    >>> numbered("a=b.json=2"), numbered("a=b.json")
    (('a=b.json', 2.0), ('a=b.json', None))
    """
    name, equals, number = text.rpartition("=")
    try:
        return (name, float(number)) if equals else (text, None)
    except ValueError:
        return text, None


def above_0(text: str) -> float:
    """Return a finite number above 0: an argparse type."""
    if not 0 < (value := _number(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def from_0(text: str) -> float:
    """Return a finite number that is 0 or more: an argparse type."""
    if not 0 <= (value := _number(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 up")
    return value


def up_to(most: float) -> Callable[[str], float]:
    """Return an argparse type for a number from 0 to `most`."""

    def parse(text: str) -> float:
        if not 0 <= (value := _number(text)) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {most:g}")
        return value

    return parse


def _number(text: str) -> float:
    """Return the number, or NaN."""
    try:
        return float(text)
    except ValueError:
        return math.nan
