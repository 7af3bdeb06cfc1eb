"""Fetching over HTTP, from a real server on localhost that misbehaves."""

import base64
import hashlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from email.message import Message
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace

import pytest

from index.corpora.fetching import Patience, fetch
from index.corpora.remote import retry_after
from index.types import CorpusError
from tests.unit.index.fake_encoder import Silent
from tests.unit.index.release_server import Release, serving

CONTENT = random.Random(1).randbytes(5_000_000)
MB = 1 << 20
QUICK = Patience(timeout=30.0, wait=0.001, tries=3)


@pytest.fixture
def release() -> Iterator[Release]:
    with serving(Release(CONTENT)) as served:
        yield served


def got(release: Release, tmp_path: Path, patience: Patience = QUICK) -> bytes:
    """Fetch; nothing but the file is left."""
    target = tmp_path / "file"
    fetch(f"{release.url}/file", target, Silent(), patience)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    return target.read_bytes()


def test_a_file(release: Release, tmp_path: Path) -> None:
    assert got(release, tmp_path) == CONTENT
    assert len(release.requests) == 1
    assert release.requests[0]["Accept-Encoding"] == "identity"
    assert "Range" not in release.requests[0]


@pytest.mark.parametrize(("etag", "modified"), [(True, True), (True, False), (False, True)])
def test_a_connection_that_drops_again_and_again_costs_nothing(
    release: Release, tmp_path: Path, *, etag: bool, modified: bool
) -> None:
    release.etag, release.modified = etag, modified
    release.cut_after = [MB, 0, MB + 17, 1, 0, MB]  # never three in a row without a megabyte
    assert got(release, tmp_path) == CONTENT
    assert len(release.requests) == 7
    assert release.sent == len(CONTENT)
    assert release.requests[3]["Range"] == f"bytes={2 * MB + 17}-"
    assert release.requests[3]["If-Range"].startswith('"' if etag else "Tue, 01 Jan 2019")


def test_a_later_call_goes_on(release: Release, tmp_path: Path) -> None:
    release.cut_after = [2 * MB, 0, 0, 0]
    with pytest.raises(CorpusError, match=r"3 times in a row.*; what was fetched is kept"):
        got(release, tmp_path)
    assert not (tmp_path / "file").exists()
    assert got(release, tmp_path) == CONTENT
    assert release.sent == len(CONTENT)


def test_a_call_that_was_killed_after_the_last_byte(release: Release, tmp_path: Path) -> None:
    release.cut_after = [MB, 0, 0, 0]
    with pytest.raises(CorpusError):
        got(release, tmp_path)
    (tmp_path / "file.part").write_bytes(CONTENT)
    asked = len(release.requests)
    assert got(release, tmp_path) == CONTENT
    assert len(release.requests) == asked


@pytest.mark.parametrize("state", ["", "{", "[]", '{"url": 3}', '{"other": 1}'])
def test_a_damaged_state_costs_what_was_fetched_only(
    release: Release, tmp_path: Path, state: str
) -> None:
    (tmp_path / "file.part").write_bytes(b"something else")
    (tmp_path / "file.part.json").write_text(state)
    assert got(release, tmp_path) == CONTENT


def test_a_server_without_ranges_sends_the_file_anew(release: Release, tmp_path: Path) -> None:
    release.ranges = False
    release.cut_after = [3 * MB, 100]
    assert got(release, tmp_path) == CONTENT
    assert release.requests[1]["Range"] == f"bytes={3 * MB}-"


def test_without_a_validator_nothing_is_resumed(release: Release, tmp_path: Path) -> None:
    release.etag = release.modified = False
    release.cut_after = [3 * MB]
    assert got(release, tmp_path) == CONTENT
    assert "Range" not in release.requests[1]


def test_a_weak_etag_is_no_validator(release: Release, tmp_path: Path) -> None:
    release.headers["ETag"] = 'W/"1"'
    release.cut_after = [3 * MB]
    assert got(release, tmp_path) == CONTENT
    assert release.requests[1]["If-Range"].startswith("Tue, 01 Jan 2019")


@pytest.mark.parametrize("checks_if_range", [True, False])
@pytest.mark.parametrize("size", [5_000_000, 4_000_000, 900_000])
def test_a_file_that_changes_between_tries_is_fetched_anew(
    release: Release, tmp_path: Path, size: int, *, checks_if_range: bool
) -> None:
    """Also from a server that sends a part of the new file, though asked for the old one's."""
    release.checks_if_range = checks_if_range
    other = random.Random(2).randbytes(size)
    release.contents = [CONTENT, other]
    release.cut_after = [2 * MB]
    assert got(release, tmp_path) == other


def test_a_file_that_always_changes_is_given_up(release: Release, tmp_path: Path) -> None:
    release.contents = [bytes([n]) * 3_000_000 for n in range(9)]
    release.cut_after = [2 * MB] * 9
    with pytest.raises(CorpusError, match="3 times in a row"):
        got(release, tmp_path)
    assert len(release.requests) == 4


def test_what_is_fetched_anew_again_and_again_is_given_up(release: Release, tmp_path: Path) -> None:
    """Each other try finds another file, and the one after it brings megabytes."""
    release.checks_if_range = False
    release.contents = [bytes([n]) * 3_000_000 for n in range(20)]
    release.cut_after = [2 * MB] * 20
    with pytest.raises(CorpusError, match="3 times in a row"):
        got(release, tmp_path)
    assert len(release.requests) == 6


@pytest.mark.parametrize("unsaid", [True, False])
def test_a_part_of_a_file_whose_length_is_not_said(
    release: Release, tmp_path: Path, *, unsaid: bool
) -> None:
    """RFC 9110, section 14.4: an asterisk says that the length is not known, and no more."""
    release.said_whole, release.unsaid = "*", unsaid
    release.cut_after = [MB, 2 * MB, 17]
    assert got(release, tmp_path) == CONTENT
    assert release.sent == len(CONTENT)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_what_is_not_there(release: Release, tmp_path: Path, status: int) -> None:
    release.statuses = [status]
    with pytest.raises(CorpusError, match=f"file is not there .*{status}.*: see that --date"):
        got(release, tmp_path)
    assert len(release.requests) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [204, 400, 401])
def test_other_refusals_are_final(release: Release, tmp_path: Path, status: int) -> None:
    release.statuses = [status]
    with pytest.raises(CorpusError, match=f"cannot be fetched: the server answered {status}"):
        got(release, tmp_path)
    assert len(release.requests) == 1


def test_a_server_that_is_overloaded_is_asked_again(release: Release, tmp_path: Path) -> None:
    release.statuses = [503, 429, 0, 500]
    release.cut_after = [MB]
    assert got(release, tmp_path) == CONTENT
    assert release.sent == len(CONTENT)
    release.statuses = [503] * 9
    (tmp_path / "file").unlink()
    with pytest.raises(CorpusError, match=r"the server answered 503 .*3 times in a row"):
        got(release, tmp_path)


@pytest.mark.parametrize(
    ("asked", "waited"), [("7", 7.0), ("9999", 600.0), ("x", 0.0), ("", 0.0), ("-5", 0.0)]
)
def test_it_waits_as_long_as_it_is_asked_to_and_says_so(
    release: Release,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    waited: float,
) -> None:
    release.statuses, release.retry_after = [429], asked
    slept: list[float] = []
    notes: list[str] = []
    monkeypatch.setattr("index.corpora.fetching.time.sleep", slept.append)
    fetch(f"{release.url}/file", tmp_path / "file", Silent(), QUICK, note=notes.append)
    assert slept == [max(waited, 0.001)]
    said = f"the server answered 429 Too Many Requests; the next try is in {waited:.0f} seconds"
    assert notes == [said]


def test_a_server_may_name_the_time_of_the_next_try() -> None:
    message = Message()
    message["Retry-After"] = formatdate(time.time() + 100, usegmt=True)
    assert 90 < retry_after(message) <= 100


def test_nothing_is_called_kept_where_nothing_came(release: Release, tmp_path: Path) -> None:
    release.statuses = [503, 503, 503]
    with pytest.raises(CorpusError, match="3 times in a row") as caught:
        got(release, tmp_path)
    assert "kept" not in str(caught.value)


def test_another_range_than_was_asked_for(release: Release, tmp_path: Path) -> None:
    release.cut_after, release.begin_at = [2 * MB], 7
    with pytest.raises(CorpusError, match="sends another part of the file than it was asked for"):
        got(release, tmp_path)
    assert got(release, tmp_path) == CONTENT


@pytest.mark.parametrize("location", ["", "file:///etc/passwd"])
def test_redirects_that_lead_nowhere_are_one_line(
    release: Release, tmp_path: Path, location: str
) -> None:
    release.statuses, release.location = [302] * 30, location or f"{release.url}/file"
    with pytest.raises(CorpusError, match="redirects in a circle, or to what is no web") as caught:
        got(release, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("page", [b"<html>Sign in</html>", b"\n<!DOCTYPE html><p>", b"<?xml ?>"])
def test_a_page_is_no_archive(release: Release, tmp_path: Path, page: bytes) -> None:
    release.content = page
    with pytest.raises(CorpusError, match="is a web page and no archive"):
        got(release, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_length_that_is_too_great(release: Release, tmp_path: Path) -> None:
    """The server says so in the end, when it is asked for the bytes that are not there."""
    release.said_length = len(CONTENT) + 1_000
    assert got(release, tmp_path) == CONTENT
    assert release.requests[1]["Range"] == f"bytes={len(CONTENT)}-"


def test_a_length_that_is_too_great_without_ranges(release: Release, tmp_path: Path) -> None:
    release.said_length, release.ranges = len(CONTENT) + 1_000, False
    with pytest.raises(
        CorpusError, match=r"the connection ended after 5,000,000 of 5,001,000 bytes"
    ):
        got(release, tmp_path)
    assert not (tmp_path / "file").exists()


def test_a_length_that_is_too_small_cuts_the_file(release: Release, tmp_path: Path) -> None:
    """Nothing in HTTP tells; the archive's own checksum does (test_download)."""
    release.said_length = 1_000
    assert got(release, tmp_path) == CONTENT[:1_000]


def test_without_a_length(release: Release, tmp_path: Path) -> None:
    release.chunked = True
    release.cut_after = [3 * MB]
    assert got(release, tmp_path) == CONTENT


@pytest.mark.parametrize("cut_after", [[], [2 * MB], [2 * MB, MB, 0]])
def test_without_a_length_it_is_asked_whether_there_is_more(
    release: Release, tmp_path: Path, cut_after: list[int]
) -> None:
    release.unsaid, release.cut_after = True, list(cut_after)
    assert got(release, tmp_path) == CONTENT
    assert release.sent == len(CONTENT)
    assert release.requests[1]["Range"] == f"bytes={(cut_after or [len(CONTENT)])[0]}-"


def test_without_a_length_and_ranges_it_is_fetched_twice(release: Release, tmp_path: Path) -> None:
    release.unsaid, release.ranges, release.cut_after = True, False, [2 * MB]
    assert got(release, tmp_path) == CONTENT
    assert len(release.requests) == 2


def test_s3s_md5_is_compared(release: Release, tmp_path: Path) -> None:
    release.headers["x-amz-request-id"] = "1"
    release.headers["ETag"] = f'"{hashlib.md5(b"other").hexdigest()}"'
    with pytest.raises(CorpusError, match="arrived with another MD5 than the server says"):
        got(release, tmp_path)
    assert list(tmp_path.iterdir()) == []
    release.headers["ETag"] = f'"{hashlib.md5(CONTENT).hexdigest()}"'
    assert got(release, tmp_path) == CONTENT


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": '"0123456789abcdef0123456789abcdef-7"', "x-amz-request-id": "1"},  # in parts
        {"ETag": '"0123456789abcdef0123456789abcdef"'},  # not S3's: of a file's date and size
        {
            "ETag": '"0123456789abcdef0123456789abcdef"',
            "x-amz-request-id": "1",
            "x-amz-server-side-encryption": "aws:kms",
        },
    ],
)
def test_an_etag_that_is_no_md5(release: Release, tmp_path: Path, headers: dict[str, str]) -> None:
    release.headers |= headers
    assert got(release, tmp_path) == CONTENT


def test_a_server_that_stalls_is_left(release: Release, tmp_path: Path) -> None:
    release.stall = threading.Event()
    with pytest.raises(CorpusError, match=r"timed out.*2 times in a row"):
        got(release, tmp_path, Patience(timeout=0.2, wait=0.001, tries=2))


def test_a_server_that_cannot_be_reached(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(CorpusError, match=r"refused.*3 times in a row: see whether the server"):
        fetch(f"http://127.0.0.1:{port}/file", tmp_path / "file", Silent(), QUICK)
    once = Patience(timeout=1, wait=0.001, tries=1)
    with pytest.raises(CorpusError, match=r"refused[^,]*\): see whether .* can be reached; the"):
        fetch(f"http://127.0.0.1:{port}/file", tmp_path / "file", Silent(), once)


def test_a_disk_without_room_is_said_before(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=201_000_000)
    monkeypatch.setattr("index.corpora.fetching.shutil.disk_usage", lambda _: usage)
    with pytest.raises(CorpusError, match=r"needs 0\.2 GB in .*, where 0\.2 GB are free"):
        got(release, tmp_path)
    assert not (tmp_path / "file.part").exists()


@pytest.mark.parametrize(
    "address", ["http://[::1/x", "http://h:99999/x", "http://a..b/x", "http:///x"]
)
def test_a_malformed_address_is_one_line(tmp_path: Path, address: str) -> None:
    with pytest.raises(CorpusError, match="host or port in the address are malformed: see that"):
        fetch(address, tmp_path / "file", Silent(), QUICK)


def test_an_address_that_is_not_ascii_is_encoded(release: Release, tmp_path: Path) -> None:
    fetch(f"{release.url}/ü %20.tar?q=ö", tmp_path / "file", Silent(), QUICK)
    assert release.requests[0]["path"] == "/releases/%C3%BC%20%20.tar?q=%C3%B6"


def test_a_password_is_told_the_server_and_none_that_it_redirects_to(
    release: Release, tmp_path: Path
) -> None:
    address = release.url.replace("http://", "http://me:s%40cret@")
    fetch(f"{address}/file", tmp_path / "file", Silent(), QUICK)
    basic = f"Basic {base64.b64encode(b'me:s@cret').decode()}"
    assert release.requests[0]["Authorization"] == basic
    with serving(Release(CONTENT)) as first:
        first.statuses = [302]
        first.location = f"{release.url}/elsewhere"
        address = first.url.replace("http://", "http://me:s%40cret@")
        fetch(f"{address}/file", tmp_path / "other", Silent(), QUICK)
        assert first.requests[0]["Authorization"] == basic
    assert release.requests[1]["path"] == "/releases/elsewhere"
    assert "Authorization" not in release.requests[1]


def test_another_signature_of_the_same_address_goes_on_and_none_is_stored(
    release: Release, tmp_path: Path
) -> None:
    release.cut_after = [2 * MB, 0, 0, 0]
    with pytest.raises(CorpusError):
        fetch(f"{release.url}/file?signature=first", tmp_path / "file", Silent(), QUICK)
    assert "first" not in (tmp_path / "file.part.json").read_text()
    fetch(f"{release.url}/file?signature=second", tmp_path / "file", Silent(), QUICK)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert release.sent == len(CONTENT)
