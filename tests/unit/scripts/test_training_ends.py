"""What ends a training in one line, before anything is lost or published."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer

from models.contracts import ModelError
from models.finetuning import load_network
from models.loading import identity
from models.training import expect_finite, finite_loss
from scripts import reader_lessons, reader_losses, train_encoder, train_reader
from tests.making_models import tiny_encoder, tiny_reader

TEXT = "In ward {} the fever lasted {} days. Masks were worn by all nurses and by some visitors."


def write_questions(path: Path, count: int = 6, *, shift: int = 3) -> Path:
    """Write questions, each with a text of its own."""
    paragraphs: list[dict[str, Any]] = []
    for number in range(count):
        text, answer = TEXT.format(number, number + shift), f"{number + shift} days"
        answers = [{"text": answer, "answer_start": text.index(answer)}]
        qa = {"id": str(number), "question": f"How long in ward {number}?", "answers": answers}
        paragraphs.append({"context": text, "qas": [qa]})
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
    return path


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny reader and a tiny encoder."""
    root = tmp_path_factory.mktemp("bases")
    tiny_reader(root / "reader")
    tiny_encoder(root / "encoder")
    return root


def of_reader(bases: Path, folder: Path, *more: str) -> list[str]:
    return [
        *("--base", str(bases / "reader"), "--device", "cpu", "--max-length", "64"),
        *("--questions", str(folder / "questions.json"), "--batch-tokens", "200"),
        *("--output", str(folder / "out"), "--work", str(folder / "work"), *more),
    ]


def of_encoder(bases: Path, folder: Path, *more: str) -> list[str]:
    return [
        *("--base", str(bases / "encoder"), "--device", "cpu", "--dimension", "8"),
        *("--questions", str(folder / "questions.json"), "--batch", "3"),
        *("--output", str(folder / "out"), "--work", str(folder / "work"), *more),
    ]


def test_losses_and_weights_are_finite() -> None:
    assert finite_loss(torch.ones(2)).tolist() == [1, 1]
    layer = torch.nn.Linear(2, 2)
    expect_finite(layer)
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(ModelError, match="no finite number any more: begin anew with a lower"):
            finite_loss(torch.tensor([1, wrong]))
        torch.nn.init.constant_(layer.bias, wrong)
        with pytest.raises(ModelError, match="bias has weights that are no finite numbers"):
            expect_finite(layer)
    torch.nn.init.constant_(layer.bias, 1e6)  # more than half precision holds
    with pytest.raises(ModelError, match="bias has weights"):
        expect_finite(layer.half())


@pytest.mark.parametrize(
    ("command", "of"), [(train_reader, of_reader), (train_encoder, of_encoder)]
)
def test_a_loss_that_overflows_publishes_nothing(
    bases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: Any, of: Any
) -> None:
    write_questions(tmp_path / "questions.json", 12)
    assert command.main(of(bases, tmp_path, "--rate", "1e30")) == 1
    assert "begin anew with a lower --rate" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "work" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize(
    ("command", "of"), [(train_reader, of_reader), (train_encoder, of_encoder)]
)
def test_a_run_goes_on_only_with_what_it_began_with(
    bases: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: Any,
    of: Any,
) -> None:
    questions = write_questions(tmp_path / "questions.json")
    base = (tiny_reader if of is of_reader else tiny_encoder)(tmp_path / "base")
    arguments = of(bases, tmp_path, "--base", str(base))
    assert command.main(arguments) == 0
    assert command.main(arguments) == 0
    (tmp_path / "work" / "mined.json.gz").unlink(missing_ok=True)
    write_questions(questions, shift=4)
    assert command.main(arguments) == 1
    another = "questions (what the files hold)" if of is of_reader else "pairs"
    assert f"has another {another}" in capsys.readouterr().err
    write_questions(questions)
    (tmp_path / "work" / "mined.json.gz").unlink(missing_ok=True)
    assert command.main(arguments) == 0
    weights = (bases / "reader" / "model.safetensors").read_bytes()
    (base / "model.safetensors").write_bytes(weights[:-4] + b"else")
    assert command.main(arguments) == 1
    assert "has another base (its weights)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "of"), [(train_reader, of_reader), (train_encoder, of_encoder)]
)
def test_a_folder_that_cannot_be_one_of_a_run_is_one_line(
    bases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: Any, of: Any
) -> None:
    write_questions(tmp_path / "questions.json")
    (tmp_path / "file").write_text("")
    assert command.main(of(bases, tmp_path, "--work", str(tmp_path / "file"))) == 1
    assert "file: name another place than" in capsys.readouterr().err.splitlines()[-1]

    def full(_: int) -> None:
        raise OSError("no space left")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", full)
        assert command.main(of(bases, tmp_path)) == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith("no space left")


def test_the_shipped_reader_can_be_the_teacher(
    bases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_questions(tmp_path / "questions.json")
    shipped = shutil.copytree(bases / "reader", tmp_path / "shipped")
    for module in (train_reader, reader_losses, reader_lessons):
        monkeypatch.setattr(
            module, "reader_folder", lambda name: shipped if name == "default" else Path(name)
        )
    assert train_reader.main(of_reader(bases, tmp_path, "--teacher", "default")) == 0
    noted = json.loads((tmp_path / "work" / "arguments.json").read_text())
    assert noted["teacher (its weights)"] == identity(shipped)


def test_mined_passages_that_changed_are_seen(
    bases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_questions(tmp_path / "questions.json")
    arguments = of_reader(bases, tmp_path, "--mined-elsewhere", "1")
    assert train_reader.main(arguments) == 0
    (mined,) = (tmp_path / "work" / "mined").iterdir()
    mined.unlink()
    assert train_reader.main(arguments) == 0  # the same are found
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scripts.reader_sources.context_pairs", lambda _: [])
        mined.unlink()
        assert train_reader.main(arguments) == 1
    assert "has another mined passages" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_a_checkpoint_that_is_damaged_or_anothers_is_one_line(
    bases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    write_questions(tmp_path / "questions.json")
    assert train_reader.main(of_reader(bases, tmp_path)) == 0
    path = tmp_path / "work" / "checkpoint.safetensors"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:2000])
    else:
        path.write_bytes((bases / "encoder" / "model.safetensors").read_bytes())
    assert train_reader.main(of_reader(bases, tmp_path)) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("train_reader: ")
    assert "is damaged or of another network" in error


def test_windows_are_no_longer_than_base_and_teacher_read(bases: Path, tmp_path: Path) -> None:
    write_questions(tmp_path / "questions.json")
    long = ["--max-length", "900", "--teacher", str(bases / "reader")]  # both read 256
    text = json.loads((tmp_path / "questions.json").read_text())
    text["data"][0]["paragraphs"][0]["context"] += " and so on" * 300
    text["data"][0]["paragraphs"][0]["qas"][0]["answers"][0]["text"] = "In"
    text["data"][0]["paragraphs"][0]["qas"][0]["answers"][0]["answer_start"] = 0
    (tmp_path / "questions.json").write_text(json.dumps(text))
    assert train_reader.main(of_reader(bases, tmp_path, *long)) == 0


def test_an_anchor_has_to_be_comparable(
    bases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_questions(tmp_path / "questions.json")
    anchor = tiny_encoder(tmp_path / "anchor")
    arguments = of_encoder(bases, tmp_path, "--anchor", str(anchor), "--mine-only")
    assert train_encoder.main(arguments) == 0
    (tmp_path / "work" / "mined.json.gz").unlink()
    tokenizer = Tokenizer.from_file(str(anchor / "tokenizer.json"))
    tokenizer.add_tokens(["covid"])
    tokenizer.save(str(anchor / "tokenizer.json"))
    config = json.loads((anchor / "config.json").read_text())
    for message in ("cuts texts into other tokens", "have 24 numbers and the base's 16"):
        assert train_encoder.main(arguments) == 1
        assert message in capsys.readouterr().err
        (anchor / "config.json").write_text(json.dumps(config | {"hidden_size": 24}))
    assert not (tmp_path / "work" / "mined.json.gz").exists()  # nothing was mined before


def test_where_nothing_can_be_learnt_nothing_is_published(
    bases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_questions(tmp_path / "questions.json", 1)
    assert train_encoder.main(of_encoder(bases, tmp_path)) == 1
    assert "a batch has two questions of a file at least" in capsys.readouterr().err
    text = json.loads(path.read_text())
    (paragraph,) = text["data"][0]["paragraphs"]
    paragraph["context"] *= 9
    paragraph["qas"][0]["answers"] = [{"text": paragraph["context"], "answer_start": 0}]
    path.write_text(json.dumps(text))
    (tmp_path / "work" / "arguments.json").unlink()
    assert train_reader.main(of_reader(bases, tmp_path)) == 1
    assert "no answer fits into a window of 64 tokens" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_answers_that_stand_elsewhere_are_left_out_and_counted(
    bases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_questions(tmp_path / "questions.json")
    text = json.loads(path.read_text())
    paragraphs = text["data"][0]["paragraphs"]
    paragraphs[0]["qas"][0]["answers"][0]["answer_start"] = 3
    paragraphs[1]["context"] = ""
    path.write_text(json.dumps(text))
    assert train_reader.main(of_reader(bases, tmp_path)) == 0
    said = capsys.readouterr().out
    assert "questions.json: 2 answers left out, which do not stand in their context where" in said
    assert "questions.json: 4 questions" in said
    text["data"][0]["paragraphs"] = paragraphs[:2]
    path.write_text(json.dumps(text))
    assert train_reader.main(of_reader(bases, tmp_path)) == 1
    assert "no answer stands in its context" in capsys.readouterr().err


def test_a_new_head_forgets_the_old_one(bases: Path) -> None:
    kept, new = (
        load_network(bases / "reader", "cpu", new_head=new).get_parameter("qa_outputs.weight")
        for new in (False, True)
    )
    assert not torch.isclose(kept, new).any()
