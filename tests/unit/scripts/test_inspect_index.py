import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from index.inspection import ShownPassage, inspect_index
from index.manifest import current_version
from models.loading import DEFAULT, encoder_folder, identity
from scripts import pack_index
from scripts.ending import TerminatedError
from scripts.inspect_index import main, report
from service.fitted import (
    BESIDE,
    FITTED_WITH,
    NO_ANSWER_CALIBRATION,
    READER_ON_INDEX,
    RETRIEVAL_CALIBRATION,
    shipped_calibrations,
)
from tests.making_models import tiny_encoder
from tests.unit.index.fake_encoder import ENCODER
from tests.unit.index.indexes import build
from tests.unit.index.release import write_dirty_release

SHIPPED = identity(encoder_folder(DEFAULT))
OF_THE_SERVICE = replace(ENCODER, name=SHIPPED)


@pytest.fixture(scope="module")
def index_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("inspected")
    corpus, _ = write_dirty_release(root / "corpus")
    build(corpus, root / "index", encoder=OF_THE_SERVICE)
    return root / "index"


def test_the_text_says_what_is_there(index_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--index", str(index_dir), "--samples", "2"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for words in (
        *(f"encoder    {SHIPPED}, 8 dimensions", "vectors    fp16, exact"),
        *("vectors.faiss", "keywords\n"),
        *("with full text", "passages by length in words", "120 to 129\n", "papers by year"),
        *("papers by source", "papers by licence", "records skipped", "could not be read"),
        *("shortest passage: ", "longest passage: ", "sample 2: ", "OK: all "),
    ):
        assert words in out
    assert "sample 3" not in out
    assert max(map(len, out.splitlines())) < 120


def test_what_a_release_holds_does_not_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "metadata.csv").write_text(
        "cord_uid,title,abstract,license\n"
        '"u\x1b[31m1",One,Seven words about gowns are here now.,"cc0\nOK: all is well."\n'
    )
    build(corpus, tmp_path / "index", encoder=OF_THE_SERVICE)
    assert main(["--index", str(tmp_path / "index")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("OK:")] == [lines[-1]]
    assert not any("\x1b" in line for line in lines)
    assert any("cc0 OK: all is well." in line for line in lines)


def test_no_text_of_an_index_steers_the_terminal(index_dir: Path) -> None:
    """As an index from elsewhere may hold it."""
    found = inspect_index(index_dir)
    assert found.contents is not None
    hostile = ShownPassage(
        1, "u\x1b]0;1", "Title\x1b[31m", "Section\x9b2J", "Text\x1b[2J here.\x7f", 2
    )
    contents = replace(found.contents, samples=[hostile], shortest=hostile, skips={"why\x1b[1m": 1})
    lines = list(report(replace(found, contents=contents)))
    assert "  Title [31m / Section 2J" in lines
    assert "".join(lines).replace("\n", "").isprintable()


def test_json_holds_the_same(index_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--index", str(index_dir), "--json", "--samples", "0"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["problems"] == found["contents"]["samples"] == []
    assert found["manifest"]["encoder"] == SHIPPED
    assert found["manifest"]["recall"] == {"at_10": 1.0, "at_100": 1.0, "questions": 0}
    assert found["contents"]["papers"] == found["manifest"]["papers"]


def test_a_long_table_is_cut(
    index_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.inspect_index._MOST_LINES", 1)
    assert main(["--index", str(index_dir)]) == 0
    assert " others\n" in capsys.readouterr().out


def test_what_cannot_be_inspected_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--index", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("inspect_index: the index ")
    (tmp_path / "file").touch()
    assert main(["--index", str(tmp_path / "file")]) == 1
    assert "file is a file, not a folder" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["--index", str(tmp_path), "--samples", "-1"])
    assert ended.value.code == 2


def test_an_index_of_another_encoder_than_the_service(
    index_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = tiny_encoder(tmp_path / "other")
    looking = ["--index", str(index_dir), "--samples", "0"]
    target = tmp_path / "index.tar"
    packing = ["--index", str(index_dir), "--output", str(target)]
    capsys.readouterr()
    said = f"was built with the encoder {SHIPPED}, and questions would be embedded with bert-"
    for given in ("option", "setting"):
        if given == "setting":
            monkeypatch.setenv("COVIDQUEST_ENCODER", str(other))
        option = ["--encoder", str(other)] if given == "option" else []
        assert main([*looking, *option]) == pack_index.main([*packing, *option]) == 1
        out, err = capsys.readouterr()
        (wrong,) = (line for line in out.splitlines() if line.startswith("WRONG: "))
        assert said in wrong
        assert wrong == out.splitlines()[-1]
        assert err == f"pack_index: {wrong.removeprefix('WRONG: ')}\n"
        assert not target.exists()
    assert main([*looking, "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert f"WRONG: {problem}" == wrong
    # for a service elsewhere, which has the index's own
    on_purpose = ["--encoder", DEFAULT]
    assert main([*looking, *on_purpose]) == pack_index.main([*packing, *on_purpose]) == 0
    assert target.exists()


def test_packing_that_is_stopped_leaves_nothing(
    index_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*_: object) -> None:
        raise TerminatedError

    monkeypatch.setattr("index.packing._add", stop)
    packing = ["--index", str(index_dir), "--output", str(tmp_path / "index.tar")]
    assert pack_index.main(packing) == 143
    assert capsys.readouterr().err == "pack_index: stopped; nothing was written\n"
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_is_not_there_or_settings_that_are_wrong_are_one_line(
    index_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--index", str(index_dir), "--encoder", str(tmp_path)]
    assert main(options) == 1
    assert pack_index.main([*options, "--output", str(tmp_path / "index.tar")]) == 1
    one, two = capsys.readouterr().err.splitlines()
    assert one == f"inspect_index: {tmp_path} is not a model's folder: it has no config.json"
    assert two.startswith("pack_index: ")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COVIDQUEST_ENCODERS", "stock")
        assert main(["--index", str(index_dir)]) == 1
    assert "did you mean COVIDQUEST_ENCODER?" in capsys.readouterr().err


def test_a_wrong_file_is_named(index_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = current_version(index_dir) / "vectors.faiss"  # the module's last test: it stays wrong
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["--index", str(index_dir)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[-2].startswith("WRONG: vectors.faiss has ")
    assert out[-1] == "Build or copy the index again."


def test_calibrations_that_a_service_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus, _ = write_dirty_release(tmp_path / "corpus")
    copy = tmp_path / "index"
    build(corpus, copy, encoder=OF_THE_SERVICE)
    target = tmp_path / "index.tar"
    packing = ["--index", str(copy), "--output", str(target)]
    (copy / BESIDE).mkdir()
    for name in (RETRIEVAL_CALIBRATION, NO_ANSWER_CALIBRATION):
        shutil.copy(shipped_calibrations(()) / name, copy / BESIDE)
    (copy / BESIDE / FITTED_WITH).write_text('{"encoder": "e", "reader": "r"}')
    assert main(["--index", str(copy)]) == pack_index.main(packing) == 0
    target.unlink()
    for name in (RETRIEVAL_CALIBRATION, READER_ON_INDEX, FITTED_WITH):
        path = copy / BESIDE / name
        before = path.read_bytes() if path.exists() else b""
        path.write_bytes(b"garbage")
        capsys.readouterr()
        assert main(["--index", str(copy)]) == pack_index.main(packing) == 1
        out, err = capsys.readouterr()
        wrong, advice = out.splitlines()[-2:]
        assert wrong.startswith(f"WRONG: {path}")
        assert advice == "Fit the calibrations again."
        assert err.startswith(f"pack_index: {path}")
        path.write_bytes(before) if before else path.unlink()
    (copy / BESIDE / FITTED_WITH).write_text("{}")
    assert main(["--index", str(copy)]) == 1
    assert "models.json can't be read (it has no 'encoder')" in capsys.readouterr().out
    (copy / BESIDE / FITTED_WITH).write_text('{"encoder": "e", "reader": "r"}')
    (copy / BESIDE / NO_ANSWER_CALIBRATION).unlink()
    assert main(["--index", str(copy)]) == 1
    assert not target.exists()
    (copy / BESIDE / FITTED_WITH).unlink()  # as a service does, which says that it uses none
    assert main(["--index", str(copy)]) == 0
    shutil.rmtree(copy / BESIDE)
    (copy / BESIDE).touch()
    assert main(["--index", str(copy)]) == 1
    assert "calibration is no folder of calibrations" in capsys.readouterr().out
