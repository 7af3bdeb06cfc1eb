"""What is known of a file on a server, and what a person is told when it cannot be fetched."""

import base64
import http.client
import re
import string
import time
import urllib.parse
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime

_LONGEST_ASKED = 600.0  # seconds that a server may ask to wait for
_MD5 = re.compile(r'"([0-9a-f]{32})"')


@dataclass(frozen=True, slots=True)
class Advice:
    """How the reader of an error mends it; by default the user of `scripts/download_cord19.py`."""

    gone: str = (
        "see that --date is that of a release, YYYY-MM-DD, and --url the folder that holds it"
    )
    later: str = "the same command goes on"
    room: str = "free space, or give another --output"
    again: str = "run the command again, which fetches it anew"
    large: str = "fetch another"


@dataclass(frozen=True, slots=True)
class Version:
    """Which file it was that a download began with. Unknown values are empty, or 0.

    `url` is the address as `shown` shows it: a later signature is of the same file.
    """

    url: str
    etag: str = ""
    modified: str = ""
    length: int = 0  # bytes
    md5: str = ""

    @property
    def validator(self) -> str:
        """What If-Range may name: not a weak ETag, which other bytes may have too."""
        return self.modified if self.etag.startswith("W/") else self.etag or self.modified


def shown(url: str) -> str:
    """Return an address without the parts that can be secrets: user, password and query.

    >>> shown("https://me:word@host:8443/a.tar?signature=1")
    'https://host:8443/a.tar'
    """
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, "", ""))


def sendable(url: str) -> tuple[str, dict[str, str]]:
    """Return an address as a request takes it, and a header for the user and password in it.

    What is not ASCII is encoded. Raises ValueError for an address that is malformed.

    >>> sendable("https://me:word@host/ü.tar?signature=1")
    ('https://host/%C3%BC.tar?signature=1', {'Authorization': 'Basic bWU6d29yZA=='})
    """
    parts = urllib.parse.urlsplit(url)
    if not parts.hostname or parts.port == 0:  # to ask for the port checks it
        raise ValueError(url)
    user, _, host = parts.netloc.rpartition("@")
    host = host.encode("idna").decode()
    rest = (urllib.parse.quote(part, safe=string.punctuation) for part in parts[2:4])
    credentials = base64.b64encode(urllib.parse.unquote_to_bytes(user)).decode()
    headers = {"Authorization": f"Basic {credentials}"} if user else {}
    return urllib.parse.urlunsplit((parts.scheme, host, *rest, "")), headers


def is_other(response: http.client.HTTPResponse, version: Version) -> bool:
    """Tell whether a response is of another file than the one that was begun."""
    etag = response.headers.get("ETag", version.etag)
    modified = response.headers.get("Last-Modified", version.modified)
    return (etag, modified) != (version.etag, version.modified)


def version_of(url: str, headers: Message) -> Version:
    """Return what the headers of a response tell of the file at `url`."""
    etag, length = headers.get("ETag", ""), headers.get("Content-Length", "")
    plain = _MD5.fullmatch(etag) if "x-amz-request-id" in headers else None  # others' are no MD5
    encrypted = headers.get("x-amz-server-side-encryption", "").startswith("aws:kms")
    return Version(
        url=shown(url),
        etag=etag,
        modified=headers.get("Last-Modified", ""),
        length=int(length) if length.isdecimal() else 0,
        md5=plain[1] if plain and not encrypted else "",
    )


def content_range(headers: Message) -> tuple[int, int]:
    """Return the first byte and the length of the file, -1 and 0 where the header does not say."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
    if found is None:
        return -1, 0
    return int(found[1]), 0 if found[2] == "*" else int(found[2])


def retry_after(headers: Message) -> float:
    """Return how many seconds a server asks to wait for, at most ten minutes; 0 where it does not.

    >>> message = Message()
    >>> message["Retry-After"] = "7"
    >>> retry_after(message)
    7.0
    """
    value = headers.get("Retry-After", "")
    seconds = 0.0
    if value.isdecimal():
        seconds = float(value)
    elif value:
        with suppress(ValueError):
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
    return min(max(seconds, 0.0), _LONGEST_ASKED)
