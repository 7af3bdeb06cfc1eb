"""Reads the small JSON files that describe others."""

import json
from pathlib import Path
from typing import Any


def json_object(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file. Raises OSError, and ValueError where it holds none."""
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - a file is wrong, not the program
    return found


def one_line(error: Exception) -> str:
    r"""Return what an error says, in one line.

    >>> one_line(ValueError("damaged:\n  no header"))
    'damaged: no header'
    """
    return " ".join(str(error).split())


def reason(error: Exception) -> str:
    """Say why a file could not be read, or what was read is not what it should be.

    >>> reason(KeyError("files")), reason(IsADirectoryError(21, "Is a directory"))
    ("it has no 'files'", 'Is a directory')
    """
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return getattr(error, "strerror", None) or str(error)
