"""scripts/calibrate.py on the sample index, with the shipped models."""

import json
import os
import shutil
from pathlib import Path

import pytest

from index.hybrid import FEATURES
from models.contracts import ModelError
from models.loading import reader_folder
from scripts import calibrate
from service.calibrations import Calibrations
from service.fitted import BESIDE, FITTED_WITH, READER_CALIBRATION
from service.loading import fitted_to, load_models, snapshot
from service.questions import QUESTIONS
from service.settings import Settings
from service.types import Query

OFF_TOPIC = ("Who wrote the opera?", "When was the bridge built?", "Which team won the cup?")


def squad(path: Path, questions: list[tuple[str, str, str, str]]) -> Path:
    """Write questions, each with its context, answer and cord_uid."""
    paragraphs = []
    for number, (question, context, answer, cord_uid) in enumerate(questions):
        answers = [{"text": answer, "answer_start": context.index(answer)}]
        qas = [{"id": str(number), "question": question, "answers": answers}]
        paragraphs.append({"context": context, "qas": qas, "cord_uid": cord_uid})
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
    return path


def test_what_is_written_to_an_index_is_for_that_index_alone(
    sample_index: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = tmp_path / "index"
    shutil.copytree(sample_index, index, symlinks=True)

    def chosen(folder: Path = index) -> Calibrations:
        return fitted_to(Settings(index=folder), models).calibrations(FEATURES)

    def cautions() -> list[str]:
        return fitted_to(Settings(index=index), models).cautions()

    monkeypatch.setenv("COVIDQUEST_CANDIDATES", "12")
    monkeypatch.setenv("COVIDQUEST_INDEX", str(index))
    settings = Settings.from_environment(os.environ)
    models = load_models(settings)
    answerer = snapshot(settings, models, fitted_to(settings, models))
    about = []
    for asked in QUESTIONS[:10]:  # what is found first is taken to be right
        best = answerer.answer(Query(asked.text, 1.0, 1)).answers[0]
        passage = best.passage
        about.append((asked.text, passage.text, best.text, passage.cord_uid))
    other = [(question, "It was Verdi.", "Verdi", "") for question in OFF_TOPIC * 4]
    on_topic, off_topic = squad(tmp_path / "on.json", about), squad(tmp_path / "off.json", other)
    shipped = reader_folder("default") / READER_CALIBRATION
    before = chosen(), shipped.read_bytes()
    files = ("--retrieval-questions", on_topic, "--retrieval-off-topic", off_topic)
    files += ("--questions", on_topic, "--off-topic", off_topic)
    assert calibrate.main([*map(str, files), "--write", "index"]) == 0
    written = {path.name for path in (index / BESIDE).iterdir()}
    assert written == {"retrieval.json", "no_answer.json", "reader.json", "models.json"}
    after = chosen()
    assert after.retrieval != before[0].retrieval
    assert after.reader != before[0].reader
    assert after.no_answer != before[0].no_answer
    assert shipped.read_bytes() == before[1]
    assert chosen(sample_index) == before[0]

    assert cautions() == []
    noted = json.loads((index / BESIDE / FITTED_WITH).read_text())
    (index / BESIDE / FITTED_WITH).write_text(json.dumps(noted | {"encoder": "bert-1x2@0"}))
    assert chosen() == before[0]
    [line] = cautions()
    assert "are of other models (encoder bert-1x2@0, reader bert-" in line
    (index / BESIDE / FITTED_WITH).rename(tmp_path / "aside")
    assert chosen() == before[0]
    [line] = cautions()
    assert "do not say with which models they were fitted, so the shipped ones serve" in line
    (index / BESIDE / FITTED_WITH).write_text("[")
    with pytest.raises(ModelError, match=r"models.json can't be read .*calibrate.py --write index"):
        chosen()


def test_files_without_questions_and_an_index_to_be_read_alone_are_one_line(
    sample_index: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = [(f"Who, {n}?", "It was Verdi.", "Verdi", "none") for n in range(5)]
    some = str(squad(tmp_path / "some.json", asked))
    (tmp_path / "none.json").write_text('{"data": []}')
    (tmp_path / "papers.json").write_text('["another"]')
    none, papers = str(tmp_path / "none.json"), str(tmp_path / "papers.json")

    def refused(*changes: str) -> str:
        files = ("--retrieval-questions", some, "--retrieval-off-topic", some)
        files += ("--questions", some, "--off-topic", some)
        assert calibrate.main(["--index", str(sample_index), *files, *changes]) == 1
        return capsys.readouterr().err.splitlines()[-1]

    nothing = f"calibrate: {none} has no question with an answer"
    assert refused("--retrieval-questions", none) == nothing
    assert refused("--questions", none) == nothing
    assert "has 0 questions to use: 5 are the fewest" in refused("--off-topic", none)
    about = f"{some} has no question with an answer about the papers of {papers}"
    assert refused("--papers", papers) == f"calibrate: {about}"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "cannot be written to" in refused("--write", "index")


def test_questions_of_which_nothing_is_found_are_one_line(
    sample_index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strange = [(question, "It was Verdi.", "Verdi", "none") for question in OFF_TOPIC * 4]
    given = str(squad(tmp_path / "strange.json", strange))
    files = ("--retrieval-questions", given, "--retrieval-off-topic", given)
    files += ("--questions", given, "--off-topic", given)
    assert calibrate.main(["--index", str(sample_index), *files]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("calibrate: no passage that was found for the questions of --retrieval")
