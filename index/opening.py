"""What is said where a file of an index cannot be opened: it need not be the file's fault."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from files.reading import reason
from index.types import IndexingError, ShortageError

_SHORTAGES = tuple(
    os.strerror(code) for code in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC)
)


def unopened(
    path: Path, error: Exception, what: str, mend: str = "build the index again"
) -> IndexingError:
    """Return what to raise where a file or folder fails to open; `what` is said of it, and `mend`.

    It is a ShortageError where the system would not give a file, memory or room. FAISS and tantivy
    tell that by the system's words alone.
    """
    said = " ".join(reason(error).split())
    for shortage in _SHORTAGES:
        if shortage in said:
            return ShortageError(
                f"{path} cannot be opened ({shortage}): free some, or raise the process's limit"
            )
    return IndexingError(f"{path} {what} ({said}): {mend}")


@contextmanager
def opening(folder: Path) -> Iterator[None]:
    """Raise IndexingError for what the system says against opening a file in a folder."""
    try:
        yield
    except OSError as error:
        path = Path(error.filename or folder)
        raise unopened(path, error, "cannot be read", "build or copy the index again") from error
