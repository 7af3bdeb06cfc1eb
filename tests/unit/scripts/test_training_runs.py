"""What a run notes of its arguments."""

import argparse
import json
from pathlib import Path

import pytest

from models.contracts import ModelError
from scripts.training_runs import (
    Source,
    expect_to_keep,
    expect_to_replace,
    replacing,
    same_run,
    source,
)


def options(work: Path, path: str, passes: float = 1.0, **more: object) -> argparse.Namespace:
    asked = Source(Path(path), passes, corpus=False)
    return argparse.Namespace(work=work, sources=[asked], **more)


def test_files_of_questions_may_lie_elsewhere(tmp_path: Path) -> None:
    same_run(options(tmp_path, "/a/q.json", seed=1), {"base": "b"})
    same_run(options(tmp_path, "b/q.json", seed=1), {"base": "b"})
    with pytest.raises(ModelError, match="has another base: give the same"):
        same_run(options(tmp_path, "b/q.json", seed=1), {"base": "c"})
    with pytest.raises(ModelError, match="has another sources: give the same"):
        same_run(options(tmp_path, "/a/p.json", seed=1), {"base": "b"})
    with pytest.raises(ModelError, match="has another sources: give the same"):
        same_run(options(tmp_path, "/a/q.json", 1.0000001, seed=1), {"base": "b"})
    made = options(tmp_path, "/a/q.json", seed=1)
    made.sources = [Source(Path("/a/q.json"), 1.0, corpus=False, made=True)]
    with pytest.raises(ModelError, match="has another sources: give the same"):
        same_run(made, {"base": "b"})


def test_what_is_free_is_neither_noted_nor_compared(tmp_path: Path) -> None:
    same_run(options(tmp_path, "q.json", seed=1, device="cpu"), {}, free=("device", "work"))
    noted = json.loads((tmp_path / "arguments.json").read_text())
    assert noted.keys() == {"seed", "sources"}
    same_run(options(tmp_path, "q.json", seed=1, device="cuda"), {}, free=("device", "work"))
    with pytest.raises(ModelError, match="has another seed: give the same"):
        same_run(options(tmp_path, "q.json", seed=2, device="cuda"), {}, free=("device", "work"))


def test_an_output_is_looked_at_before_a_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    expect_to_replace(tmp_path / "deep" / "new")
    (tmp_path / "empty").mkdir()
    expect_to_replace(tmp_path / "empty")
    for output, message in (
        (Path(), "name a folder in it"),
        (tmp_path / "file", "is a file"),
        (tmp_path / "file" / "under", "nothing can be written to"),
    ):
        with pytest.raises(ModelError, match=message):
            expect_to_replace(output)


def test_a_runs_folder_is_looked_at_before_mining(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    expect_to_keep(tmp_path)
    expect_to_keep(tmp_path / "deep" / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    for work in (tmp_path / "file", tmp_path / "file" / "under"):
        with pytest.raises(ModelError, match="file: name another place than"):
            expect_to_keep(work)


def test_a_file_of_questions_may_have_an_equals_sign_in_its_name(tmp_path: Path) -> None:
    path = tmp_path / "seed=7.json"
    parse = source()
    with pytest.raises(argparse.ArgumentTypeError, match="write FILE or FILE=NUMBER"):
        parse(str(path))
    path.write_text("{}")
    assert parse(str(path)) == Source(path, 1.0, corpus=False)
    assert parse(f"{path}=2.5") == Source(path, 2.5, corpus=False)
    assert parse("not there.json") == Source(Path("not there.json"), 1.0, corpus=False)


def test_what_was_there_comes_back_after_a_kill_between_two_renames(tmp_path: Path) -> None:
    output, before = tmp_path / "model", tmp_path / ".model.covidquest-before"
    before.mkdir()
    (before / "weights").write_text("whole")
    with pytest.raises(RuntimeError), replacing(output):
        raise RuntimeError
    assert (output / "weights").read_text() == "whole"
    with replacing(output) as folder:
        (folder / "weights").write_text("new")
    assert (output / "weights").read_text() == "new"
    assert not before.exists()


def test_whoever_serves_a_model_may_read_it(tmp_path: Path) -> None:
    with replacing(tmp_path / "model") as folder:
        (folder / "1_Pooling").mkdir()
        for name in ("model.safetensors", "1_Pooling/config.json"):
            (folder / name).touch(mode=0o600)
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert [path.stat().st_mode & 0o777 for path in files] == [0o644] * 2


def test_only_a_model_is_replaced(tmp_path: Path) -> None:
    output = tmp_path / "model"
    (output / "1_Pooling").mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "1_Pooling/config.json"):
        (output / name).write_text("{}")
    expect_to_replace(output, tmp_path / "work", None)
    with pytest.raises(ModelError, match=r"work is needed too, and what is written to"):
        expect_to_replace(output, output / "work")
    (output / "1_Pooling" / "tokenizer.json").write_text("{}")  # another model inside
    for folder in (output, tmp_path):
        with pytest.raises(ModelError, match="holds something else than a model: name another"):
            expect_to_replace(folder)


def test_what_lies_beside_a_model_stays(tmp_path: Path) -> None:
    beside = [tmp_path / f"model.{end}" for end in ("before", "tmp")]
    for folder in beside:
        folder.mkdir()
        (folder / "mine").write_text("kept")
    for _ in range(2):
        with replacing(tmp_path / "model") as folder:
            (folder / "config.json").write_text("{}")
    assert [(folder / "mine").read_text() for folder in beside] == ["kept", "kept"]
    assert sorted(tmp_path.iterdir()) == [tmp_path / "model", *sorted(beside)]
