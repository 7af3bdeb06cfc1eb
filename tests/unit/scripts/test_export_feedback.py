import json
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from index.corpora.squad import read_squad
from scripts.export_feedback import Votes, main, opened
from service.feedback import Feedback, FeedbackStore
from tests.making import a_feedback

REASON = "no more people found the answer good than bad"
UP, DOWN = a_feedback(), replace(a_feedback(), verdict="down")


class Export:
    """What is exported of feedback that was given in this order."""

    def __init__(self, given: list[Feedback]) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "feedback.sqlite"
            store = FeedbackStore(path)
            for one in given:
                store.add(one)
            with opened(path) as db:
                votes = Votes(db)
                self.answers, self.left_out = votes.answers, votes.left_out
                self.text = "".join(votes.squad())
        self.data = json.loads(self.text)


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
    assert Export([UP, UP, DOWN]).answers == 1
    for given in ([UP, DOWN], [DOWN], [DOWN, UP, DOWN]):
        export = Export(given)
        assert (export.answers, export.left_out[REASON]) == (0, 1)
        assert export.data["data"] == []


def test_the_same_question_in_other_letters_is_the_same() -> None:
    shouted = replace(UP, question="HOW  LONG?")
    assert Export([UP, shouted]).answers == 1
    assert Export([UP, replace(shouted, verdict="down")]).answers == 0
    assert Export([UP, replace(UP, start=9, answer="ays", end=12)]).answers == 2


def test_an_answer_that_does_not_stand_in_its_passage_is_left_out() -> None:
    altered = [replace(UP, start=5), replace(UP, context="Other."), replace(UP, answer="six")]
    export = Export([*altered, UP])
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
    assert f"{tmp_path}: it is no regular file" in capsys.readouterr().err
    assert not tmp_path.with_name(tmp_path.name + ".tmp").exists()


@pytest.mark.parametrize("end", ["", "-wal", "-shm", ".tmp", "-other", "-link"])
def test_no_database_is_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], end: str
) -> None:
    feedback, output = tmp_path / "f.sqlite", tmp_path / f"f.sqlite{end}"
    if end == ".tmp":
        feedback, output = output, feedback
    FeedbackStore(feedback).add(UP)
    if end == "-other":
        shutil.copy(feedback, output)
    elif end == "-link":
        output.symlink_to(feedback)
    before = feedback.read_bytes()
    assert main([str(feedback), str(output)]) == 1
    said = "holds something else than exported feedback" if end == "-other" else "would replace"
    assert said in (error := capsys.readouterr().err)
    assert "name another file" in error
    assert feedback.read_bytes() == before


def test_only_an_export_is_replaced_and_nothing_of_an_index(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FeedbackStore(tmp_path / "feedback.sqlite").add(UP)
    (tmp_path / "index").mkdir()
    (tmp_path / "index/CURRENT").write_text("some version\n")
    (tmp_path / "notes.json").write_text('{"version": "mine"}')
    for name, said in [
        ("index/CURRENT", "lies in the index"),
        ("index/new.json", "lies in the index"),
        ("notes.json", "holds something else than exported feedback: name another"),
    ]:
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        assert main([str(tmp_path / "feedback.sqlite"), str(tmp_path / name)]) == 1
        assert said in capsys.readouterr().err
        assert before == {path: path.read_bytes() for path in before}
    (tmp_path / "squad.json").touch()
    for _ in range(2):
        assert main([str(tmp_path / "feedback.sqlite"), str(tmp_path / "squad.json")]) == 0
    assert len(list(read_squad(tmp_path / "squad.json"))) == 1


def test_papers_passages_and_questions_come_in_the_order_of_their_first_good_answer() -> None:
    second = replace(UP, cord_uid="u2", context="\u2028\nIt is 5 days", start=8, end=14)
    given = [
        replace(UP, question="Doubted?", verdict="down"),
        replace(second, answer="5 days"),
        UP,
        replace(UP, question="Other?", context="Also 5 days.", start=5, end=11),
        replace(UP, cord_uid="u3"),  # the same text, first seen in u1
        replace(UP, question="Third?"),
        replace(second, question="Fourth?", answer="5 days"),
    ]
    export = Export(given)
    assert export.text == json.dumps(export.data, ensure_ascii=False, indent=1) + "\n"
    found = [
        (paper["title"], [[qa["question"] for qa in one["qas"]] for one in paper["paragraphs"]])
        for paper in export.data["data"]
    ]
    assert found == [
        ("u2", [[second.question, "Fourth?"]]),
        ("u1", [[UP.question, "Third?"], ["Other?"]]),
    ]


def test_several_good_answers_of_a_question_are_gold_answers_of_one_entry() -> None:
    longer = replace(UP, end=UP.end + 1, answer=UP.context[UP.start : UP.end + 1])
    data = Export([UP, longer]).data["data"]
    (qa,) = data[0]["paragraphs"][0]["qas"]
    assert [one["text"] for one in qa["answers"]] == [UP.answer, longer.answer]
