"""Arguments that the commands which train a model have in common."""

import argparse

from scripts.arguments import above_0, at_least, some_path, up_to
from scripts.training_runs import source

_PASSES = "PASSES is how often the run goes through the file (default: 1)"


def add_sources(arguments: argparse.ArgumentParser, **said: str) -> None:
    """Add the options for files of questions, each with what is `said` of it; together `sources`.

    They are `corpus_questions` (whose passages come from the index), `questions` (from the file)
    and `made_questions`. The first one also says what PASSES are.
    """
    kinds = {
        "corpus_questions": source(corpus=True),
        "questions": source(),
        "made_questions": source(made=True),
    }
    for number, (name, text) in enumerate(said.items()):
        arguments.add_argument(
            f"--{name.replace('_', '-')}",
            dest="sources",
            action="append",
            default=[],
            type=kinds[name],
            metavar="FILE[=PASSES]",
            help=text if number else f"{text}; {_PASSES}",
        )


def add_output(arguments: argparse.ArgumentParser, what: str) -> None:
    """Add where to write what was trained, and the folder of the run."""
    add = arguments.add_argument
    add("--output", type=some_path, required=True, metavar="DIR", help=f"where to write the {what}")
    add("--work", type=some_path, required=True, metavar="DIR", help="folder of checkpoint and log")


def add_base_share(arguments: argparse.ArgumentParser) -> None:
    """Add the share that the base's weights have in what is published."""
    arguments.add_argument(
        "--base-share",
        type=up_to(1),
        default=0.0,
        metavar="S",
        help="publish the mean of the trained weights and the base's, which count S (default: 0)",
    )


def add_course(arguments: argparse.ArgumentParser, *, rate: str) -> None:
    """Add the learning rate, with its default as it is written, the time, the seed, the device."""
    add = arguments.add_argument
    add(
        "--rate",
        type=above_0,
        default=float(rate),
        help=f"greatest learning rate (default: {rate})",
    )
    add(
        "--minutes",
        type=above_0,
        metavar="M",
        help="end the training after M minutes, the rate being at its lowest then",
    )
    add("--seed", type=at_least(0), default=0, metavar="N")
    add("--device", choices=["auto", "cpu", "cuda"], default="auto")
