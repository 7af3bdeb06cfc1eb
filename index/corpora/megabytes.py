"""Progress in megabytes, of what is counted in bytes."""

from collections.abc import Callable

from index.types import Progress

MEGABYTE = 1_000_000


def in_megabytes(progress: Progress, done: int = 0) -> Callable[[int], None]:
    """Return what takes bytes, after the first `done`, and tells `progress` of whole megabytes."""
    position = done

    def advance(count: int) -> None:
        nonlocal position
        before, position = position, position + count
        if moved := position // MEGABYTE - before // MEGABYTE:
            progress.advance(moved)

    return advance
