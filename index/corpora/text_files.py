"""Opens files of text, plain or gzipped."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from index.types import CorpusError


@contextmanager
def opened_text(path: Path) -> Iterator[IO[str]]:
    """Open a text in UTF-8 to read, a gzipped one where the name ends with .gz.

    Raises CorpusError, also while it is read, where it is missing, damaged or no such text.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path} is no text in UTF-8: if it is gzipped, let its name end with .gz"
        ) from error
    except (EOFError, zlib.error) as error:
        raise CorpusError(f"{path} is damaged or cut off ({error}): fetch it again") from error
