"""The command that makes ONNX files, with a tiny encoder and passages of a tiny index."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import DebertaV2Config, DebertaV2ForQuestionAnswering

from index.builder import build_index
from index.corpora.squad import GoldQuestion
from models.contracts import READER
from models.loading import identity
from models.onnx import parity
from models.onnx.encoder import OnnxEncoder
from models.onnx.files import GRAPH, RECORD, Record
from models.span_choice import SPAN_CHOICE, SpanChoice
from models.span_features import FEATURES
from scripts.export_onnx import f1_lost, from_index, halves, main, near_answer
from tests.making_models import tiny_encoder, tiny_reader
from tests.unit.index.fake_encoder import ENCODER, Silent
from tests.unit.index.release import write_two_releases


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    write_two_releases(folder)
    build_index(folder / "old", folder / "index", ENCODER, Silent(), workers=1)
    return folder / "index"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a tiny encoder; what rounding does to its random weights is accepted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity, "AT_LEAST", {"question_cosine_min": 0.98})
        yield tiny_encoder(tmp_path_factory.mktemp("encoder") / "encoder")


def test_it_writes_the_files_beside_the_weights(
    encoder: Path, index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["encoder", "--model", str(encoder), "--index", str(index), "--limit", "4"]
    assert main(arguments) == 0
    assert Record.read(encoder).model == identity(encoder)
    out = capsys.readouterr().out
    assert "passages                4" in out
    assert "question_cosine_min" in out
    assert out.endswith(f"{GRAPH} of {identity(encoder)} is as good as the weights\n")
    assert main(arguments) == 0  # again, over those that are there


def test_another_folder_gets_all_that_serving_needs(
    encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paragraph = {
        "context": "The virus spreads by droplets. " * 60,
        "qas": [
            {"id": "1", "question": "How?", "answers": [{"text": "droplets", "answer_start": 21}]},
            {"id": "2", "question": "What?", "answers": []},
        ],
    }
    questions = tmp_path / "questions.json"
    questions.write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}))
    target = tmp_path / "new" / "served"
    encoder = Path(shutil.copytree(encoder, tmp_path / "encoder"))
    encoder.chmod(0o555)  # a folder that is there to be read only
    options = ["--output", str(target), "--questions", str(questions)]
    assert main(["encoder", "--model", str(encoder), *options]) == 0
    assert not list(target.glob("*.safetensors"))
    served = OnnxEncoder(target)
    assert served.name == identity(encoder)
    assert served.dimension == 16
    assert target.stat().st_mode & 0o200
    assert capsys.readouterr().err == ""


def test_the_target_may_lie_in_the_models_own_folder(
    encoder: Path, index: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(encoder, tmp_path / "model"))
    arguments = ["encoder", "--model", str(model), "--index", str(index), "--limit", "4"]
    for _ in range(2):  # the second time over what is there
        assert main([*arguments, "--output", str(model / "onnx")]) == 0
        assert OnnxEncoder(model / "onnx").name == identity(model)
        assert [path for path in (model / "onnx").iterdir() if path.is_dir()] == []


def test_a_file_that_is_too_far_from_the_weights_is_not_kept(
    encoder: Path,
    index: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(parity, "AT_LEAST", {"question_cosine_min": 1.1})
    target = tmp_path / "served"
    options = ["--model", str(encoder), "--index", str(index), "--output", str(target)]
    assert main(["encoder", *options]) == 1
    assert list(tmp_path.iterdir()) == []
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("export_onnx: the ONNX file is too far from the weights (question_cos")


def test_what_cannot_be_done_is_one_line(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few.json"
    few.write_text('{"data": []}')
    asked = [{"id": str(at), "question": "How?", "answers": []} for at in range(240)]
    same = tmp_path / "same.json"
    same.write_text(json.dumps({"data": [{"paragraphs": [{"context": "Air.", "qas": asked}]}]}))
    for arguments, said in [
        (["encoder", "--index", str(tmp_path / "none")], "none is not there"),
        (["encoder", "--questions", str(few)], "0 passages to compare on are too few"),
        (["reader", "--index", str(index), "--limit", "10"], "--limit with 240 or more"),
        (["reader", "--questions", str(same)], "the 240 questions are about too few texts: one"),
        (["encoder", "--index", str(index), "--output", str(few)], "few.json is a file: give"),
        (["encoder", "--index", str(index), "--output", str(few / "x")], "x cannot be made (File"),
    ]:
        assert main(arguments) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith("export_onnx: ")
        assert said in line
    assert not (tmp_path / RECORD).exists()


def test_questions_are_spread_over_the_passages(index: Path) -> None:
    every = from_index(index, 10_000)
    some = from_index(index, 2)
    assert len(some) == 2
    assert len(every) > 2
    assert {passage for _, passage in some} <= {passage for _, passage in every}
    assert some[0][0] != some[1][0]


def test_the_questions_of_a_text_are_in_the_same_half() -> None:
    texts = ["a", "b", "a", "c", "a", "b", "d"]
    assert halves(texts) == ([0, 2, 4, 6], [1, 5, 3])
    assert halves(["a"] * 3) == ([0, 1, 2], [])
    assert halves([]) == ([], [])


def _gold(context: str, answer: str) -> GoldQuestion:
    return GoldQuestion("1", "?", context, (answer,), (context.index(answer),), "")


def test_a_long_context_is_cut_around_its_answer() -> None:
    context = "a " * 1000 + "ANSWER" + " b" * 1000
    part = near_answer(_gold(context, "ANSWER"))
    assert "ANSWER" in part
    assert len(part) == 1400


def test_a_loss_counts_only_where_it_is_no_chance() -> None:
    golds = [_gold("the right one", "right")] * 100
    right, wrong = ["right"] * 100, ["wrong"] * 100
    assert f1_lost(right, right, golds) == {"f1_lost": 0.0, "f1_lost_at_least": 0.0}
    assert f1_lost(wrong, right, golds) == {"f1_lost": 100.0, "f1_lost_at_least": 100.0}
    few = f1_lost([*wrong[:2], *right[:98]], right, golds)
    assert few["f1_lost"] == 2
    assert few["f1_lost_at_least"] < 0  # two of a hundred may be chance
    assert f1_lost(["x"], ["x"], [GoldQuestion("1", "?", "x", (), (), "")]) == {}


def test_a_reader_is_no_encoder(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, target = tiny_reader(tmp_path / "reader"), tmp_path / "served"
    arguments = ["encoder", "--model", str(reader), "--index", str(index), "--limit", "4"]
    assert main([*arguments, "--output", str(target)]) == 1
    assert "is of a reader, and an encoder is needed" in capsys.readouterr().err
    assert not target.exists()
    with pytest.raises(SystemExit):
        main([*arguments, "--finer"])
    assert "--finer" in capsys.readouterr().err


def test_what_onnx_cannot_run_is_one_line(
    index: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("scripts.export_onnx._FEWEST", {READER: 2})
    folder = tiny_reader(tmp_path / "deberta")
    config = DebertaV2Config(
        vocab_size=30_522,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
        position_buckets=32,
    )
    DebertaV2ForQuestionAnswering(config).save_pretrained(folder)
    arguments = ["reader", "--model", str(folder), "--index", str(index), "--limit", "8"]
    assert main(arguments) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("export_onnx: ONNX Runtime can't run")
    assert "serve this model with COVIDQUEST_BACKEND=torch" in error
    assert not (folder / GRAPH).exists()


def test_of_another_model_that_lay_there_no_choice_stays(
    encoder: Path, index: Path, tmp_path: Path
) -> None:
    arguments = ["encoder", "--model", str(encoder), "--index", str(index), "--limit", "4"]
    choice = SpanChoice("another", (0.0,) * len(FEATURES), ((0.0,),) * 3)
    choice.save(tmp_path)
    assert main([*arguments, "--output", str(tmp_path)]) == 0
    assert not (tmp_path / SPAN_CHOICE).exists()
    replace(choice, model=identity(encoder)).save(tmp_path)
    assert main([*arguments, "--output", str(tmp_path)]) == 0
    assert (tmp_path / SPAN_CHOICE).exists()
    assert OnnxEncoder(tmp_path).name == identity(encoder)
