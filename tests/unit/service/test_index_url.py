"""Getting the index from an address at the start, from a real server that misbehaves."""

import errno
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from index.corpora.fetching import Patience
from index.manifest import current_version, version_name
from index.packing import pack
from index.search import checked
from service.background import IndexUnavailableError, NotReadyError, answerer_of, load_in_background
from service.fetch_progress import FetchProgress
from service.index_url import fetch_index
from service.settings import Settings
from service.types import AnswererProtocol
from tests.unit.index.disk import largest_file
from tests.unit.index.indexes import turn_a_bit
from tests.unit.index.release_server import Release, serving

QUICK = Patience(timeout=30.0, wait=0.001, tries=3)


@pytest.fixture(scope="module")
def packed(sample_index: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str]:
    """Return the sample index as a file, and its SHA-256."""
    target = tmp_path_factory.mktemp("packed") / "index.tar"
    sha256, _ = pack(sample_index, target)
    return target.read_bytes(), sha256


@pytest.fixture
def release(packed: tuple[bytes, str]) -> Iterator[Release]:
    with serving(Release(packed[0])) as served:
        yield served


@pytest.fixture
def settings(release: Release, packed: tuple[bytes, str], tmp_path: Path) -> Settings:
    return Settings(
        index=tmp_path / "index",
        index_url=f"{release.url}/index.tar?signature=secret",
        index_sha256=packed[1],
    )


def changed(settings: Settings, **changes: object) -> Settings:
    names = ("index", "index_url", "index_sha256", "index_limit")
    return Settings(**({name: getattr(settings, name) for name in names} | changes))


def refused(settings: Settings) -> str:
    with pytest.raises(IndexUnavailableError) as caught:
        fetch_index(settings, FetchProgress(), QUICK)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    return str(caught.value)


def test_an_index_is_fetched_once(settings: Settings, release: Release, sample_index: Path) -> None:
    for _ in range(2):
        fetch_index(settings, FetchProgress(), QUICK)
    assert current_version(settings.index).name == current_version(sample_index).name
    assert len(release.requests) == 1
    assert {path.name for path in (settings.index / ".fetching").iterdir()} == {"lock"}


def test_a_broken_line_is_taken_up_again(settings: Settings, release: Release) -> None:
    release.cut_after = [1_100_000, 100]
    fetch_index(settings, FetchProgress(), QUICK)
    checked(settings.index)
    assert release.sent == len(release.content)


def test_a_later_start_goes_on(settings: Settings, release: Release) -> None:
    release.cut_after = [1_100_000, 0, 0, 0]
    assert "3 times in a row" in refused(settings)
    fetch_index(settings, FetchProgress(), QUICK)
    assert release.sent == len(release.content)


def test_another_file_replaces_what_was_fetched(
    settings: Settings, release: Release, packed: tuple[bytes, str]
) -> None:
    fetch_index(settings, FetchProgress(), QUICK)
    release.content = packed[0] + b"\0" * 10_240  # the same members, other bytes
    assert "has the SHA-256" in refused(changed(settings, index_sha256="0" * 64))
    checked(settings.index)
    fetch_index(settings, FetchProgress(), QUICK)
    assert len(release.requests) == 2


def test_a_start_that_was_cut_off_after_publishing_is_done_again(settings: Settings) -> None:
    fetch_index(settings, FetchProgress(), QUICK)
    (settings.index / "FETCHED").write_text("unfinished\n", encoding="utf-8")
    fetch_index(settings, FetchProgress(), QUICK)
    checked(settings.index)
    noted = (settings.index / "FETCHED").read_text(encoding="utf-8").split()
    assert noted == [settings.index_sha256, current_version(settings.index).name]


def test_a_file_on_this_machine(
    settings: Settings, packed: tuple[bytes, str], tmp_path: Path
) -> None:
    (tmp_path / "an index.tar").write_bytes(packed[0])
    there = (tmp_path / "an index.tar").as_uri()
    fetch_index(changed(settings, index_url=there), FetchProgress())
    checked(settings.index)
    assert (tmp_path / "an index.tar").read_bytes() == packed[0]


def test_of_two_processes_one_fetches(settings: Settings, release: Release) -> None:
    threads = [
        threading.Thread(target=fetch_index, args=(settings, FetchProgress(), QUICK))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    checked(settings.index)
    assert len(release.requests) == 1


def test_an_address_where_nothing_is(settings: Settings, release: Release) -> None:
    release.statuses = [404]
    line = refused(settings)
    assert "/index.tar is not there (the server answered 404 Not Found): correct" in line


def test_each_failed_try_is_told(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    nowhere = changed(settings, index_url="http://127.0.0.1:9/index.tar?signature=secret")
    progress = FetchProgress()
    with pytest.raises(IndexUnavailableError):
        fetch_index(nowhere, progress, Patience(timeout=30.0, wait=0.001, tries=3))
    why = "Connection refused; the next try is in 0 seconds"
    assert progress.told().startswith("The index is not there yet: fetching, 0 MB (")
    assert why in progress.told()
    failed = [line for line in caplog.messages if line.startswith("fetching the index failed: ")]
    assert len(failed) == 2  # after the third comes no other
    assert all(why in line and "secret" not in line for line in failed)


def test_an_address_of_a_folder(settings: Settings, tmp_path: Path) -> None:
    line = refused(changed(settings, index_url=tmp_path.as_uri()))
    assert f"{tmp_path} is no file: correct COVIDQUEST_INDEX_URL" in line


def test_a_file_that_is_not_there(settings: Settings, tmp_path: Path) -> None:
    line = refused(changed(settings, index_url=(tmp_path / "no.tar").as_uri()))
    assert f"{tmp_path}/no.tar is not there: correct COVIDQUEST_INDEX_URL" in line


def test_a_server_that_is_not_there(settings: Settings) -> None:
    line = refused(changed(settings, index_url="http://127.0.0.1:9/index.tar"))
    assert "http://127.0.0.1:9/index.tar could not be fetched" in line
    assert "a restart goes on" in line


def test_a_wrong_checksum(settings: Settings, packed: tuple[bytes, str]) -> None:
    line = refused(changed(settings, index_sha256="1" * 64))
    assert f"has the SHA-256 {packed[1]}, and COVIDQUEST_INDEX_SHA256 is {'1' * 64}" in line
    assert not (settings.index / "CURRENT").exists()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_larger_than_the_limit(
    settings: Settings, release: Release, *, chunked: bool
) -> None:
    release.chunked = chunked
    line = refused(changed(settings, index_limit=1))
    assert "has more than 1,000,000 bytes, which is the limit: raise COVIDQUEST_INDEX_LIMIT" in line
    if not chunked:
        assert not list((settings.index / ".fetching").glob("*.part"))


def test_a_file_that_is_no_index(settings: Settings, release: Release) -> None:
    release.content = b"no tar" * 1000
    sha256 = re.search(r"has the SHA-256 (\w+)", refused(changed(settings, index_sha256="1" * 64)))
    assert sha256
    line = refused(changed(settings, index_sha256=sha256[1]))
    assert "is no tar archive, or a damaged one: pack the index again" in line
    assert not (settings.index / "CURRENT").exists()


def test_an_index_that_was_not_fetched_is_not_replaced(
    settings: Settings, sample_index: Path
) -> None:
    shutil.copytree(sample_index, settings.index)
    assert "holds an index that was not fetched" in refused(settings)


def damaged(index: Path) -> None:
    turn_a_bit(current_version(index) / "vectors.faiss")


def without_a_version(index: Path) -> None:
    shutil.rmtree(current_version(index))


def without_current(index: Path) -> None:
    (index / "CURRENT").unlink()


def with_nonsense_as_current(index: Path) -> None:
    (index / "CURRENT").write_text("nonsense")


@pytest.mark.parametrize(
    "harm", [damaged, without_a_version, without_current, with_nonsense_as_current]
)
def test_an_index_that_was_damaged_since_is_fetched_again(
    settings: Settings, release: Release, harm: Callable[[Path], None]
) -> None:
    fetch_index(settings, FetchProgress(), QUICK)
    harm(settings.index)
    for _ in range(2):
        fetch_index(settings, FetchProgress(), QUICK)
        checked(settings.index)
    assert len(release.requests) == 2


def test_an_index_that_too_few_files_keep_closed_is_not_fetched_again(
    settings: Settings, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> str:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))

    fetch_index(settings, FetchProgress(), QUICK)
    with monkeypatch.context() as patch:
        patch.setattr("index.manifest.sha256", refuse)
        assert "cannot be opened (Too many open files): free some" in refused(settings)
    verified = fetch_index(settings, FetchProgress(), QUICK)
    assert verified == current_version(settings.index).name
    assert len(release.requests) == 1


def test_an_index_that_only_another_program_can_read_is_not_fetched_again(
    settings: Settings, release: Release
) -> None:
    fetch_index(settings, FetchProgress(), QUICK)
    path = current_version(settings.index) / "manifest.json"
    path.write_text(path.read_text().replace('"format": 2', '"format": 99'))
    assert "has format 99, and this program reads format" in refused(settings)
    assert len(release.requests) == 1


def test_an_index_that_was_built_where_one_was_fetched_is_not_replaced(
    settings: Settings, release: Release
) -> None:
    fetch_index(settings, FetchProgress(), QUICK)
    fetched = current_version(settings.index)
    own = fetched.rename(settings.index / version_name(datetime.now(UTC), "0" * 8))
    (settings.index / "CURRENT").write_text(f"{own.name}\n")
    # the same file: what was made of it is served, once whoever opens it has verified it
    assert fetch_index(settings, FetchProgress(), QUICK) == ""
    assert "holds an index that was not fetched" in refused(
        changed(settings, index_sha256="0" * 64)
    )
    assert current_version(settings.index) == own
    assert len(release.requests) == 1


def test_a_start_that_was_cut_off_before_publishing_is_done_again(
    settings: Settings, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("index.packing.publish", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch_index(settings, FetchProgress(), QUICK)
    fetch_index(settings, FetchProgress(), QUICK)
    checked(settings.index)
    assert len(release.requests) == 1


def test_a_mark_of_an_earlier_program_still_counts(settings: Settings, release: Release) -> None:
    fetch_index(settings, FetchProgress(), QUICK)
    (settings.index / "FETCHED").write_text(settings.index_sha256 + "\n", encoding="utf-8")
    fetch_index(settings, FetchProgress(), QUICK)
    assert len(release.requests) == 1


@pytest.mark.parametrize("address", ["http://[::1/x.tar", "http://me:secret@h:port/x.tar"])
def test_a_malformed_address_is_one_line(settings: Settings, address: str) -> None:
    line = refused(changed(settings, index_url=address))
    assert line == (
        "host or port in the address are malformed: correct COVIDQUEST_INDEX_URL and restart"
    )


def test_a_folder_that_cannot_be_written(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = refused(changed(settings, index=tmp_path / "file" / "index"))
    assert f"{tmp_path}/file/index cannot be written (Not a directory)" in line


def test_a_full_volume(settings: Settings) -> None:
    with largest_file(500_000):
        line = refused(settings)
    assert "cannot be written (File too large): give COVIDQUEST_INDEX a folder with room" in line
    fetch_index(settings, FetchProgress(), QUICK)
    checked(settings.index)


def test_readiness_tells_how_far_it_is_and_then_what_failed() -> None:
    progress, go = FetchProgress(), threading.Event()
    progress.stage("fetching", 340, 100, "MB")
    progress.advance(20)

    def load() -> AnswererProtocol:
        assert go.wait(10)
        raise IndexUnavailableError("the file is gone: correct COVIDQUEST_INDEX_URL")

    future = load_in_background(load, lambda _: None, progress.told)
    with pytest.raises(NotReadyError, match="not there yet: fetching, 120 of 340 MB"):
        answerer_of(future)
    go.set()
    assert isinstance(future.exception(10), IndexUnavailableError)
    with pytest.raises(NotReadyError, match="could not be fetched: the file is gone"):
        answerer_of(future)
