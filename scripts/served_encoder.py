"""The option --encoder of commands that look at an index for the service that is to serve it."""

import argparse
import os

from models.loading import encoder_folder, identity
from service.settings import Settings


def add_served_encoder(arguments: argparse.ArgumentParser) -> None:
    """Add the option: who prepares an index for another machine has another setting there."""
    arguments.add_argument(
        "--encoder",
        metavar="DIR_OR_ID",
        help="the encoder that the service will embed questions with: default, stock, a folder or "
        "a hub id (default: what COVIDQUEST_ENCODER says)",
    )


def served_encoder(given: str | None) -> str:
    """Return the name that an index of this encoder has, or of the one that the settings say.

    Raises ModelError where it is not there, and SettingsError where the settings are wrong.
    """
    return identity(encoder_folder(given or Settings.from_environment(os.environ).encoder))
