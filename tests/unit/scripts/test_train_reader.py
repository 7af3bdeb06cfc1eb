"""Training end to end, with a tiny model on questions about the sample corpus."""

import json
from argparse import Namespace
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from index.builder import build_index
from index.manifest import current_version
from index.passages import PassageStore
from index.search import PASSAGES
from models.finetuning import labelled
from models.reader import TransformersReader
from scripts import reader_batches, reader_training, train_reader
from scripts.reader_batches import Teacher, windower_of
from scripts.reader_examples import Example
from tests.making_models import tiny_encoder, tiny_reader
from tests.unit.index.fake_encoder import ENCODER, Silent

SAMPLE = Path(__file__).parents[3] / "data" / "sample"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an index of the sample corpus, questions about it and tiny models."""
    root = tmp_path_factory.mktemp("reading")
    build_index(SAMPLE, root / "index", ENCODER, Silent(), workers=1, limit=12)
    with closing(PassageStore(current_version(root / "index") / PASSAGES)) as store:
        passages = store.get(range(min(store.passages, 30)))
    paragraphs = []
    for number, passage in enumerate(passages):
        words = passage.text.split()
        answer = " ".join(words[4:7])
        place = passage.text.index(answer)
        qa = {
            "id": str(number),
            "question": f"What is said of {' '.join(words[-4:])}?",
            "answers": [{"text": answer, "answer_start": place}],
        }
        paragraphs.append({"context": passage.text, "qas": [qa], "cord_uid": passage.cord_uid})
    data = {"data": [{"paragraphs": paragraphs}]}
    (root / "questions.json").write_text(json.dumps(data))
    tiny_reader(root / "base")
    tiny_reader(root / "teacher", seed=9)
    return root


def command(made: Path, work: Path, *more: str) -> list[str]:
    return [
        *("--index", str(made / "index"), "--base", str(made / "base"), "--device", "cpu"),
        *("--corpus-questions", f"{made}/questions.json=6", "--questions"),
        *(f"{made}/questions.json", "--output", str(work / "reader"), "--work", str(work)),
        *("--batch-tokens", "1000", "--rate", "1e-2", "--max-length", "250", *more),
    ]


@pytest.fixture(scope="module")
def straight(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that was left alone."""
    folder = tmp_path_factory.mktemp("straight")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader_training, "_LOG_STEPS", 5)
        patch.setattr(reader_training, "_POOL", 64)
        assert train_reader.main(command(made, folder)) == 0
    return folder


def test_it_learns_and_the_log_tells(straight: Path) -> None:
    rows = [json.loads(line) for line in (straight / "log.jsonl").read_text().splitlines()]
    first, last = rows[0], rows[-1]
    assert last["loss"] < 0.8 * first["loss"]
    assert last["done"] == 1
    assert last["examples"] > 7 * 25  # each question seven times with its answer, and more
    assert [row["examples"] for row in rows] == sorted(row["examples"] for row in rows)


def test_groups_of_passages_are_learnt_together(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []
    original = reader_batches.loss_of

    def watched(network: Any, groups: Any, *rest: Any) -> Any:
        seen.append([len(group) for group in groups])
        return original(network, groups, *rest)

    monkeypatch.setattr(reader_batches, "loss_of", watched)
    assert train_reader.main(command(made, tmp_path, "--together", "3")) == 0
    sizes = [size for batch in seen for size in batch]
    assert max(sizes) == 4
    assert sum(size > 1 for size in sizes) > 100  # 30 questions six times, if BM25 finds any
    assert TransformersReader(tmp_path / "reader", device="cpu").read("Which?", ["A mask."])


def test_what_is_published_is_a_reader_in_half_precision(straight: Path) -> None:
    stored = load_file(straight / "reader" / "model.safetensors")
    assert {value.dtype for value in stored.values()} == {torch.float16}
    reader = TransformersReader(straight / "reader", device="cpu")
    (span,) = reader.read("Which?", ["The virus spreads in closed rooms."])
    assert span.end > span.start
    assert not (straight / "reader.tmp").exists()


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    made: Path, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_training, "_CHECKPOINT_SECONDS", -1)  # after every step
    monkeypatch.setattr(reader_training, "_POOL", 64)
    original = reader_batches.loss_of
    calls = 0

    def interrupted(*args: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls in {3, 20}:  # within the first pool of examples, and after it
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(reader_batches, "loss_of", interrupted)
    assert train_reader.main(command(made, tmp_path)) == 130
    assert not (tmp_path / "reader").exists()
    assert train_reader.main(command(made, tmp_path)) == 130
    assert train_reader.main(command(made, tmp_path)) == 0
    for name, value in load_file(straight / "reader" / "model.safetensors").items():
        resumed = load_file(tmp_path / "reader" / "model.safetensors")[name]
        assert torch.equal(value, resumed), name


def test_what_is_published_may_lie_between_base_and_trained(
    made: Path, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_training, "_POOL", 64)
    assert train_reader.main(command(made, tmp_path, "--base-share", "0.5")) == 0
    trained = load_file(straight / "reader" / "model.safetensors")
    for name, base in load_file(made / "base" / "model.safetensors").items():
        found = load_file(tmp_path / "reader" / "model.safetensors")[name].float()
        torch.testing.assert_close(found, (base + trained[name].float()) / 2, atol=2e-3, rtol=2e-3)


def test_a_run_of_given_minutes_ends_in_time(made: Path, tmp_path: Path) -> None:
    assert train_reader.main(command(made, tmp_path, "--minutes", "0.00001")) == 0
    (row,) = (tmp_path / "log.jsonl").read_text().splitlines()
    assert json.loads(row)["done"] >= 1
    assert json.loads(row)["examples"] < 100


def test_a_run_goes_on_only_with_its_own_arguments(
    made: Path, straight: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_reader.main(command(made, straight, "--seed", "7")) == 1
    assert "has another seed: give the same arguments" in capsys.readouterr().err


def test_a_student_comes_nearer_to_its_teacher(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_training, "_LOG_STEPS", 5)
    arguments = command(made, tmp_path, "--teacher", str(made / "teacher"))
    assert train_reader.main([*arguments, "--teacher-weight", "1"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    # the loss is the divergence alone; that of the gold answers would begin above 4
    assert rows[-1]["loss"] < 0.8 * rows[0]["loss"]
    assert rows[0]["loss"] < 4


def test_a_teacher_that_cuts_a_text_otherwise_teaches_nothing_about_it(made: Path) -> None:
    options = Namespace(teacher=str(made / "teacher"), teacher_weight=0.5, max_length=250)
    teacher = Teacher.load(options, "cpu")
    example = Example("Which?", "Masks lowered the number of infections.", 0, 5)
    (window,) = windower_of(made / "base", 250).split(example.question, [example.context])
    student = labelled(window, 0, 5)
    assert student is not None
    shape = (1, len(window.ids))
    start, _, known = teacher.targets([example], [student], shape)
    tokens = window.begin + np.arange(len(window.offsets))
    assert np.flatnonzero(known[0].numpy()).tolist() == [0, *tokens]
    assert start[0, tokens].abs().min() > 0
    narrow = replace(teacher, windower=windower_of(made / "teacher", 10))
    *_, known = narrow.targets([example], [student], shape)
    assert not known.any()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--questions", "nowhere.json"], "cannot be read"),
        (["--base", "./nowhere"], "nowhere"),
        (["--teacher", "./nowhere"], "nowhere"),
        (["--index", "nowhere"], "is not there: build one with"),
    ],
)
def test_what_is_not_there_is_one_line(
    made: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    message: str,
) -> None:
    assert train_reader.main([*command(made, tmp_path), *more]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("train_reader: ")
    assert message in error


def test_an_encoder_is_a_base_only_with_a_new_head(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = tiny_encoder(tmp_path / "encoder")
    arguments = command(made, tmp_path / "run", "--base", str(encoder), "--minutes", "0.00001")
    assert train_reader.main(arguments) == 1
    assert "qa_outputs" in capsys.readouterr().err
    assert train_reader.main([*arguments, "--new-head"]) == 0


@pytest.mark.parametrize(
    "more",
    [
        ["--teacher-weight", "2"],
        ["--base-share", "1.5"],
        ["--base-share", "0.5", "--new-head"],
        ["--minutes", "0"],
        ["--own", "many"],
        ["--rate", "inf"],
    ],
)
def test_arguments_out_of_range_are_refused(made: Path, tmp_path: Path, more: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        train_reader.main([*command(made, tmp_path), *more])
    assert ended.value.code == 2
