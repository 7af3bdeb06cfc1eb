"""Packs an index into one file, for a service that fetches it when it starts."""

import argparse
import sys
import tarfile
from pathlib import Path

from index.manifest import CURRENT
from index.packing import pack
from index.types import IndexingError
from models.contracts import ModelError
from scripts.arguments import command, some_path
from scripts.calibrations_beside import wrong_calibrations
from scripts.ending import stopped
from scripts.outputs import refusal
from scripts.served import add_served_encoder, served_encoder
from service.settings import StartError


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command(
        "pack_index",
        f"{__doc__} Put the file where the service can fetch it, and give the service "
        "the settings that this prints.",
        example="--index var/cord19 --output cord19.tar",
    )
    add = arguments.add_argument
    add("--index", type=some_path, required=True, metavar="DIR", help="the index, as it was built")
    add("--output", type=some_path, required=True, metavar="FILE", help="the file to write, a .tar")
    add_served_encoder(arguments)
    return arguments


def _is_packed(path: Path) -> bool:
    """Return whether a file is what this command writes, as far as its beginning tells."""
    try:
        with tarfile.open(path, "r:") as tar:
            first = tar.next()
    except tarfile.TarError:
        return False
    return first is not None and first.name == CURRENT


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    try:
        wrong = refusal(options.output, made=_is_packed, what="a packed index") or "; ".join(
            wrong_calibrations(options.index)
        )
        if wrong:
            raise IndexingError(wrong)  # noqa: TRY301 - as what `pack` raises
        sha256, manifest = pack(options.index, options.output, served_encoder(options.encoder))
        size = options.output.stat().st_size
    except (IndexingError, ModelError, StartError) as error:
        print(f"pack_index: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        reason = error.strerror or error
        print(
            f"pack_index: {options.output} cannot be written ({reason}): give --output a file, a "
            ".tar, in a folder with room",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt as error:
        return stopped("pack_index", "nothing was written", error)
    counts = f"{manifest.papers:,} papers, {manifest.passages:,} passages"
    print(f"{options.output}: {counts}, {size:,} bytes")
    print("COVIDQUEST_INDEX_URL=    the file's address, https://… or file:///…")
    print(f"COVIDQUEST_INDEX_SHA256={sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
