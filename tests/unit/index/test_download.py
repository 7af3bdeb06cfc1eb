"""Getting a release: from a real server on localhost into a folder."""

import errno
import fcntl
import gzip
import hashlib
import os
import random
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TextIO

import pytest

from index.corpora.download import Download, download
from index.corpora.fetching import Patience
from index.types import CorpusError
from scripts.download_cord19 import main
from tests.unit.index.fake_encoder import Silent
from tests.unit.index.indexes import build
from tests.unit.index.release import ABSTRACT, COLUMNS
from tests.unit.index.release_server import Release, serving
from tests.unit.index.test_archive import Member, special, tarred

DATE = "2022-06-02"
NAME = f"cord-19_{DATE}.tar.gz"
METADATA = (",".join(COLUMNS) + f"\nu1,,,Masks,,,,,{ABSTRACT}" + "," * 10 + "\n").encode()
INNER = gzip.compress(tarred([("document_parses/pdf_json/1.json", b"{}")]))
NOISE = random.Random(1).randbytes(3_000_000)  # what doesn't compress: embeddings
FILES = {
    "changelog": b"all",
    "document_parses.tar.gz": INNER,
    "embeddings": NOISE,
    "metadata.csv": METADATA,
}
QUICK = Patience(timeout=30.0, wait=0.001, tries=3)


def archive(*more: Member, folder: str = f"{DATE}/") -> bytes:
    return gzip.compress(
        tarred([*((folder + name, content) for name, content in FILES.items()), *more]), 1
    )


ARCHIVE = archive()


@pytest.fixture
def release() -> Iterator[Release]:
    with serving(Release(ARCHIVE)) as served:
        yield served


def get(release: Release, output: Path, sha256: str | None = None) -> Download:
    return download(DATE, output, Silent(), base=release.url, sha256=sha256, patience=QUICK)


def files(output: Path) -> dict[str, bytes]:
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file() and not {".download", ".download.lock"} & set(path.parts)
    }


def complete(content: bytes) -> dict[str, bytes]:
    line = f"{hashlib.sha256(content).hexdigest()}  {NAME}\n"
    return FILES | {f"{NAME}.sha256": line.encode()}


@pytest.mark.parametrize("folder", [f"{DATE}/", f"./{DATE}/", "", "another/"])
def test_a_release(release: Release, tmp_path: Path, folder: str) -> None:
    release.content = archive(folder=folder)
    output = tmp_path / "new" / "cord-19"
    sha256 = hashlib.sha256(release.content).hexdigest()
    assert get(release, output, sha256.upper()) == Download(sha256, {}, already=False)
    assert release.requests[0]["path"] == f"/releases/{NAME}"
    assert files(output) == complete(release.content)
    assert not (output / ".download").exists()
    report = build(output, tmp_path / "index")
    assert report.corpus.papers == 1


def test_what_is_there_already_is_not_fetched_again(release: Release, tmp_path: Path) -> None:
    sha256 = get(release, tmp_path).sha256
    assert get(release, tmp_path, sha256) == Download(sha256, {}, already=True)
    assert len(release.requests) == 1
    with pytest.raises(CorpusError, match="and not 0000"):
        get(release, tmp_path, "0" * 64)
    with pytest.raises(CorpusError, match=f"holds {NAME}: give another --output"):
        download("2021-04-10", tmp_path, Silent(), base=release.url)
    (tmp_path / "metadata.csv").unlink()
    assert not get(release, tmp_path).already
    assert files(tmp_path) == complete(release.content)


def test_a_folder_with_a_metadata_file_of_the_users_is_left_alone(
    release: Release, tmp_path: Path
) -> None:
    (tmp_path / "metadata.csv").write_text("mine")
    with pytest.raises(CorpusError, match="did not get: give another --output"):
        get(release, tmp_path)
    assert (files(tmp_path), release.requests) == ({"metadata.csv": b"mine"}, [])


@pytest.mark.parametrize("mine", ["changelog", "embeddings/mine"])
def test_what_the_user_has_in_the_folder_is_not_replaced(
    release: Release, tmp_path: Path, mine: str
) -> None:
    (tmp_path / mine).parent.mkdir(exist_ok=True)
    (tmp_path / mine).write_text("mine")
    with pytest.raises(CorpusError, match=f"holds {mine[:9]}.*, which this command did not get"):
        get(release, tmp_path)
    assert files(tmp_path) == {mine: b"mine"}
    (tmp_path / mine).unlink()
    shutil.rmtree(tmp_path / "embeddings", ignore_errors=True)
    get(release, tmp_path)
    assert len(release.requests) == 1
    assert files(tmp_path) == complete(release.content)


def test_what_an_interrupted_run_put_there_is_replaced(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def fail(path: Path, target: Path) -> Path:
        if path.name == "embeddings":
            raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(KeyboardInterrupt):
            get(release, tmp_path)
    assert set(files(tmp_path)) == {"changelog", "document_parses.tar.gz"}
    get(release, tmp_path)
    assert files(tmp_path) == complete(release.content)


def test_connections_that_drop(release: Release, tmp_path: Path) -> None:
    release.cut_after = [1_100_000, 0, 1_100_000, 7]
    get(release, tmp_path)
    assert files(tmp_path) == complete(release.content)
    assert release.sent == len(release.content)


def test_nothing_is_in_the_folder_until_all_is(release: Release, tmp_path: Path) -> None:
    release.cut_after = [1_100_000, 0, 0, 0]
    with pytest.raises(CorpusError, match="could not be fetched"):
        get(release, tmp_path)
    assert files(tmp_path) == {}


def test_a_wrong_checksum(release: Release, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"has the SHA-256 [0-9a-f]{64}, and not 0{64}; it was"):
        get(release, tmp_path, "0" * 64)
    assert files(tmp_path) == {}
    get(release, tmp_path)  # fetched again
    assert len(release.requests) == 2


TURNED = ARCHIVE[:-2_000] + bytes([ARCHIVE[-2_000] ^ 4]) + ARCHIVE[-1_999:]  # one bit


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        (archive((f"{DATE}/changelog/a", b"1")), "changelog/a: "),
        (archive((f"{DATE}/a/b", b"1"), (f"{DATE}/a", b"1")), "/a: Is a directory"),
        (archive((f"{DATE}/{'x' * 300}", b"1")), "xxx: File name too long"),
        (ARCHIVE[: len(ARCHIVE) // 2], "is cut off or damaged"),
        (TURNED, "is cut off or damaged"),
        (b"It works!", "is cut off or damaged"),
    ],
    ids=["file as folder", "folder as file", "long name", "half", "a bit turned", "no archive"],
)
def test_a_damaged_archive_is_deleted_and_fetched_again(
    release: Release, tmp_path: Path, damaged: bytes, message: str
) -> None:
    release.content = damaged
    with pytest.raises(CorpusError, match=f"{message}.*It was deleted: run the command again"):
        get(release, tmp_path)
    assert files(tmp_path) == {}
    release.content = ARCHIVE
    get(release, tmp_path)
    assert files(tmp_path) == complete(ARCHIVE)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("metadata.csv", r"holds a metadata\.csv without the columns"),
        ("readme", r"holds no metadata\.csv"),
    ],
)
def test_another_archive_is_kept_and_not_called_damaged(
    release: Release, tmp_path: Path, name: str, message: str
) -> None:
    release.content = gzip.compress(tarred([(f"2022/{name}", b"hello")]))
    for _ in range(2):
        with pytest.raises(CorpusError, match=rf"is whole and {message}.*It is kept as"):
            get(release, tmp_path)
    assert (files(tmp_path), len(release.requests)) == ({}, 1)
    release.content = ARCHIVE
    (tmp_path / ".download" / NAME).unlink()
    get(release, tmp_path)
    assert files(tmp_path) == complete(ARCHIVE)


def test_a_release_of_another_layout_is_refused(release: Release, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="releases before 2020-05-26 have another layout"):
        download("2020-05-25", tmp_path / "out", Silent(), base=release.url)
    assert (release.requests, (tmp_path / "out").exists()) == ([], False)


def test_a_length_that_is_too_small(release: Release, tmp_path: Path) -> None:
    release.said_length = 1_000_000
    with pytest.raises(CorpusError, match="is cut off or damaged"):
        get(release, tmp_path)


def test_members_that_leave_the_folder_or_are_no_files_stay_out(
    release: Release, tmp_path: Path
) -> None:
    output = tmp_path / "a" / "b"
    hostile = [
        ("../../outside", b"x"),
        (f"{DATE}/../../../outside", b"x"),
        (str(tmp_path / "outside"), b"x"),
        special(tarfile.SYMTYPE, f"{DATE}/link", "../.."),
        (f"{DATE}/link/outside", b"x"),
        special(tarfile.LNKTYPE, f"{DATE}/hard", "/etc/passwd"),
        special(tarfile.FIFOTYPE, f"{DATE}/pipe"),
        special(tarfile.CHRTYPE, f"{DATE}/device"),
        (f"{DATE}/.download/ours.json", b"x"),
        (f"{DATE}/.download.lock", b"x"),
    ]
    release.content = archive(*hostile)
    assert get(release, output).skipped == {
        "leaves the release's folder": 3,
        "is a link, a device or a pipe": 4,
        "has a name that the download itself uses": 2,
    }
    assert files(output) == complete(release.content) | {"link/outside": b"x"}
    assert [path.name for path in tmp_path.rglob("outside")] == ["outside"]  # in its own place
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_a_disk_that_is_full(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        free = iter([10**12])  # to fetch; and none to unpack
        patch.setattr(
            "index.corpora.fetching.shutil.disk_usage",
            lambda _: SimpleNamespace(free=next(free, 0)),
        )
        with pytest.raises(CorpusError, match=r"changelog needs .* GB in .* are free: free space"):
            get(release, tmp_path)
    assert files(tmp_path) == {}
    get(release, tmp_path)
    assert len(release.requests) == 1  # what was fetched was kept
    assert files(tmp_path) == complete(release.content)


def test_a_write_that_fails(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for step in ("shutil.copyfileobj", "write_durably", "os.fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(f"index.corpora.download.{step}", fail)
            with pytest.raises(CorpusError, match="cannot be written: No space left on device"):
                get(release, tmp_path)
        assert f"{NAME}.sha256" not in files(tmp_path)
    get(release, tmp_path)
    assert files(tmp_path) == complete(release.content)


def test_two_downloads_into_one_folder(release: Release, tmp_path: Path) -> None:
    with (tmp_path / ".download.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(CorpusError, match="another download is writing"):
            get(release, tmp_path)


def test_who_waits_for_a_download_to_end_locks_the_file_that_the_next_one_does(
    release: Release, tmp_path: Path
) -> None:
    """Had the lock gone with what a download leaves behind, two could write at once."""
    held: list[TextIO] = []

    class Watching(Silent):
        def stage(self, name: str, total: int, done: int, unit: str) -> None:
            if not held:  # one that begins while another is at it
                path = next(path for path in tmp_path.rglob("*lock*"))
                held.append(path.open("w"))

    download(DATE, tmp_path, Watching(), base=release.url, patience=QUICK)
    with held[0] as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(CorpusError, match="another download is writing"):
            get(release, tmp_path)


def test_a_lock_that_cannot_be_had_is_no_other_download(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("index.corpora.download.fcntl.flock", fail)
    with pytest.raises(CorpusError, match="cannot be written: No locks available"):
        get(release, tmp_path)


# the command


def command(release: Release, output: Path, *more: str) -> int:
    return main(["--date", DATE, "--output", str(output), "--url", release.url, *more])


def test_the_command(release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sha256 = hashlib.sha256(release.content).hexdigest()
    assert command(release, tmp_path, "--sha256", sha256) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"the release of {DATE} is complete in {tmp_path}",
        f"SHA-256 of its archive: {sha256}",
    ]
    assert "fetching: 100%" in err
    assert command(release, tmp_path) == 0
    assert f"the release of {DATE} was there already" in capsys.readouterr().out


def test_the_command_says_in_one_line_what_is_wrong(
    release: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release.statuses = [404]
    assert command(release, tmp_path) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"download_cord19: {release.url}/{NAME} is not there")
    (tmp_path / "file").touch()
    assert command(release, tmp_path / "file") == 1
    assert "file cannot be written: Not a directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more",
    [
        *[["--date", "June"], ["--url", "ftp://x"], ["--url", "/folder"], ["--sha256", "12"]],
        *[["--tries", "0"], ["--date", "../../etc"], ["--date", "2022-02-31"]],
    ],
)
def test_wrong_arguments(
    tmp_path: Path, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--date", DATE, "--output", str(tmp_path), *more])
    assert ended.value.code == 2
    assert "is not a" in capsys.readouterr().err.splitlines()[-1]
