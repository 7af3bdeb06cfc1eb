"""An answerer that goes over to new versions: real indexes, models that need no weights."""

import errno
import gc
import logging
import math
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from index.manifest import current_version
from index.types import IndexingError
from service.following import Following
from service.loading import Snapshots
from service.metrics import Metrics
from service.settings import Settings, StartError
from service.shared_models import SharedModels
from service.types import Query
from tests.fake_app import SOURCE
from tests.fake_models import FakeEncoder, FakeReader
from tests.unit.index.disk import few_files
from tests.unit.index.indexes import build, change_manifest, turn_a_bit
from tests.unit.index.release import parse, sentences, write_release

QUERY = Query("Who wore masks in hospital?", 0.5, 1)


@pytest.fixture
def reader() -> FakeReader:
    return FakeReader()


@pytest.fixture
def index(tmp_path: Path) -> Path:
    publish(tmp_path / "index", papers=2)
    return tmp_path / "index"


def publish(index: Path, papers: int) -> str:
    """Publish a version that holds so many papers; return its name."""
    corpus = index.with_name("corpus")
    records = [{"cord_uid": f"u{n}", "pdf_json_files": f"{n}.json"} for n in range(papers)]
    parses = {f"{n}.json": parse(sentences(30, f"ward{n}")) for n in range(papers)}
    write_release(corpus, records, parses)
    return build(corpus, index).version


def follow(index: Path, reader: FakeReader, every: float = 0) -> Following:
    settings = Settings(index=index, candidates=3)
    metrics = Metrics()
    models = SharedModels(FakeEncoder(), reader, device="cpu", queue=4, metrics=metrics)
    return Following(index / "CURRENT", Snapshots(settings, models), every=every, metrics=metrics)


def served(following: Following) -> tuple[str, int]:
    found = following.answer(QUERY)
    assert found.answers
    return found.source.index_version, found.source.papers


def opened(index: Path) -> set[str]:
    """Return the names of the versions of which this process has a file open or mapped."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    links = Path("/proc/self/fd").iterdir()
    paths = [line.split(maxsplit=5)[-1] for line in maps]
    paths += [str(link.readlink()) for link in links if link.is_symlink()]
    return {p.removeprefix(f"{index}/").split("/")[0] for p in paths if p.startswith(f"{index}/")}


def test_a_new_version_is_served(index: Path, reader: FakeReader) -> None:
    following = follow(index, reader)
    assert served(following) == (current_version(index).name, 2)
    for papers in (3, 1, 4):
        version = publish(index, papers)
        following.look()
        assert served(following) == (version, papers)


def test_it_is_found_without_being_told(index: Path, reader: FakeReader) -> None:
    following = follow(index, reader, every=0.01)
    version = publish(index, papers=3)
    end = time.monotonic() + 60
    while served(following) != (version, 3) and time.monotonic() < end:
        time.sleep(0.01)
    assert served(following) == (version, 3)
    following.look = lambda: None  # type: ignore[method-assign] # its thread lives on


def test_it_is_not_looked_for_when_that_is_off(index: Path, reader: FakeReader) -> None:
    follow(index, reader, every=0)
    names = [thread.name for thread in threading.enumerate() if thread.name == "following"]
    follow(index, reader, every=0)
    assert [t.name for t in threading.enumerate() if t.name == "following"] == names


def test_nothing_is_opened_while_nothing_changes(index: Path) -> None:
    taken: list[Path] = []

    class Counted:
        source = replace(SOURCE, index_version=current_version(index).name)

    def take() -> Counted:
        taken.append(index)
        return Counted()

    following = Following(index / "CURRENT", take, every=0, metrics=Metrics())  # type: ignore[arg-type] # counts only
    for _ in range(3):
        following.look()
    (index / "CURRENT").write_bytes((index / "CURRENT").read_bytes())  # the same name
    following.look()
    assert len(taken) == 1


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="lists open files in /proc")
def test_a_question_keeps_its_version_until_it_is_answered(index: Path, reader: FakeReader) -> None:
    """Though three updates come, and the version's folder is long gone."""
    following = follow(index, reader)
    first = current_version(index)
    reader.go.clear()
    reader.reads.clear()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(following.answer(QUERY)))
    asking.start()
    assert reader.reads.wait(60)
    for papers in (3, 4, 5):
        version = publish(index, papers)
        following.look()
    assert not first.exists()
    assert opened(index) == {first.name, version}
    reader.go.set()
    asking.join(60)
    assert answers[0].source.index_version == first.name
    assert answers[0].source.papers == 2
    del asking
    gc.collect()
    assert opened(index) == {version}
    assert served(following) == (version, 5)


def alter(version: Path) -> None:
    turn_a_bit(version / "passages.sqlite")


def remove(version: Path) -> None:
    shutil.rmtree(version)


def of_another_encoder(version: Path) -> None:
    change_manifest(version, encoder="other")


def of_a_later_program(version: Path) -> None:
    change_manifest(version, format=99)


@pytest.mark.parametrize(
    ("damage", "said", "may_pass"),
    [
        (alter, "passages.sqlite was altered", False),
        (remove, "which is not in it", True),
        (of_another_encoder, "was built with the encoder other", False),
        (of_a_later_program, "has format 99", False),
    ],
)
def test_a_version_that_cannot_be_served_is_told_once(
    index: Path,
    reader: FakeReader,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
    said: str,
    *,
    may_pass: bool,
) -> None:
    following = follow(index, reader)
    before = served(following)
    publish(index, papers=3)
    damage(current_version(index))
    with caplog.at_level(logging.INFO, "service.following"):
        for _ in range(3):
            following.look()
            assert served(following) == before
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is None
    line = record.getMessage()
    assert line.startswith(f"still serving index version {before[0]}: ")
    assert said in line
    assert "\n" not in line
    assert math.isfinite(following._again) is may_pass
    version = publish(index, papers=4)  # the next one is served
    following.look()
    assert served(following) == (version, 4)


def test_a_missing_current_changes_nothing(
    index: Path, reader: FakeReader, caplog: pytest.LogCaptureFixture
) -> None:
    following = follow(index, reader)
    before = served(following)
    (index / "CURRENT").rename(index / "elsewhere")
    following.look()
    following.look()
    assert served(following) == before
    assert ["is not an index" in message for message in caplog.messages] == [True]
    (index / "elsewhere").rename(index / "CURRENT")
    following.look()
    assert served(following) == before


@pytest.mark.parametrize("failures", [5, 6])
def test_a_snapshot_is_tried_again_while_newer_versions_come(index: Path, failures: int) -> None:
    pointer, tried = index / "CURRENT", 0

    class New:
        source = replace(SOURCE, index_version="new")

    def take() -> New:
        nonlocal tried
        tried += 1
        if tried <= failures:
            (index / "next").write_text(f"version {tried}")
            (index / "next").replace(pointer)
            raise IndexingError("gone")
        return New()

    start = partial(Following, pointer, take, every=0, metrics=Metrics())  # type: ignore[arg-type] # names itself
    if failures == 5:
        assert start()._snapshot.source.index_version == "new"
    else:
        with pytest.raises(IndexingError, match="gone"):
            start()
    assert tried == 6


def test_an_unexpected_error_is_told_with_its_traceback(
    index: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Old:
        source = replace(SOURCE, index_version="old")

    things: list[object] = [Old(), MemoryError("no room")]

    def take() -> Old:
        thing = things.pop(0)
        if isinstance(thing, BaseException):
            raise thing
        assert isinstance(thing, Old)
        return thing

    following = Following(index / "CURRENT", take, every=0, metrics=Metrics())  # type: ignore[arg-type] # names itself
    publish(index, papers=3)
    following.look()
    (record,) = caplog.records
    assert record.exc_info
    assert "still serving index version old: no room" in record.getMessage()


class Clock:
    """Stands in for the module `time`."""

    now = 100.0
    sleep = staticmethod(time.sleep)  # of the threads of other tests

    def monotonic(self) -> float:
        return self.now


def test_what_may_pass_is_tried_again_and_told_once(
    index: Path,
    reader: FakeReader,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr("service.following.time", clock)
    following = follow(index, reader)
    before = served(following)
    version = publish(index, papers=3)
    take, tried = following._take, []

    def failing(error: Exception) -> Callable[[], object]:
        def fail() -> object:
            tried.append(clock.now - Clock.now)
            raise StartError("no way to open it") from error

        return fail

    for error in (OSError(errno.EMFILE, "Too many open files"), MemoryError()):
        following._take = failing(error)  # type: ignore[assignment] # fails
        for _ in range(2000 // 5):
            following.look()
            clock.now += 5
    assert tried[:7] == [0, 30, 90, 210, 450, 930, 1530]
    assert served(following) == before
    assert len(caplog.records) == 1
    following._take = take
    clock.now += 600
    following.look()
    assert served(following) == (version, 3)


def test_what_says_nothing_of_a_file_is_not_taken_for_its_fault(
    index: Path, reader: FakeReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sha256(path: Path) -> str:
        raise OSError(errno.EMFILE, "Too many open files", str(path))

    following = follow(index, reader)
    before = served(following)
    version = publish(index, papers=3)
    with monkeypatch.context() as patched:
        patched.setattr("index.manifest.sha256", sha256)
        following.look()
    assert served(following) == before
    following._again = 0.0
    following.look()
    assert served(following) == (version, 3)


@pytest.mark.parametrize("left", range(4))
def test_a_version_that_too_few_files_kept_closed_is_served_later(
    index: Path, reader: FakeReader, caplog: pytest.LogCaptureFixture, left: int
) -> None:
    """Whichever of its files it was that the system would not open."""
    following = follow(index, reader)
    before = served(following)
    version = publish(index, papers=3)
    with few_files(left):
        following.look()
    assert served(following) == before
    (line,) = caplog.messages
    assert "Too many open files" in line
    assert "build" not in line
    assert caplog.records[0].exc_info is None
    following._again = 0.0
    following.look()
    assert served(following) == (version, 3)


def test_a_version_that_goes_while_it_is_opened_is_no_error(
    index: Path, reader: FakeReader, caplog: pytest.LogCaptureFixture
) -> None:
    """Two updates came: what was being opened is deleted, and the newest is there."""
    following = follow(index, reader)
    publish(index, papers=3)
    take, tries = following._take, 0

    def interrupted() -> object:
        nonlocal tries
        tries += 1
        if tries == 1:
            publish(index, papers=4)
            raise StartError("index file vectors.faiss is missing")
        return take()

    following._take = interrupted  # type: ignore[assignment,method-assign] # fails first
    following.look()
    assert served(following) == (current_version(index).name, 4)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_start_that_fails_says_why(index: Path, reader: FakeReader) -> None:
    alter(current_version(index))
    with pytest.raises(StartError, match="was altered"):
        follow(index, reader)
