"""Options of commands that look at an index as a service would, by the service's settings."""

import argparse
import os
from dataclasses import replace
from pathlib import Path

from models.loading import encoder_folder, identity
from scripts.arguments import some_path
from service.settings import Settings


def add_served_index(arguments: argparse.ArgumentParser) -> None:
    """Add the option --index."""
    arguments.add_argument(
        "--index",
        type=some_path,
        metavar="DIR",
        help="the index to search (default: COVIDQUEST_INDEX, else var/sample)",
    )


def settings_with(index: Path | None) -> Settings:
    """Return the settings of the environment, with this index if one is given.

    Raises StartError where they are wrong.
    """
    settings = Settings.from_environment(os.environ)
    return replace(settings, index=index or settings.index)


def add_served_encoder(arguments: argparse.ArgumentParser) -> None:
    """Add --encoder: who prepares an index for another machine has another setting there."""
    arguments.add_argument(
        "--encoder",
        metavar="DIR_OR_ID",
        help="the encoder that the service will embed questions with: default, stock, a folder or "
        "a hub id (default: what COVIDQUEST_ENCODER says)",
    )


def served_encoder(given: str | None) -> str:
    """Return the name that an index of this encoder has, or of the one that the settings say.

    Raises ModelError where it is not there, and StartError where the settings are wrong.
    """
    return identity(encoder_folder(given or Settings.from_environment(os.environ).encoder))
