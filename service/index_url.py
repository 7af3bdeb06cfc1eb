"""Gets the index from COVIDQUEST_INDEX_URL into COVIDQUEST_INDEX when the service starts.

INDEX/.fetching/       what has come so far, and the lock of the process that fetches
INDEX/FETCHED          the SHA-256 of the file that the index came from, once it is published, and
                       the version that came; before that, the versions that may be replaced
"""

import fcntl
import logging
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from files.reading import one_line
from files.writing import write_durably
from index.corpora.fetching import Patience, fetch
from index.corpora.megabytes import MEGABYTE, sha256_watched
from index.corpora.remote import Advice, shown
from index.manifest import current_name, versions
from index.packing import unpack
from index.search import checked
from index.types import CorpusError, IndexingError, MisfitError, ShortageError
from models.contracts import ModelError
from models.loading import encoder_folder, identity
from service.background import IndexUnavailableError
from service.fetch_progress import FetchProgress
from service.settings import Settings

log = logging.getLogger(__name__)

FETCHED = "FETCHED"
_UNFINISHED = "unfinished"
_WORK = ".fetching"
_ADVICE = Advice(
    gone="correct COVIDQUEST_INDEX_URL and restart",
    later="a restart goes on",
    room="free space there, or name another folder in COVIDQUEST_INDEX",
    again="restart, which fetches it anew",
    large="raise COVIDQUEST_INDEX_LIMIT, or serve a smaller index",
)


def fetch_index(
    settings: Settings, progress: FetchProgress, patience: Patience | None = None
) -> str:
    """Make `settings.index` the index at `settings.index_url`; do nothing where it is already.

    One that was fetched, and is damaged or gone by now, is fetched again. Of several processes one
    fetches and the others wait for it. What an earlier start got of the same file is not fetched
    again. Returns the version whose files were compared with their checksums, "" where none was.
    Raises IndexUnavailableError, in one line.
    """
    try:
        encoder = identity(encoder_folder(settings.encoder))
        with _in_turn(settings.index):
            there = _there(settings, encoder)
            return _fetch(settings, encoder, progress, patience) if there is None else there
    except OSError as error:
        reason = error.strerror or str(error)
        raise IndexUnavailableError(
            f"{settings.index} cannot be written ({reason}): give COVIDQUEST_INDEX a folder with "
            "room, on a volume that the service may write to, and restart"
        ) from error
    except (CorpusError, IndexingError, ModelError) as error:
        raise IndexUnavailableError(one_line(error)) from error


@contextmanager
def _in_turn(index_dir: Path) -> Iterator[None]:
    """Wait until no other process fetches into the same folder."""
    (index_dir / _WORK).mkdir(parents=True, exist_ok=True)
    with (index_dir / _WORK / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _there(settings: Settings, encoder: str) -> str | None:
    """Return the version that is to be served, None where it is not there, or is damaged.

    It is the same file's, or "" for one that was made of it: whoever opens that will verify it.
    Raises IndexingError where there is an index that did not come from an address, or one that
    came and is of another format or encoder.
    """
    marker = settings.index / FETCHED
    noted = marker.read_text(encoding="utf-8", errors="replace").split() if marker.is_file() else []
    same, came = noted[:1] == [settings.index_sha256], noted[1:]
    current = current_name(settings.index)
    others = {folder.name for folder in versions(settings.index)} - set(came)
    if (current and not noted) or (came and current in others):
        if same:
            return ""  # it was updated, or built again
        raise IndexingError(
            f"{settings.index} holds an index that was not fetched, and it is not replaced: name "
            "another folder in COVIDQUEST_INDEX, or serve it without COVIDQUEST_INDEX_URL"
        )
    return _whole(settings.index, encoder) if same else None


def _whole(index_dir: Path, encoder: str) -> str | None:
    """Return the name of the current version, None where it is not as it was written.

    Raises MisfitError and ShortageError: to fetch it again mends nothing.
    """
    try:
        return checked(index_dir, encoder)[0].name
    except (MisfitError, ShortageError):
        raise
    except IndexingError as error:
        log.warning("fetching the index again: %s", one_line(error))
        return None


def _fetch(
    settings: Settings, encoder: str, progress: FetchProgress, patience: Patience | None
) -> str:
    limit = settings.index_limit * MEGABYTE
    archive = _archive(settings, progress, patience, limit)
    ours = archive.parent == settings.index / _WORK
    found = sha256_watched(archive, progress)
    if found != settings.index_sha256:
        if ours:
            archive.unlink()
        raise IndexingError(
            f"{shown(settings.index_url)} has the SHA-256 {found}, and COVIDQUEST_INDEX_SHA256 is "
            f"{settings.index_sha256}: see which is right, correct it and restart"
        )
    progress.stage("unpacking", 0, 0, "MB")

    def note(*words: str) -> None:
        write_durably(settings.index / FETCHED, " ".join(words) + "\n")

    def before(version: str) -> None:
        note(_UNFINISHED, current_name(settings.index), version)

    try:
        version = unpack(archive, settings.index, limit=limit, encoder=encoder, before=before)
    except IndexingError as error:
        raise IndexingError(f"{error} ({shown(settings.index_url)})") from error
    note(found, version.name)
    if ours:
        archive.unlink()
    return version.name


def _archive(
    settings: Settings, progress: FetchProgress, patience: Patience | None, limit: int
) -> Path:
    """Return the packed index as a file: the one that a file address names, or a fetched one."""
    if settings.index_url.startswith("file:"):
        path = Path(urllib.request.url2pathname(urllib.parse.urlsplit(settings.index_url).path))
        if not path.is_file():
            what = "is no file" if path.exists() else "is not there"
            raise IndexingError(f"{path} {what}: {_ADVICE.gone}")
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
        progress.stage("fetching", 0, 0, "MB")  # it may take long until the server says how many
        fetch(
            settings.index_url,
            archive,
            progress,
            patience,
            limit=limit,
            advice=_ADVICE,
            note=progress.failed,
        )
    return archive
