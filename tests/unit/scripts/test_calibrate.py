import json
import math
from pathlib import Path

import numpy as np
import pytest

from index.corpora.squad import GoldQuestion
from index.hybrid import FEATURES, Candidate, Candidates, Question
from index.types import CorpusError, Passage
from models.contracts import Span
from scripts import calibrate, calibration_samples
from service.calibrations import SpanRange
from service.reading import NO_ANSWER_FEATURES, Reading, ReadPassage
from service.types import Timings
from tests.making import a_paper

GOLD = GoldQuestion("1", "How long?", "", ("5.1 days",), (0,), "gold")


def candidate(number: int, uid: str, text: str) -> Candidate:
    return Candidate(
        Passage(number, uid, "", text, 0, len(text)), a_paper(uid), (0.5,) * len(FEATURES)
    )


def a_reading(*texts: str) -> Reading:
    read = tuple(
        ReadPassage(candidate(n, "gold", text), 0.5, Span(0, len(text), float(n)))
        for n, text in enumerate(texts)
    )
    return Reading(read, len(texts), Timings(1, 1, 1, 3))


class FakeIndex:
    """Finds all its passages for every question."""

    features = FEATURES
    _texts = (
        (1, "gold", "A median of 5.1 days."),
        (2, "other", "A median of 5.1 days."),  # the words, but of another paper
        (3, "gold", "A median of 15.1 days."),  # not a whole word
    )

    def candidates(self, question: Question) -> Candidates:
        assert question.text == GOLD.question
        return Candidates(np.array([1, 2, 3]), np.full((3, len(FEATURES)), 0.5))

    def of_paper(self, cord_uid: str) -> list[Passage]:
        return [candidate(*one).passage for one in self._texts if one[1] == cord_uid]


class FakeAnswerer:
    index = FakeIndex()

    def encode(self, question: str) -> Question:
        return Question(question, np.zeros(2, np.float32), np.zeros((0, 4), np.float32))


def test_a_passage_is_right_when_the_gold_paper_says_it() -> None:
    samples = calibration_samples.retrieval_samples(FakeAnswerer(), [GOLD], [GOLD])  # type: ignore[arg-type] # all it calls
    assert samples.features == FEATURES
    assert samples.values.shape == (6, len(FEATURES))
    assert samples.groups.tolist() == [0, 0, 0, 1, 1, 1]
    assert samples.outcomes.tolist() == [1, 0, 0, 0, 0, 0]  # off topic, nothing is right


def test_a_span_is_right_when_it_shares_enough_with_a_gold_answer() -> None:
    reading = a_reading("5.1 days", "5.1 days or so, maybe", "", "x")
    samples = calibration_samples.reader_samples([GOLD], [reading], SpanRange(-1.0, 2.5))
    assert samples.outcomes.tolist() == [1, 1, 0]  # F1 of 1 and 4/7; the empty text has no span
    assert samples.values[:, 0].tolist() == [1, 2, 3.5]  # above -1; 3 counts as 2.5
    assert samples.values[:, 1].tolist() == [7, 14, 24.5]  # times log(1) + 7


def test_the_range_of_span_scores_is_of_all_spans() -> None:
    readings = [a_reading(*(["x"] * 101))]  # 0 to 100
    within = calibration_samples.span_range(readings)
    assert (within.lowest, within.highest) == pytest.approx((1, 50))
    at = [math.exp(odds) / (1 + math.exp(odds)) for odds in (-9.0, -7.0, -2.5)]
    assert within.end(at) == pytest.approx([50, 50, 99.9])


def test_samples_of_whole_questions() -> None:
    samples = calibration_samples.no_answer_samples(
        [a_reading("a")], [a_reading("b"), a_reading("c")]
    )
    assert samples.features == NO_ANSWER_FEATURES
    assert samples.outcomes.tolist() == [0, 1, 1]


def test_figures_are_of_held_out_questions() -> None:
    random = np.random.default_rng(0)
    outcomes = random.integers(0, 2, 500)
    noise = calibrate.Samples(("x",), random.normal(size=(500, 1)), outcomes, np.arange(500))
    told = calibrate.Samples(("x",), outcomes[:, None] + 0.0, outcomes, np.arange(500))
    assert noise.held_out == pytest.approx(np.full(500, 0.5), abs=0.3)  # nothing to learn
    assert "AUROC 1.000" in told.report("told")
    assert calibrate.flagged(told, 0.5) == "flagged above 0.5: 100.0% off topic, 0.0% on topic"
    assert calibrate.flagged(told, 1.0) == "flagged above 1: 0.0% off topic, 0.0% on topic"


def test_the_points_of_a_reliability_diagram_count_every_row() -> None:
    draw = np.random.default_rng(1)
    values = draw.normal(0, 2, (500, 1))
    outcomes = (draw.random(500) < 1 / (1 + np.exp(-values[:, 0]))).astype(np.int64)
    samples = calibrate.Samples(("score",), values, outcomes, np.arange(500))
    rows = [line.split() for line in samples.reliability().splitlines()[1:]]
    assert sum(int(row[3]) for row in rows) == 500
    assert all(float(row[0]) <= float(row[4]) <= float(row[2]) for row in rows)
    assert float(rows[-1][5]) > 0.7
    assert float(rows[0][5]) < 0.3
    vars(samples)["held_out"] = np.array([0.0, 0.5, 0.7, *[1.0] * 497])  # so sure that it is 1
    rows = [line.split() for line in samples.reliability().splitlines()[1:]]
    assert [(row[0], int(row[3])) for row in rows] == [("0.00", 1), ("0.50", 1), ("0.70", 498)]


def test_too_few_questions_are_said_before_anything_is_asked(tmp_path: Path) -> None:
    def a_file(name: str, questions: int) -> Path:
        place = {"text": "5.1 days", "answer_start": 0}
        asked = [
            {"id": str(n), "question": f"How long {n}?", "answers": [place]}
            for n in range(questions)
        ]
        # as SQuAD 2.0 has them: there is no span to be right
        asked.insert(0, {"id": "none", "question": "Who?", "answers": [], "is_impossible": True})
        path = tmp_path / name
        paragraph = {"context": "5.1 days", "cord_uid": "gold", "qas": asked}
        path.write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}))
        return path

    def asked(few: str) -> calibrate.CalibrationQuestions:
        files = {
            f"--{name}": str(a_file(name, 2 if name == few else 5))
            for name in ("retrieval-questions", "questions", "off-topic", "retrieval-off-topic")
        }
        arguments = [word for pair in files.items() for word in pair]
        return calibrate.calibration_questions(calibrate.parser().parse_args(arguments))

    found = asked("none")
    assert (len(found.of_reader), len(found.of_retrieval), len(found.off_topic)) == (5, 5, 5)
    assert all(gold.answers for gold in (*found.of_reader, *found.of_retrieval))
    assert len(asked("retrieval-off-topic").not_of_retrieval) == 1
    for name in ("retrieval-questions", "questions", "off-topic"):
        with pytest.raises(
            CorpusError, match=rf"{name} has [23] questions to use: 5 are the fewest"
        ):
            asked(name)


def test_what_cannot_be_tested_on_held_out_questions_is_said() -> None:
    values, outcomes = np.zeros((8, 1)), np.array([1, 0, 0, 0, 0, 0, 0, 0])
    for groups, message in (
        (np.array([0, 0, 1, 1, 2, 2, 3, 3]), "fewer than 5 questions"),
        (np.arange(8), "of too few questions"),
    ):
        with pytest.raises(CorpusError, match=message):
            calibrate.Samples(("x",), values, outcomes, groups).report("x")
