"""Gets the index from COVIDQUEST_INDEX_URL into COVIDQUEST_INDEX when the service starts.

INDEX/.fetching/       what has come so far, and the lock of the process that fetches
INDEX/FETCHED          the SHA-256 of the file that the index came from, once it is published
"""

import fcntl
import hashlib
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.corpora.fetching import Patience, fetch
from index.corpora.megabytes import MEGABYTE, in_megabytes
from index.corpora.remote import Advice, shown
from index.manifest import CURRENT, write_durably
from index.packing import unpack
from index.types import CorpusError, IndexingError, Progress
from models.contracts import ModelError
from models.loading import encoder_folder, identity
from service.background import IndexUnavailableError
from service.settings import Settings

FETCHED = "FETCHED"
_WORK = ".fetching"
_CHUNK = 1 << 20  # bytes
_ADVICE = Advice(
    gone="correct COVIDQUEST_INDEX_URL and restart",
    later="a restart goes on",
    room="free space there, or name another folder in COVIDQUEST_INDEX",
    again="restart, which fetches it anew",
    large="raise COVIDQUEST_INDEX_LIMIT, or serve a smaller index",
)


def fetch_index(settings: Settings, progress: Progress, patience: Patience | None = None) -> None:
    """Make `settings.index` the index at `settings.index_url`; do nothing where it is already.

    Of several processes one fetches and the others wait for it. What an earlier start got of the
    same file is not fetched again. Raises IndexUnavailableError, in one line.
    """
    try:
        with _in_turn(settings.index):
            if not _there(settings):
                _fetch(settings, progress, patience)
    except OSError as error:
        reason = error.strerror or str(error)
        raise IndexUnavailableError(
            f"{settings.index} cannot be written ({reason}): give COVIDQUEST_INDEX a folder with "
            "room, on a volume that the service may write to, and restart"
        ) from error
    except (CorpusError, IndexingError, ModelError) as error:
        raise IndexUnavailableError(" ".join(str(error).split())) from error


@contextmanager
def _in_turn(index_dir: Path) -> Iterator[None]:
    """Wait until no other process fetches into the same folder."""
    (index_dir / _WORK).mkdir(parents=True, exist_ok=True)
    with (index_dir / _WORK / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _there(settings: Settings) -> bool:
    """Tell whether the index came from the same file. Raises IndexingError where it never did."""
    marker = settings.index / FETCHED
    if marker.is_file():
        return marker.read_text(encoding="utf-8", errors="replace").strip() == settings.index_sha256
    if (settings.index / CURRENT).exists():
        raise IndexingError(
            f"{settings.index} holds an index that was not fetched, and it is not replaced: name "
            "another folder in COVIDQUEST_INDEX, or serve it without COVIDQUEST_INDEX_URL"
        )
    return False


def _fetch(settings: Settings, progress: Progress, patience: Patience | None) -> None:
    limit = settings.index_limit * MEGABYTE
    encoder = identity(encoder_folder(settings.encoder))
    archive = _archive(settings, progress, patience, limit)
    ours = archive.parent == settings.index / _WORK
    found = _sha256(archive, progress)
    if found != settings.index_sha256:
        if ours:
            archive.unlink()
        raise IndexingError(
            f"{shown(settings.index_url)} has the SHA-256 {found}, and COVIDQUEST_INDEX_SHA256 is "
            f"{settings.index_sha256}: see which is right, correct it and restart"
        )
    progress.stage("unpacking", 0, 0, "MB")
    write_durably(settings.index / FETCHED, "unfinished\n")
    try:
        unpack(archive, settings.index, limit=limit, encoder=encoder)
    except IndexingError as error:
        raise IndexingError(f"{error} ({shown(settings.index_url)})") from error
    write_durably(settings.index / FETCHED, found + "\n")
    if ours:
        archive.unlink()


def _archive(settings: Settings, progress: Progress, patience: Patience | None, limit: int) -> Path:
    """Return the packed index as a file: the one that a file address names, or a fetched one."""
    parts = urllib.parse.urlsplit(settings.index_url)
    if parts.scheme == "file":
        path = Path(urllib.request.url2pathname(parts.path))
        if not path.is_file():
            raise IndexingError(f"{path} is not there: {_ADVICE.gone}")
        if path.stat().st_size > limit:
            raise IndexingError(
                f"{path} has more than {limit:,} bytes, which is the limit: {_ADVICE.large}"
            )
        return path
    archive = settings.index / _WORK / f"{settings.index_sha256}.tar"
    for other in archive.parent.glob("*.tar*"):
        if not other.name.startswith(archive.name):
            other.unlink()
    if not archive.is_file():
        fetch(settings.index_url, archive, progress, patience, limit=limit, advice=_ADVICE)
    return archive


def _sha256(path: Path, progress: Progress) -> str:
    progress.stage("checking", path.stat().st_size // MEGABYTE, 0, "MB")
    advance = in_megabytes(progress)
    computed = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            computed.update(chunk)
            advance(len(chunk))
    return computed.hexdigest()
