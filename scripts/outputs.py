"""What no output may replace: a part of an index, what the command reads, what it did not make."""

from collections.abc import Callable, Iterable
from pathlib import Path

from files.writing import temporary
from index.manifest import index_around


def refusal(
    output: Path,
    inputs: Iterable[Path | None] = (),
    *,
    made: Callable[[Path], bool] = lambda _: True,
    what: str = "",
) -> str:
    """Return why `output` must not be written, "" where it may.

    That is where it lies in an index, is one of the `inputs`, or is a file that holds something
    else than `what` such commands have `made`. An empty file may be replaced. Raises OSError where
    that cannot be told.
    """
    if index := index_around(output):
        return f"{output} lies in the index {index}: name a place outside of it"
    taken = {output.resolve(), temporary(output).resolve()}
    for one in inputs:
        if one is not None and one.resolve() in taken:
            return f"{output} would replace {one}, which this command reads: name another file"
    if output.is_file() and output.stat().st_size and not made(output):
        return f"{output} holds something else than {what}: name another file, or remove it"
    return ""
