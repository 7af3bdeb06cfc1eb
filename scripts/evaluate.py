"""Measures quality on question sets with known answers: of searches, reader and answers."""

import argparse
import sys

from index.types import CorpusError
from models.contracts import ModelError
from scripts import evaluate_answers, evaluate_reader, evaluate_retrieval, evaluate_spelling
from scripts.arguments import at_least, command
from scripts.benchmark_processes import MeasuringError
from scripts.served import add_served_index, settings_with
from service.settings import StartError

_COMMANDS = {
    "retrieval": (
        evaluate_retrieval,
        "the searches alone: recall and nDCG of each and of both together",
        "Searches for every question or topic, and looks how far up what answers it is.",
    ),
    "reader": (
        evaluate_reader,
        "the reader alone: exact match and F1 on texts that hold the answer",
        "Asks every question of its own text, read by windows, and compares with the gold answers.",
    ),
    "answers": (
        evaluate_answers,
        "the whole service: exact match, F1, right paper, passages read",
        "Asks every question of a file and compares the answers with the gold ones.",
    ),
    "spelling": (
        evaluate_spelling,
        "what a misspelt word does to the answers, and what the suggestion mends",
        "Asks every question as it is, with a mistake in its longest word, and as suggested then.",
    ),
}


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command("evaluate", __doc__)
    commands = arguments.add_subparsers(dest="command", required=True)
    for name, (module, summary, description) in _COMMANDS.items():
        own = commands.add_parser(name, help=summary, description=description)
        module.add_arguments(own)
        if module is not evaluate_reader:
            add_served_index(own)
        own.add_argument(
            "--limit", type=at_least(1), metavar="N", help="only the first N questions"
        )
        own.add_argument("--json", action="store_true", help="print the figures as JSON")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    module, *_ = _COMMANDS[options.command]
    try:
        print(module.run(options, settings_with(vars(options).get("index"))))
    except (CorpusError, MeasuringError, ModelError, StartError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
