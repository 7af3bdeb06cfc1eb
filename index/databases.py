"""How a finished SQLite file of an index is opened."""

from pathlib import Path


def read_only(path: Path) -> str:
    """Return the address (`uri=True`) of a file that nobody writes any more: nothing is locked."""
    return f"{path.resolve().as_uri()}?mode=ro&immutable=1"
