import math
from collections.abc import Sequence

import numpy as np
import pytest

from index.filters import Facets, Filters
from index.hybrid import FEATURES, Candidate, Candidates, Question
from index.manifest import Manifest
from index.types import Passage
from models.calibration import LogisticCalibration
from models.contracts import Embedded, Span
from service.answering import EVIDENCE, Answerer, Calibrations, evidence
from service.types import BusyError, Query
from tests.making import a_paper

TEXTS = [f"Sentence number {n} says it lasted {n} days." for n in range(60)] + [""]


class FakeIndex:
    """Finds every text; the one with number n has the cosine n/100 and no word of the question."""

    manifest = Manifest(1, "v1", "", "", "fake", 2, 4, "", "", "", 1, len(TEXTS), {})
    facets = Facets()
    features = FEATURES

    def searched(self, filters: Filters) -> int:
        return 0 if filters.journals else len(TEXTS)

    def candidates(self, question: Question, filters: Filters) -> Candidates:
        assert question.vector.shape == (2,)
        assert question.words.shape == (3, 4)
        ids = np.arange(self.searched(filters))
        others = np.zeros((len(ids), len(FEATURES) - 1))
        return Candidates(ids, np.column_stack([ids / 100, others]))

    def fetch(self, found: Candidates, places: Sequence[int]) -> list[Candidate]:
        ids, rows = found.ids[list(places)].tolist(), found.features[list(places)].tolist()
        return [
            Candidate(Passage(n, "u1", "", TEXTS[n], 0, len(TEXTS[n])), a_paper(), tuple(features))
            for n, features in zip(ids, rows, strict=True)
        ]


class FakeEncoder:
    name = "fake"
    dimension = 2
    word_dimension = 4

    def encode_questions(self, texts: Sequence[str]) -> Embedded:
        vectors = np.full((len(texts), 2), math.sqrt(0.5), np.float32)
        return Embedded(vectors, (np.ones((3, 4), np.float32),) * len(texts))

    def encode_passages(self, texts: Sequence[str]) -> Embedded:
        pytest.fail("a question is no passage")


class FakeReader:
    """Marks the last word but one; the shorter the context, the better it likes it."""

    name = "fake"

    def __init__(self) -> None:
        self.calls: list[int] = []

    def read(self, question: str, contexts: Sequence[str]) -> list[Span]:
        self.calls.append(len(contexts))
        return [
            Span(text.index("lasted"), len(text) - 1, -len(text), 0.0)
            if text
            else Span(0, 0, -math.inf, 0.0)
            for text in contexts
        ]


@pytest.fixture
def answerer() -> Answerer:
    calibrations = Calibrations(
        retrieval=LogisticCalibration(FEATURES, (5.0, *[1.0] * 8), 0.0),
        reader=LogisticCalibration(("span score",), (1.0,), 40.0),
        no_answer=LogisticCalibration(EVIDENCE, (-1.0,) * len(EVIDENCE), 0.0),
    )
    return Answerer(
        FakeIndex(),  # type: ignore[arg-type] # finds, without files
        FakeEncoder(),
        FakeReader(),
        calibrations,
        candidates=10,
        device="cpu",
    )


def test_the_candidates_with_the_best_retrieval_score_are_read(answerer: Answerer) -> None:
    found = answerer.answer(Query("How long?", weight=0.0, top_k=5))
    # the greatest numbers have the greatest cosines; 60 is empty and has no span
    assert [answer.passage.id for answer in found.answers] == [59, 58, 57, 56, 55]


def test_offsets_and_scores_hold_together(answerer: Answerer) -> None:
    found = answerer.answer(Query("How long?", weight=0.3, top_k=50))
    assert len(found.answers) == 50
    for answer in found.answers:
        assert answer.passage.text[answer.start : answer.end] == answer.text
        assert min(answer.reader_score, answer.retrieval_score) >= 0
        assert max(answer.reader_score, answer.retrieval_score) <= 1
        assert answer.final_score == pytest.approx(
            0.3 * answer.reader_score + 0.7 * answer.retrieval_score
        )
    finals = [answer.final_score for answer in found.answers]
    assert finals == sorted(finals, reverse=True)


def test_scores_do_not_depend_on_weight_or_top_k(answerer: Answerer) -> None:
    asked = [(0.0, 3), (0.5, 50), (1.0, 7)]
    scores: dict[int, set[tuple[float, float]]] = {}
    none = set()
    for weight, top_k in asked:
        found = answerer.answer(Query("How long?", weight, top_k))
        none.add(found.no_answer_probability)
        for answer in found.answers:
            scores.setdefault(answer.passage.id, set()).add(
                (answer.reader_score, answer.retrieval_score)
            )
    assert all(len(values) == 1 for values in scores.values())
    assert len(none) == 1


def test_no_more_is_read_than_needed(answerer: Answerer) -> None:
    reader = answerer._reader
    assert isinstance(reader, FakeReader)
    answerer.answer(Query("How long?", 0.5, 1))
    answerer.answer(Query("How long?", 0.5, 20))
    assert reader.calls == [10, 30]  # at least the candidates; else half as many again as asked for


def test_evidence_of_a_question_stays_finite(answerer: Answerer) -> None:
    passages = answerer.read("How long?", 5).passages
    assert passages[0].candidate.passage.text == ""  # its span score is minus infinity
    assert len(evidence(passages)) == len(EVIDENCE)
    found = answerer.answer(Query("How long?", 0.5, 5))
    assert 0 <= found.no_answer_probability <= 1


def test_where_no_paper_matches_there_is_no_answer(answerer: Answerer) -> None:
    found = answerer.answer(Query("How long?", 0.5, 5, Filters(journals=("Nowhere",))))
    assert (found.answers, found.no_answer_probability, found.passages_searched) == ((), 1.0, 0)
    assert answerer.answer(Query("How long?", 0.5, 5)).passages_searched == len(TEXTS)


def test_one_reading_serves_every_weight(answerer: Answerer) -> None:
    reading = answerer.read("How long?", 5)
    for weight in (0.0, 0.4, 1.0):
        query = Query("How long?", weight, 5)
        assert answerer.rank(query, reading).answers == answerer.answer(query).answers


def test_a_wait_for_the_models_has_an_end(
    answerer: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.answering._LONGEST_WAIT", 0.01)
    with answerer._turn(), pytest.raises(BusyError, match="Try again soon"):
        answerer.answer(Query("How long?", 0.5, 5))
    assert answerer.answer(Query("How long?", 0.5, 5)).answers  # the turn was given back


def test_what_answered_is_told(answerer: Answerer) -> None:
    found = answerer.answer(Query("How long?", 0.5, 1))
    assert (found.source.index_version, found.source.passages) == ("v1", len(TEXTS))
    took = found.took_ms
    assert took.total == pytest.approx(took.encode + took.retrieve + took.read)


def test_best_candidates_are_fetched_alone(answerer: Answerer) -> None:
    found = Candidates(
        np.array([3, 4, 8, 9]), np.array([[value, *[0.0] * 8] for value in (0.1, 0.7, 0.7, 0.2)])
    )
    best = answerer.best(found, 3)
    # by the cosine, which alone counts here; of equal ones the lower id
    assert [candidate.passage.id for candidate, _ in best] == [4, 8, 9]
    # the logistic of 5 times the cosine
    assert [score for _, score in best] == pytest.approx(
        [1 / (1 + math.exp(-3.5)), 1 / (1 + math.exp(-3.5)), 1 / (1 + math.exp(-1.0))]
    )


def test_retrieving_alone_gives_what_is_read(answerer: Answerer) -> None:
    read = answerer.read("How long?", 5).passages
    assert answerer.retrieve("How long?", 10) == [
        (one.candidate, one.retrieval_score) for one in read
    ]
