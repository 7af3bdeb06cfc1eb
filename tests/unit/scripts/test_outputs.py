"""No command's output takes the place of what was there for something else."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from index.manifest import CURRENT, current_version, index_around
from models.loading import DEFAULT, encoder_folder, identity
from scripts import (
    average_readers,
    download_cord19,
    export_onnx,
    make_large_corpus,
    make_questions,
    pack_index,
    screenshots,
    train_encoder,
    train_reader,
)
from scripts.outputs import refusal
from tests.making_models import tiny_encoder, tiny_reader
from tests.unit.index.fake_encoder import ENCODER
from tests.unit.index.indexes import build
from tests.unit.index.release import write_dirty_release


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an index, two models, questions and passages."""
    root = tmp_path_factory.mktemp("there")
    corpus, _ = write_dirty_release(root / "corpus")
    build(corpus, root / "index", encoder=ENCODER)
    tiny_reader(root / "reader")
    tiny_reader(root / "teacher")
    tiny_encoder(root / "encoder")
    (root / "reader/MODEL_CARD.md").write_text("mine")
    (root / "reader/questions.json").write_text('{"data": []}')
    (root / "passages.jsonl").write_text('{"text": "Masks were worn."}\n')
    (root / "notes.txt").write_text("mine")
    return root


def state(folder: Path) -> dict[Path, bytes]:
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


def refused(
    command: ModuleType, words: str, there: Path, capsys: pytest.CaptureFixture[str]
) -> str:
    """Run a command that must change nothing; return its one line."""
    before = state(there)
    assert command.main([word.replace("~", str(there)) for word in words.split()]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert state(there) == before
    return err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (pack_index, "--index ~/index --output"),
        (make_questions, "--index ~/index --output"),
        (make_questions, "--passages ~/passages.jsonl --base ~/encoder --output"),
        (make_questions, "--passages ~/passages.jsonl --base ~/encoder --output ~/new.gz --save"),
        (average_readers, "~/reader=0.5 ~/teacher=0.5 --output"),
        (train_reader, "--questions ~/q.json --base ~/reader --work ~/work --output"),
        (train_encoder, "--questions ~/q.json --base ~/encoder --work ~/work --output"),
        (train_encoder, "--questions ~/q.json --base ~/encoder --output ~/out --work"),
        (screenshots, "--index ~/index --output"),
        (export_onnx, "encoder --model ~/encoder --index ~/index --output"),
        (make_large_corpus, "--records 3 --output"),
        (download_cord19, "--date 2022-06-02 --url http://127.0.0.1:9/ --output"),
    ],
)
@pytest.mark.parametrize("place", ["new", "VERSION/passages.sqlite", "VERSION/new"])
def test_nothing_is_written_into_an_index(
    there: Path,
    capsys: pytest.CaptureFixture[str],
    command: ModuleType,
    words: str,
    place: str,
) -> None:
    place = place.replace("VERSION", current_version(there / "index").name)
    said = refused(command, f"{words} ~/index/{place}", there, capsys)
    folders = "is a file: name a folder", "lies in the index"
    assert any(one in said for one in (folders if place.endswith("sqlite") else folders[1:]))


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        (average_readers, "~/reader=0.5 ~/teacher=0.5 --output ~/reader", "reader is needed too"),
        (average_readers, "~/teacher=0.5 ~/reader=0.5 --output ~/reader", "reader is needed too"),
        (
            train_reader,
            "--questions ~/q.json --base ~/reader --work ~/work --output ~/reader",
            "reader is needed too, and what is written to",
        ),
        (
            train_reader,
            "--questions ~/q.json --base ~/reader --teacher ~/teacher --work w --output ~/teacher",
            "teacher is needed too",
        ),
        (
            train_reader,
            "--questions ~/reader/questions.json --base ~/teacher --work ~/work --output ~/reader",
            "questions.json is needed too",
        ),
        (
            train_encoder,
            "--questions ~/q.json --base ~/encoder --work ~/work --output ~/encoder",
            "encoder is needed too",
        ),
        (
            make_questions,
            "--passages ~/passages.jsonl --base ~/encoder --output ~/new.gz --save ~/encoder",
            "encoder is needed too",
        ),
        (
            make_questions,
            "--passages ~/passages.jsonl --base ~/encoder --output ~/passages.jsonl",
            "passages.jsonl would replace",
        ),
        (
            make_questions,
            "--contexts ~/reader/questions.json --output ~/reader/questions.json",
            "questions.json, which this command reads: name another file",
        ),
        (
            make_questions,
            "--index ~/index --output ~/notes.txt",
            "notes.txt holds something else than passages: name another file, or remove it",
        ),
        (
            pack_index,
            "--index ~/index --output ~/notes.txt",
            "notes.txt holds something else than a packed index: name another file, or remove it",
        ),
        (
            export_onnx,
            "encoder --model ~/encoder --index ~/index --limit 2 --output ~/reader",
            "reader holds a model of its own, whose files would be replaced: name another folder",
        ),
    ],
)
def test_nothing_is_replaced_that_a_command_reads_or_did_not_make(
    there: Path, capsys: pytest.CaptureFixture[str], command: ModuleType, words: str, said: str
) -> None:
    assert said in refused(command, words, there, capsys)


def test_a_packed_index_is_replaced_by_a_newer_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus, _ = write_dirty_release(tmp_path / "corpus")
    shipped = replace(ENCODER, name=identity(encoder_folder(DEFAULT)))
    target = tmp_path / "index.tar"
    target.touch()  # nothing is lost
    packed = []
    for limit in (None, 3):
        build(corpus, tmp_path / "index", encoder=shipped, limit=limit)
        words = ["--index", str(tmp_path / "index"), "--output", str(target)]
        assert pack_index.main(words) == 0, capsys.readouterr().err
        packed.append(target.read_bytes())
    assert packed[0] != packed[1]
    shutil.make_archive(str(tmp_path / "other"), "tar", tmp_path / "corpus")
    words[-1] = str(tmp_path / "other.tar")
    assert pack_index.main(words) == 1
    assert "holds something else than a packed index" in capsys.readouterr().err


def test_links_are_looked_at_where_they_lie_and_where_they_lead_to(
    there: Path, tmp_path: Path
) -> None:
    index = there / "index"
    (tmp_path / "link").symlink_to(index / CURRENT)
    (tmp_path / "folder").symlink_to(index)
    (index / "out").symlink_to(tmp_path / "elsewhere")
    paths = (tmp_path / "link", tmp_path / "folder/new", tmp_path / "folder", index / "out")
    for path, found in zip(paths, (index, index, tmp_path / "folder", index), strict=True):
        assert index_around(path) == found
        assert "lies in the index" in refusal(path)
    for path in (there / "new", index / "../new", there):
        assert index_around(path) is None
        assert refusal(path) == ""
