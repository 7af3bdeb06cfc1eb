"""Fitting what chooses among spans: on made-up lists, and with the shipped reader."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from files.checksums import sha256
from index.types import CorpusError
from models.backends import check_files
from models.contracts import READER, ModelError
from models.loading import reader_folder
from models.onnx.files import GRAPH, Record
from models.onnx.reader import OnnxReader
from models.span_choice import SPAN_CHOICE
from models.span_features import FEATURES
from scripts import fit_spans
from scripts.fit_spans import Lists, choice, fit, held_out, joined, lists_of
from scripts.training_runs import Source


def made(questions: int, telling: int, seed: int = 0) -> Lists:
    """Return lists in which a feature alone tells which of four spans is right."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(questions, 4, len(FEATURES)))
    there = np.ones((questions, 4), np.bool_)
    there[::3, 3] = False
    right = np.zeros((questions, 4))
    right[np.arange(questions), np.where(there, values[:, :, telling], -9).argmax(1)] = 1
    return Lists(values, right, right, there, np.arange(questions) // 2, np.ones(questions))


def test_the_feature_that_tells_gets_the_weight() -> None:
    lists = made(400, telling=7)
    weights = fit(lists)
    assert weights.argmax() == 7
    assert lists.figures(lists.chosen(weights))[0] > 95
    ((exact, f1),) = held_out([lists])
    assert exact == f1 > 60  # among two hundred features that tell nothing
    assert lists.figures(np.zeros(400, np.int64))[0] < 40


def test_a_set_counts_as_much_as_it_is_said_to() -> None:
    one, other = made(200, telling=7), made(200, telling=9, seed=1)
    other.weights[:] = 0.05
    weights = fit(joined([one, other]))
    assert weights[7] > 4 * abs(weights[9])


def test_questions_of_which_no_span_is_right_tell_nothing() -> None:
    lists = made(100, telling=7)
    lists.exact[::2] = 0
    lists.f1[::2] = 0
    assert fit(lists) == pytest.approx(fit(lists.of(np.arange(100) % 2 == 1)), abs=1e-3)


def test_states_that_tell_get_the_weight() -> None:
    lists, width = made(400, telling=7), 6
    states = np.random.default_rng(9).normal(size=(400, 4, 3 * width)) / 10
    states[:, :, width + 2] = lists.values[:, :, 7] / 10  # the last token's third number
    values = np.concatenate([lists.values, states], axis=2).astype(np.float32)
    values[:, :, 7] = 0
    found = choice("reader", fit(replace(lists, values=values)))
    assert [len(weights) for weights in found.states] == [width] * 3
    assert np.unravel_index(np.argmax(found.states), (3, width)) == (1, 2)
    assert len(found.weights) == len(FEATURES)
    assert found.projection.shape == (width, 3)


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spans") / "few.json"
    paragraphs = []
    for number in range(10):
        text = f"In ward {number} the fever lasted {number + 3} days. Masks were worn by nurses."
        answer = f"{number + 3} days"
        qas = [
            {
                "id": str(number),
                "question": f"How long did fever last in ward {number}?",
                "answers": [{"text": answer, "answer_start": text.index(answer)}],
            }
        ]
        paragraphs.append({"context": text, "qas": qas})
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
    return path


def default_reader(parent: Path) -> Path:
    """Return a copy of the default reader; its weights for torch are a link."""

    def copy(source: str, target: str) -> None:
        (os.symlink if source.endswith(".safetensors") else shutil.copy)(source, target)

    return Path(shutil.copytree(reader_folder("default"), parent / "reader", copy_function=copy))


def test_it_is_fitted_and_written_beside_the_reader(
    questions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = default_reader(tmp_path)
    stale = (folder / SPAN_CHOICE).read_text().replace('"model": "bert', '"model": "another')
    (folder / SPAN_CHOICE).write_text(stale)
    with pytest.raises(ModelError, match="was fitted to the reader another"):
        OnnxReader(folder)
    with pytest.raises(ModelError, match="was fitted to the reader another"):
        check_files(READER, folder, backend="onnx")
    plain = OnnxReader(folder, choosing=False)
    arguments = ["--reader", str(folder), "--questions", f"{questions}=0.5"]
    assert fit_spans.main(arguments) == 0
    assert (folder / SPAN_CHOICE).read_text() == stale
    assert fit_spans.main([*arguments, "--write"]) == 0
    line = next(row for row in capsys.readouterr().out.splitlines() if "few.json" in row)
    assert line.split()[1] == "10"
    choosing = OnnxReader(folder)
    text = "The fever lasted 7 days. Masks were worn."
    (before,), (after,) = (
        reader.read("How long did fever last?", [text]) for reader in (plain, choosing)
    )
    assert before.score == after.score
    assert (after.start, after.end) in {
        (one.start, one.end) for one in plain.candidates([("How long did fever last?", text)])[0]
    }


def test_a_graph_without_states_is_refused(
    questions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = default_reader(tmp_path)
    graph = onnx.load(folder / GRAPH)
    del graph.graph.output[2:]  # as earlier versions exported it
    onnx.save(graph, folder / GRAPH)
    replace(Record.read(folder), sha256=sha256(folder / GRAPH)).write(folder)
    with pytest.raises(ModelError, match=r"does not give the states that span_choice\.json"):
        OnnxReader(folder)
    assert OnnxReader(folder, choosing=False).read("Who wore masks?", ["Nurses wore masks."])
    assert fit_spans.main(["--reader", str(folder), "--questions", str(questions)]) == 1
    assert "gives no states to choose by: export the model again" in capsys.readouterr().err


def test_what_is_missing_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "none.json").write_text('{"data": []}')
    assert fit_spans.main(["--questions", str(tmp_path / "none.json")]) == 1
    assert "has no question with an answer" in capsys.readouterr().err
    assert fit_spans.main(["--questions", str(tmp_path / "absent.json")]) == 1
    assert "absent.json" in capsys.readouterr().err


def test_where_no_span_is_right_nothing_is_fitted() -> None:
    lists = made(100, telling=7)
    with pytest.raises(CorpusError, match="no span that the reader marks is right"):
        fit(replace(lists, exact=lists.exact * 0, f1=lists.f1 * 0))


def test_texts_are_held_out_whole_and_of_all_files(
    questions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lists = made(100, telling=7)
    with pytest.raises(CorpusError, match="give questions of 5 texts at least"):
        held_out([replace(lists, texts=lists.texts % 4), replace(lists, texts=lists.texts % 3)])
    reader, numbers = OnnxReader(reader_folder("default"), choosing=False), dict[str, int]()
    one, other = (
        lists_of(reader, Source(questions, 1.0, corpus=False), limit, numbers) for limit in (3, 5)
    )
    assert one.texts.tolist() == [0, 1, 2]
    assert other.texts.tolist() == [0, 1, 2, 3, 4]
    few = json.loads(questions.read_text())
    few["data"][0]["paragraphs"] = few["data"][0]["paragraphs"][:4]
    (tmp_path / "few.json").write_text(json.dumps(few))
    assert fit_spans.main(["--questions", str(tmp_path / "few.json")]) == 1
    assert "fit_spans: give questions of 5 texts" in capsys.readouterr().err
