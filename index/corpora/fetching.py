"""Fetches one large file over HTTP, going on where an interruption left it.

Resuming is RFC 9110, sections 13.1.5 (If-Range), 14.2 (Range) and 14.4 (Content-Range): the rest is
asked for only if the file is still the one that was begun; else the server sends it whole.
"""

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from files.writing import write_durably
from index.corpora.megabytes import MEGABYTE, in_megabytes
from index.corpora.remote import (
    Advice,
    Version,
    content_range,
    is_other,
    retry_after,
    sendable,
    shown,
    version_of,
)
from index.types import CorpusError, Progress

_CHUNK = 1 << 20  # bytes
_PROGRESS = 1 << 20  # bytes; a try that gains fewer has failed
_LONGEST_WAIT = 60.0  # seconds
_RESERVE = 200_000_000  # bytes that stay free on the disk
_AGAIN = {408, 425, 429, 500, 502, 503, 504}  # statuses that may be others a little later
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|\?xml)", re.IGNORECASE)
_GONE = {403, 404, 410}  # S3 says 403 of what is not there


class _InterruptedError(Exception):
    """A try that failed, and the next one may not; the server may say how long to wait."""

    def __init__(self, reason: object, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on trying: seconds for each read, and before a second try; then it doubles.

    `tries` is how often in a row a try may fail to bring anything. What is fetched anew, because
    the file changed, ends no such row.
    """

    timeout: float = 60.0
    wait: float = 1.0
    tries: int = 10


def fetch(
    url: str,
    target: Path,
    progress: Progress,
    patience: Patience | None = None,
    *,
    limit: int | None = None,
    advice: Advice | None = None,
    note: Callable[[str], None] | None = None,
) -> None:
    """Fetch `url` into `target`, which is complete or absent and has at most `limit` bytes.

    What an earlier call got of the same file is kept beside `target` and not fetched again. A user
    and password in the address are told its server alone, and none that it redirects to. `note` is
    told of each try that failed, and how long it is to the next one.

    Raises CorpusError when the address is malformed, the file is not there, does not come within
    bounds, has another MD5 than S3 says, is larger than `limit`, or has no room on the disk. No
    message tells a password or a signature that is in the address.
    """
    patience = patience or Patience()
    advice = advice or Advice()
    download = _Download(url, target, progress, patience.timeout, limit=limit, advice=advice)
    failures = 0
    most = download.size()  # bytes that were here at once: what comes in their place is no gain
    while True:
        before = download.size()
        try:
            download.attempt()
            break
        except _InterruptedError as error:
            reason = error
        kept = download.size()
        if kept - before < _PROGRESS:
            failures += 1
        elif kept - most >= _PROGRESS:
            failures = 0
        most = max(most, kept)
        if failures >= patience.tries:
            in_a_row = f", {failures} times in a row" if failures > 1 else ""
            raise CorpusError(
                f"{shown(url)} could not be fetched ({reason}){in_a_row}: see whether the server "
                f"can be reached; {'what was fetched is kept, and ' if kept else ''}{advice.later}"
            ) from None
        wait = max(min(patience.wait * 2 ** max(failures - 1, 0), _LONGEST_WAIT), reason.wait)
        if note:
            note(f"{reason}; the next try is in {wait:.0f} seconds")
        time.sleep(wait)
    download.finish()


class _Download:
    def __init__(
        self,
        url: str,
        target: Path,
        progress: Progress,
        timeout: float,
        *,
        limit: int | None,
        advice: Advice,
    ) -> None:
        try:
            self._url, self._secret = sendable(url)
        except ValueError:  # its text might tell a password
            raise CorpusError(f"host or port in the address are malformed: {advice.gone}") from None
        self._shown = shown(url)
        self._limit = limit
        self._advice = advice
        self._target = target
        self._part = target.with_name(target.name + ".part")
        self._state = target.with_name(target.name + ".part.json")
        self._progress = progress
        self._timeout = timeout

    def size(self) -> int:
        """Return how many bytes are there, and are of the file that the state describes."""
        if not self._version().validator or not self._part.is_file():
            return 0
        return self._part.stat().st_size

    def attempt(self) -> None:
        """Fetch what is missing. Raises _InterruptedError."""
        while not self._fetched():  # a server that did not say how much there is is asked for more
            continue

    def _fetched(self) -> bool:
        """Ask once for what is missing; return whether all is here now."""
        have, version = self.size(), self._version()
        if version.length and have == version.length:
            return True
        request = urllib.request.Request(self._url, headers={"Accept-Encoding": "identity"})  # noqa: S310 - the user's own address
        for name, value in self._secret.items():
            request.add_unredirected_header(name, value)
        if have:
            request.add_header("Range", f"bytes={have}-")
            request.add_header("If-Range", version.validator)
        try:
            with _network():
                response = urllib.request.urlopen(request, timeout=self._timeout)  # noqa: S310 - likewise
        except urllib.error.HTTPError as error:
            with error:
                self._answered(error, have)
            return True
        with response:
            return self._receive(response, have, version)

    def _answered(self, error: urllib.error.HTTPError, have: int) -> None:
        """Judge an answer that is no file; return when it says that all of the file is here."""
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            if error.headers.get("Content-Range", "") == f"bytes */{have}":
                return
            self._discard()
            raise _InterruptedError("the file changed on the server")
        if error.code in _GONE:
            raise CorpusError(
                f"{self._shown} is not there (the server answered {error.code} {error.reason}): "
                f"{self._advice.gone}"
            )
        if http.client.MULTIPLE_CHOICES <= error.code < http.client.BAD_REQUEST:
            raise CorpusError(
                f"{self._shown} cannot be fetched: the server redirects in a circle, or to what is "
                f"no web address: {self._advice.gone}"
            )
        if error.code not in _AGAIN:
            raise CorpusError(
                f"{self._shown} cannot be fetched: the server answered {error.code} {error.reason}"
            )
        raise _InterruptedError(
            f"the server answered {error.code} {error.reason}", retry_after(error.headers)
        )

    def _receive(self, response: http.client.HTTPResponse, have: int, version: Version) -> bool:
        """Write what comes; return whether that was all, or there is no asking for more."""
        before, length = have, 0
        if response.status == http.client.PARTIAL_CONTENT:
            begin, length = content_range(response.headers)
            if begin != have:
                self._discard()
                raise CorpusError(
                    f"{self._shown} cannot be fetched: the server sends another part of the file "
                    f"than it was asked for. What had come was deleted; {self._advice.later}"
                )
            changed = length and version.length and length != version.length
            if changed or is_other(response, version):
                self._discard()
                raise _InterruptedError("the file changed on the server")
        elif response.status == http.client.OK:
            have, version = 0, version_of(self._url, response.headers)
            self._discard()
            write_durably(self._state, json.dumps(asdict(version)))
        else:
            raise CorpusError(
                f"{self._shown} cannot be fetched: the server answered {response.status}"
            )
        self._refuse_large(version.length)
        need = max(0, version.length - have) + _RESERVE
        free = shutil.disk_usage(self._part.parent).free
        if free < need:
            raise CorpusError(
                f"{self._shown} needs {need / 1e9:.1f} GB in {self._part.parent}, where "
                f"{free / 1e9:.1f} GB are free: {self._advice.room}"
            )
        self._progress.stage("fetching", version.length // MEGABYTE, have // MEGABYTE, "MB")
        advance = in_megabytes(self._progress, have)
        with self._part.open("ab") as file:
            while chunk := _chunk(response):
                self._refuse_large(have + len(chunk))
                if have == 0:
                    self._refuse_page(chunk)
                file.write(chunk)
                have += len(chunk)
                advance(len(chunk))
        length = version.length or length
        if have < length:
            raise _InterruptedError(f"the connection ended after {have:,} of {length:,} bytes")
        if length or response.chunked or not version.validator:
            return True
        anew = before > 0 and response.status == http.client.OK  # no ranges can be had
        return anew or have == before

    def _refuse_large(self, size: int) -> None:
        if self._limit is not None and size > self._limit:
            self._discard()
            raise CorpusError(
                f"{self._shown} has more than {self._limit:,} bytes, which is the limit: "
                f"{self._advice.large}"
            )

    def _refuse_page(self, beginning: bytes) -> None:
        if _PAGE.match(beginning):
            self._discard()
            raise CorpusError(
                f"{self._shown} is a web page and no archive: see whether the network asks to sign "
                f"in first; and {self._advice.gone}"
            )

    def finish(self) -> None:
        """Check the file against S3's MD5, if there is one, and give it its name."""
        version = self._version()
        with self._part.open("rb") as file:
            os.fsync(file.fileno())
            if version.md5 and hashlib.file_digest(file, "md5").hexdigest() != version.md5:
                self._discard()
                raise CorpusError(
                    f"{self._shown} arrived with another MD5 than the server says: "
                    f"{self._advice.again}"
                )
        self._part.replace(self._target)
        self._state.unlink(missing_ok=True)

    def _version(self) -> Version:
        """Return what is fetched; a state of another address, or a damaged one, counts for none."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            version = Version(**json.loads(self._state.read_text(encoding="utf-8")))
            if version.url == self._shown:
                return version
        return Version(self._shown)

    def _discard(self) -> None:
        self._part.unlink(missing_ok=True)
        self._state.unlink(missing_ok=True)


@contextlib.contextmanager
def _network() -> Iterator[None]:
    """Turn what the network raises, and not the disk, into an _InterruptedError."""
    try:
        yield
    except urllib.error.HTTPError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise _InterruptedError(getattr(error, "reason", None) or error) from error


def _chunk(response: http.client.HTTPResponse) -> bytes:
    with _network():
        return response.read1(_CHUNK)
