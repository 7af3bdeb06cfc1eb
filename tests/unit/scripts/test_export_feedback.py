import json
from dataclasses import replace
from pathlib import Path

import pytest

from index.corpora.squad import read_squad
from scripts.export_feedback import main, squad
from service.feedback import FeedbackStore
from tests.making import a_feedback

UP, DOWN = a_feedback(), replace(a_feedback(), verdict="down")


def test_thumbs_up_become_questions_that_a_reader_is_trained_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = FeedbackStore(tmp_path / "feedback.sqlite")
    other = replace(UP, question="Why?", context="β \N{MICROBE} of 6 days.", start=7, end=13)
    for one in (UP, replace(other, answer="6 days"), DOWN, UP):
        store.add(one)
    output = tmp_path / "squad.json"
    assert main([str(tmp_path / "feedback.sqlite"), str(output)]) == 0
    assert capsys.readouterr().out == f"2 answers written to {output}\n"
    first, second = read_squad(output)
    assert (first.question, first.context, first.cord_uid) == ("How long?", "It is 5 days.", "u1")
    for one in (first, second):
        for text, start in zip(one.answers, one.starts, strict=True):
            assert one.context[start : start + len(text)] == text
    assert first.id != second.id
    data = json.loads(output.read_text(encoding="utf-8"))
    assert data["version"] == "v2.0"
    (qa,) = data["data"][0]["paragraphs"][0]["qas"]
    assert qa["is_impossible"] is False


def test_an_answer_needs_more_thumbs_up_than_down() -> None:
    assert squad([UP, UP, DOWN]).answers == 1
    reason = "no more people found the answer good than bad"
    for given in ([UP, DOWN], [DOWN], [DOWN, UP, DOWN]):
        export = squad(given)
        assert (export.answers, export.left_out[reason]) == (0, 1)
        assert export.data["data"] == []


def test_the_same_question_in_other_letters_is_the_same() -> None:
    shouted = replace(UP, question="HOW  LONG?")
    assert squad([UP, shouted]).answers == 1
    assert squad([UP, replace(shouted, verdict="down")]).answers == 0
    assert squad([UP, replace(UP, start=9, answer="ays", end=12)]).answers == 2


def test_an_answer_that_does_not_stand_in_its_passage_is_left_out() -> None:
    altered = [replace(UP, start=5), replace(UP, context="Other."), replace(UP, answer="six")]
    export = squad([*altered, UP])
    assert export.answers == 1
    assert export.left_out["the answer does not stand in the passage where it should"] == 3


@pytest.mark.parametrize("name", ["nothing", "text"])
def test_what_is_no_feedback_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "text").write_text("no database " * 100)
    assert main([str(tmp_path / name), str(tmp_path / "out")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("export_feedback: ")
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FeedbackStore(tmp_path / "feedback.sqlite").add(UP)
    assert main([str(tmp_path / "feedback.sqlite"), str(tmp_path)]) == 1
    assert f"{tmp_path}: Is a directory" in capsys.readouterr().err


def test_several_good_answers_of_a_question_are_gold_answers_of_one_entry() -> None:
    longer = replace(UP, end=UP.end + 1, answer=UP.context[UP.start : UP.end + 1])
    data = json.loads(json.dumps(squad([UP, longer]).data))["data"]
    (qa,) = data[0]["paragraphs"][0]["qas"]
    assert [one["text"] for one in qa["answers"]] == [UP.answer, longer.answer]
