"""The command that updates an index, with an encoder that needs no model."""

import csv
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from index.manifest import current_version
from scripts.build_index import main as build_main
from scripts.ending import TerminatedError
from scripts.update_index import main
from tests.fake_models import FakeEncoder
from tests.unit.index.indexes import build
from tests.unit.index.release import write_release, write_two_releases


@pytest.fixture(autouse=True)
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Put the fake encoder where the command looks for the real one; return what was loaded."""
    loaded: list[str] = []

    def load(name: str, **_: object) -> object:
        loaded.append(name)
        return FakeEncoder()

    monkeypatch.setitem(sys.modules, "models.encoder", SimpleNamespace(SentenceEncoder=load))
    monkeypatch.setattr("scripts.indexing.identity", lambda _: "fake")
    return loaded


@pytest.fixture
def index(tmp_path: Path) -> Path:
    write_two_releases(tmp_path)
    build(tmp_path / "old", tmp_path / "index")
    return tmp_path / "index"


def run(corpus: Path, index: Path, *more: str) -> int:
    return main(["--corpus", str(corpus), "--index", str(index), "--workers", "1", *more])


def table(out: str) -> dict[str, list[str]]:
    """Return the counts by the word that their line begins with."""
    return {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip()}


def test_it_says_what_changed(
    index: Path, tmp_path: Path, loads: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = current_version(index).name
    assert run(tmp_path / "new", index, "--dry-run") == 0
    would = table(capsys.readouterr().out)
    assert would["added"] == ["changed", "kept", "dropped"]
    assert would["papers"] == ["1", "1", "4", "1"]
    assert would["dry"] == ["run:", "version", before, "stays"]
    assert (loads, current_version(index).name) == ([], before)

    assert run(tmp_path / "new", index) == 0
    out = capsys.readouterr().out
    did = table(out)
    assert out.splitlines()[1].split() == ["papers", "1", "1", "4", "1"]
    assert out.splitlines()[2].split() == ["passages", *would["passages"]]
    assert did["version"] == [current_version(index).name] != [before]
    assert did["papers"] == ["6"]
    assert loads == ["default"]


def test_it_says_which_kind_the_vector_index_would_become(
    index: Path, tmp_path: Path, loads: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = current_version(index).name
    assert run(tmp_path / "old", index, "--dry-run", "--vector-index", "sq8") == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "the vector index would become sq8",
        f"dry run: version {before} stays",
    ]
    assert loads == []


def test_it_says_that_nothing_changed_and_loads_no_model(
    index: Path, tmp_path: Path, loads: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = current_version(index).name
    for more in ([], ["--resume"], ["--dry-run"]):
        assert run(tmp_path / "old", index, *more) == 0
        assert capsys.readouterr().out.splitlines()[-1] == f"up to date: version {before} stays"
    assert loads == []
    assert {path.name for path in index.iterdir()} == {before, "CURRENT", ".lock"}


def test_what_is_wrong_is_one_line(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(index, tmp_path / "gone")
    shutil.rmtree(current_version(tmp_path / "gone"))
    monkeypatch.chdir(tmp_path)
    for corpus, where, message in [
        ("new", "nowhere", "nowhere is not there: build one with `python -m scripts.build_index"),
        ("nowhere", "index", "give --corpus the folder of a CORD-19 release"),
        ("new", "gone", "which is not in it: build it again"),
    ]:
        assert run(Path(corpus), Path(where)) == 1
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith("update_index: ")
        assert message in err
    monkeypatch.setattr("scripts.indexing.identity", lambda _: "other")
    assert run(Path("new"), Path("index")) == 1
    assert "built with the encoder fake, and this is other" in capsys.readouterr().err


def test_an_interrupt_says_how_to_go_on(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("index.updating.read_corpus", interrupted)
        assert run(tmp_path / "new", index, "--dry-run") == 130
    assert capsys.readouterr().err == "update_index: stopped; nothing has changed\n"
    with monkeypatch.context() as patch:
        patch.setattr("index.builder.build_faiss", interrupted)
        assert run(tmp_path / "new", index) == 130
    err = capsys.readouterr().err
    assert err.splitlines()[-1] == ("update_index: stopped; the same command with --resume goes on")
    assert run(tmp_path / "new", index, "--resume") == 0
    with (tmp_path / "new" / "metadata.csv").open(newline="") as file:
        assert f"papers     {len(list(csv.DictReader(file))):>10,}" in capsys.readouterr().out


def test_a_termination_is_as_an_interrupt(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def terminated(*_: object, **__: object) -> None:
        raise TerminatedError

    with monkeypatch.context() as patch:
        patch.setattr("index.updating.read_corpus", terminated)
        assert run(tmp_path / "new", index, "--dry-run") == 143
        assert not (index / ".trial").exists()
        assert run(tmp_path / "new", index) == 143
    goes_on = "update_index: stopped; the same command with --resume goes on"
    assert capsys.readouterr().err.splitlines()[-1] == goes_on
    assert run(tmp_path / "new", index, "--resume") == 0


def test_an_update_that_needs_leave_to_lose(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_release(tmp_path / "less", [{"cord_uid": "a", "title": "The paper that is left of six"}])
    assert run(tmp_path / "less", index) == 1
    err = capsys.readouterr().err
    assert "5 of 6 papers would go" in err
    assert "give --allow-loss" in err
    assert run(tmp_path / "less", index, "--allow-loss") == 0


def test_a_build_that_cannot_begin_loads_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("scripts.build_index.load_named_encoder", lambda _: pytest.fail("loaded"))
    write_two_releases(tmp_path)
    (tmp_path / "file").touch()
    for corpus, index, message in (
        (tmp_path / "new", tmp_path / "file", "file cannot be written: File exists"),
        (tmp_path / "none", tmp_path / "made", "metadata.csv cannot be read"),
    ):
        assert build_main(["--corpus", str(corpus), "--index", str(index)]) == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_a_dry_run_may_work_elsewhere(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that an index that cannot be written can be compared."""
    (index / ".lock").unlink()
    before = {path: path.stat().st_mtime_ns for path in [index, *index.rglob("*")]}
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert run(tmp_path / "new", index, "--dry-run", "--scratch", str(scratch)) == 0
    assert table(capsys.readouterr().out)["papers"] == ["1", "1", "4", "1"]
    assert {path: path.stat().st_mtime_ns for path in [index, *index.rglob("*")]} == before
    assert list(scratch.iterdir()) == []
    (index / ".lock").mkdir()
    assert run(tmp_path / "new", index, "--dry-run") == 1
    said = capsys.readouterr().err
    assert "cannot be written: Is a directory; a dry run works elsewhere with --scratch" in said
    (index / ".lock").rmdir()
    assert run(tmp_path / "new", index, "--dry-run", "--scratch", str(scratch / "none")) == 1
    assert "No such file or directory" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(tmp_path / "new", index, "--scratch", str(scratch))
    assert "--scratch: of no use without --dry-run" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["is", "lies in", "lies around"])
def test_an_index_and_its_corpus_have_folders_of_their_own(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    inner, outer = tmp_path / "outer/inner", tmp_path / "outer"
    corpus, place = {
        "is": (outer, outer),
        "lies in": (outer, inner),
        "lies around": (inner, outer),
    }[how]
    records = [{"cord_uid": "u1", "title": "Masks", "abstract": "Masks were worn by all nurses."}]
    write_release(corpus, records, {})
    shutil.copytree(index, place, dirs_exist_ok=True)
    before = sorted(outer.rglob("*"))
    link = tmp_path / "link"
    link.symlink_to(place)
    for command in (main, build_main):
        assert command(["--corpus", str(corpus), "--index", str(link)]) == 1
        said = f"the index {link} {how} the corpus {corpus}: give --index a folder apart"
        assert said in capsys.readouterr().err
    assert sorted(outer.rglob("*")) == before
