import json
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rapidfuzz.distance import OSA

from index.corpora.squad import GoldQuestion
from index.hybrid import Candidate
from index.types import CorpusError
from models.contracts import Span
from scripts import evaluate, evaluate_answers, evaluate_reader, evaluate_spelling
from scripts.evaluate_reading import evaluate_reading, reading_table
from scripts.metrics import exact_match, f1
from service.reading import Reading, ReadPassage
from service.types import AnswerList, Query, Source, Timings
from tests.making import a_paper, an_answer


def test_measures_are_squads() -> None:
    assert not exact_match("", ["(%)"])  # of which no word is left
    assert f1("", ["The"]) == 0
    assert exact_match("The 5.1 days.", ["5.1 days"])  # articles and full stops do not count
    assert f1("about 5.1 days", ["5.1 days", "a week"]) == pytest.approx(0.8)  # 2/3 and 2/2
    assert f1("", ["5.1 days"]) == 0


class FakeAnswerer:
    """Answers the first question rightly at once, the second only by weight 0."""

    def read(self, question: str, top_k: int) -> Reading:
        assert top_k == 20
        return Reading((), 2, Timings(1, 1, 1, 3))

    def rank(self, query: Query, reading: Reading) -> AnswerList:
        right = an_answer(1, "It took 5.1 days.", "5.1 days", cord_uid="gold")
        wrong = an_answer(2, "It rained.", "rained", cord_uid="other")
        best_first = query.question == "first" or query.weight == 0
        answers = (right, wrong) if best_first else (wrong, right)
        source = Source("v1", 2, 2, "encoder", "reader", "cpu")
        return AnswerList(query, answers, 0.1, reading.passages_searched, source, reading.took_ms)


def test_figures_count_the_right_places() -> None:
    gold = [GoldQuestion(q, q, "", ("5.1 days",), (0,), "gold") for q in ("first", "second")]
    figures, by_search = evaluate_answers.evaluate_answers(FakeAnswerer(), gold, [0.4, 0.0])
    assert (figures.n, figures.weight) == (2, 0.4)
    assert (figures.exact_match_at_1, figures.f1_at_1, figures.f1_at_5) == (50, 50, 100)
    assert figures.right_paper_at == {1: 50, 5: 100, 20: 100}
    assert (by_search.weight, by_search.f1_at_1) == (0, 100)
    assert "right paper at 5" in evaluate_answers.table(figures)
    assert len(evaluate_answers.sweep_table([figures, by_search]).splitlines()) == 3


class FrugalAnswerer(FakeAnswerer):
    """Reads one passage for a weight of 0.2, and all 4 else; by 0.5 it loses an answer."""

    def read(self, question: str, top_k: int) -> Reading:
        assert top_k == 5
        self.everything = self._reading(4)
        return self.everything

    def read_enough(self, query: Query) -> Reading:
        return self._reading(1 if query.weight == 0.2 else 4)

    def rank(self, query: Query, reading: Reading) -> AnswerList:
        found = super().rank(query, reading)
        lost = query.weight == 0.5 and reading is not self.everything
        return replace(found, answers=found.answers[:1]) if lost else found

    def _reading(self, passages: int) -> Reading:
        candidate = Candidate(an_answer(1, "a", "a").passage, a_paper(), ())
        read = ReadPassage(candidate, 0.5, Span(0, 1, 1.0))
        return Reading((read,) * passages, 4, Timings(1, 1, 1, 3))


def test_passages_read_are_counted_and_lost_answers_seen() -> None:
    answerer = FrugalAnswerer()
    figures = evaluate_reading(answerer, ["first", "second"])
    assert [(f.weight, f.n, f.mean, f.p50, f.p95) for f in figures] == [
        (0.2, 2, 1, 1, 1),
        (0.5, 2, 4, 4, 4),
        (0.8, 2, 4, 4, 4),
    ]
    assert [f.same for f in figures] == [2, 0, 2]
    assert "2 of 2" in reading_table(figures).splitlines()[1]


class FirstWord:
    """A reader that marks the first word of a text."""

    name = "first word"

    def read(self, question: str, contexts: Sequence[str]) -> list[Span]:
        return [Span(0, len(text.split()[0]), 1.0) for text in contexts]

    def read_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[Span]:
        return self.read("", [text for _, text in pairs])


def test_a_reader_is_measured_on_the_text_of_each_question() -> None:
    gold = [
        GoldQuestion("1", "q", "Fever is common.", ("cough", "fever"), (0, 0), ""),
        GoldQuestion("2", "q", "Dry cough is common.", ("dry cough",), (0,), ""),
    ]
    figures = evaluate_reader.evaluate_reader(FirstWord(), gold)
    assert (figures.n, figures.exact_match) == (2, 50)
    assert figures.f1 == pytest.approx((100 + 200 / 3) / 2, abs=0.01)  # of "dry cough": 1 and 1/2
    assert "83.3 %" in evaluate_reader.table(figures)
    assert figures.reader == "first word"


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "q.json"
    empty.write_text(json.dumps({"data": []}))
    for path, message in ((tmp_path / "none", "cannot be read"), (empty, "no question with an")):
        assert evaluate.main(["answers", "--questions", str(path)]) == 1
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert evaluate.main(["reader", "--questions", str(empty)]) == 1
    assert "no question with an answer" in capsys.readouterr().err
    elsewhere = tmp_path / "elsewhere.json"
    qa = {"id": "1", "question": "x?", "answers": [{"text": "days", "answer_start": 3}]}
    data = [{"paragraphs": [{"context": "five days", "qas": [qa]}]}]
    elsewhere.write_text(json.dumps({"data": data}))
    assert evaluate.main(["reader", "--questions", str(elsewhere)]) == 1
    assert "no answer stands in its context where answer_start says" in capsys.readouterr().err
    asking = ["answers", "--questions", str(elsewhere), "--haystack", str(tmp_path / "python")]
    assert evaluate.main(asking) == 1  # and no model was loaded
    assert "python cannot be run (no such program): give" in capsys.readouterr().err
    assert evaluate.main(["answers", "--questions", str(empty), "--weight", "2"]) == 1
    assert capsys.readouterr().err == "evaluate: --weight is a number from 0 to 1\n"


class FindsWords:
    """Answers rightly where each word is one of its own, and tells what the others are meant as."""

    def answer(self, query: Query) -> AnswerList:
        known = query.question == "about incubation"
        answer = an_answer(1, "It took 5.1 days.", "5.1 days" if known else "It", cord_uid="gold")
        meant = None if known else "about incubation"
        source = Source("v1", 2, 2, "encoder", "reader", "cpu")
        took = Timings(1, 1, 1, 3)
        doubt = 0.1 if known else 0.9
        return AnswerList(query, (answer,), doubt, 2, source, took, did_you_mean=meant)


def test_a_mistake_in_a_word_and_its_correction_are_measured() -> None:
    asked = ("about incubation", "or not")
    gold = [GoldQuestion(q, q, "", ("5.1 days",), (0,), "gold") for q in asked]
    found = evaluate_spelling.evaluate_spelling(
        FindsWords(),  # type: ignore[arg-type] # all it calls
        gold,
        weight=0.5,
        threshold=0.5,
    )
    assert (found.n, found.suggested, found.as_meant) == (1, 100, 100)  # "or not" is too short
    right, wrong = (
        evaluate_spelling.WordingFigures(100, 100, 0),
        evaluate_spelling.WordingFigures(0, 0, 100),
    )
    assert (found.right, found.misspelt, found.corrected) == (right, wrong, right)
    assert "as suggested" in evaluate_spelling.table(found)
    with pytest.raises(CorpusError, match="no question has a word of 6 letters"):
        evaluate_spelling.evaluate_spelling(
            FindsWords(),  # type: ignore[arg-type] # as above
            gold[1:],
            weight=0.5,
            threshold=0.5,
        )


def test_a_mistake_changes_one_letter_or_two() -> None:
    for seed in range(60):
        wrong = evaluate_spelling.misspelt("about incubation", random.Random(seed))
        assert wrong is not None
        assert wrong.startswith("about i")
        assert OSA.distance(wrong, "about incubation") == 1
        assert evaluate_spelling.misspelt("three letters", random.Random(seed)) != "three letters"
    assert evaluate_spelling.misspelt("too short a word", random.Random(1)) is None


def test_help_waits_for_no_torch() -> None:
    code = """if True:
        import sys
        from scripts import calibrate, evaluate, fit_spans
        for command in (evaluate, calibrate, fit_spans):
            command.parser()
        sys.exit("torch" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
