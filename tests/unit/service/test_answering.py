import math
import random
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import replace
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray

from index.chunking import sentences
from index.filters import NO_FILTERS, Facets, Filters
from index.hybrid import FEATURES, Candidate, Candidates, Question
from index.manifest import Manifest
from index.types import Passage
from models.calibration import LogisticCalibration
from models.contracts import Embedded, Span
from service import patience
from service.answering import TOO_EARLY, Answerer, _Rest
from service.caching import Kept
from service.calibrations import READER_FEATURES, Calibrations, ReaderCalibration
from service.fusion import _told, _touched, sentence_of, what_is_told
from service.metrics import Metrics
from service.patience import DeadlineError, Patience
from service.reading import NO_ANSWER_FEATURES, no_answer_features
from service.reading_ahead import Step
from service.shared_models import SharedModels
from service.standing import Standing
from service.types import AnswerList, BusyError, Query
from service.validation import QUESTION_LENGTH
from tests.making import a_paper, an_answer

CANDIDATES = 10
TEXTS = [f"Sentence number {n} says it lasted {n} days." for n in range(60)] + [""]


class FakeIndex:
    """Finds every text; the one with number n has the cosine n/100 and no word of the question."""

    manifest = Manifest(1, "v1", "", "", "fake", 2, 4, "", "", "", 1, len(TEXTS), {})
    facets = Facets()
    features = FEATURES

    def corrected(self, question: str) -> str | None:
        return question.replace("lnog", "long") if "lnog" in question else None

    def unknown(self, question: str) -> tuple[str, ...]:
        return tuple(word for word in question.split() if word == "lnog" or "x" in word)

    def searched(self, filters: Filters) -> int:
        return 0 if filters.journals else len(TEXTS)

    def candidates(self, question: Question, filters: Filters = NO_FILTERS) -> Candidates:
        assert question.vector.shape == (2,)
        assert question.words.shape == (3, 4)
        ids = np.arange(self.searched(filters))
        others = np.zeros((len(ids), len(FEATURES) - 1))
        return Candidates(ids, np.column_stack([ids / 100, others]))

    def published_before(self, found: Candidates, date: str) -> NDArray[np.bool_]:
        assert date == "2019-12"
        return found.ids % 2 == 1

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

    def __init__(self) -> None:
        self.calls = 0

    def encode_questions(self, texts: Sequence[str]) -> Embedded:
        self.calls += 1
        vectors = np.full((len(texts), 2), math.sqrt(0.5), np.float32)
        return Embedded(vectors, (np.ones((3, 4), np.float32),) * len(texts))

    def encode_passages(self, texts: Sequence[str]) -> Embedded:
        pytest.fail("a question is no passage")


class FakeReader:
    """Marks the last word but one, once `go` is set; the shorter the context, the surer it is."""

    name = "fake"

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.go = Event()
        self.go.set()

    def read(self, question: str, contexts: Sequence[str]) -> list[Span]:
        return self.read_pairs([(question, text) for text in contexts])

    def read_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[Span]:
        self.calls.append(len(pairs))
        assert self.go.wait(60)
        return [
            Span(text.index("lasted"), len(text) - 1, -len(text)) if text else Span(0, 0, -math.inf)
            for _, text in pairs
        ]


def made(*, queue: int = 2, remembered: int = 2) -> Answerer:
    calibrations = Calibrations(
        retrieval=LogisticCalibration(FEATURES, (5.0, *[1.0] * 8), 0.0),
        reader=ReaderCalibration(LogisticCalibration(READER_FEATURES, (1.0, 0.0), 40.0 - 1e8)),
        no_answer=LogisticCalibration(NO_ANSWER_FEATURES, (-1.0,) * len(NO_ANSWER_FEATURES), 0.0),
    )
    return Answerer(
        FakeIndex(),  # type: ignore[arg-type] # finds, without files
        SharedModels(FakeEncoder(), FakeReader(), device="cpu", queue=queue, metrics=Metrics()),
        calibrations,
        candidates=CANDIDATES,
        remembered=remembered,
    )


@pytest.fixture
def answerer() -> Answerer:
    return made()


def calls(answerer: Answerer) -> list[int]:
    """Return the size of each batch that was read so far."""
    return reader_of(answerer).calls


def reader_of(answerer: Answerer) -> FakeReader:
    reader = answerer._models.reader
    assert isinstance(reader, FakeReader)
    return reader


def test_the_candidates_with_the_best_retrieval_score_are_read(answerer: Answerer) -> None:
    found = answerer.answer(Query("How long?", weight=0.0, top_k=5))
    # the greatest numbers have the greatest cosines; 60 is empty and has no span
    assert [answer.passage.id for answer in found.answers] == [59, 58, 57, 56, 55]


def test_offsets_and_scores_hold_together(answerer: Answerer) -> None:
    found = answerer.answer(Query("How long?", weight=0.3, top_k=50))
    assert len(found.answers) == 50
    assert found.read[:50] == found.answers  # nothing is repeated here
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


def test_what_may_be_read_grows_with_what_is_asked_for(answerer: Answerer) -> None:
    assert len(answerer.read("How long?", 1).passages) == CANDIDATES
    assert len(answerer.read("How long?", 20).passages) == 30  # half as many again


def test_no_more_is_read_than_needed(answerer: Answerer) -> None:
    # by retrieval alone the order is known; the first 10 are read as evidence in any case
    found = answerer.answer(Query("How long?", 0.0, 20))
    # 20 answers need 21: passage 60 has no span. A batch holds 8 passages
    assert calls(answerer) == [8, 2, 8, 8]
    assert len(found.read) == 25
    assert found.unread == pytest.approx(1 / (1 + math.exp(-5 * 0.34)))  # of passage 34
    assert found.reader_bound == 1.0


def test_unread_passages_keep_below_their_bound(answerer: Answerer) -> None:
    found = answerer.answer(Query("How long?", 0.02, 20))
    assert found.unread is not None
    everything = answerer.rank(found.query, answerer.read("How long?", 20))
    assert everything.unread is None
    assert len(everything.read) > len(found.read)
    read = {answer.passage.id for answer in found.read}
    bound = 0.02 * found.reader_bound + 0.98 * found.unread
    for answer in everything.read:
        assert answer.passage.id in read or answer.final_score <= bound
    assert everything.answers == found.answers


@pytest.mark.parametrize("weight", [0.0, 0.1, 0.5, 1.0])
def test_reading_less_loses_nothing(answerer: Answerer, weight: float) -> None:
    query = Query("How long?", weight, 20)
    everything = answerer.rank(query, answerer.read("How long?", 20))
    found = answerer.answer(query)
    assert found.answers == everything.answers
    assert found.no_answer_probability == everything.no_answer_probability


def test_a_repeated_question_needs_no_model(answerer: Answerer) -> None:
    first = answerer.answer(Query("How long?", 0.5, 5))
    encoder, read = answerer._models.encoder, list(calls(answerer))
    for weight, top_k in ((0.5, 5), (0.7, 5), (0.5, 3)):  # the slider moved, fewer shown
        again = answerer.answer(Query("How long?", weight, top_k))
        assert again.no_answer_probability == first.no_answer_probability
    assert calls(answerer) == read
    assert isinstance(encoder, FakeEncoder)
    assert encoder.calls == 1
    answerer.answer(Query("How long?", 0.5, 5, Filters(full_text=True)))
    assert calls(answerer) == read  # other filters found the same passages
    answerer.answer(Query("How long, then?", 0.5, 5))
    assert calls(answerer) == read * 2


@pytest.fixture
def offered(answerer: Answerer, monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """Return what the answerer offers to read ahead; it remembers more than the others here."""
    steps: list[Step] = []
    monkeypatch.setattr(answerer._models, "read_ahead", lambda _, step: steps.append(step))
    monkeypatch.setattr(answerer, "_kept", Kept(5, CANDIDATES, Metrics()))
    return steps


def test_the_rest_is_read_a_little_at_a_time(answerer: Answerer, offered: list[Step]) -> None:
    answerer.answer(Query("How long?", 0.0, 20))
    read = list(calls(answerer))
    [step] = offered
    assert calls(answerer) == read == [8, 2, 8, 8]
    assert [step(), step(), step()] == [True, True, False]
    assert calls(answerer) == [*read, 2, 2]  # 26 of 30 were read
    moved = answerer.answer(Query("How long?", 1.0, 20))
    assert len(moved.read) == 29  # one has no span
    assert calls(answerer) == [*read, 2, 2]
    assert len(offered) == 1  # nothing is left
    assert b"covidquest_passages_read_ahead_total 4.0" in answerer._models.metrics.text()


def test_what_was_dropped_or_replaced_is_not_read(answerer: Answerer, offered: list[Step]) -> None:
    answerer.answer(Query("How long?", 0.0, 20))
    for number in range(5):
        answerer.answer(Query(f"How long are {number} days?", 0.0, 20))
    read = list(calls(answerer))
    assert not offered[0]()
    assert calls(answerer) == read
    gone = weakref.ref(answerer.recalibrated(answerer.calibrations))
    assert gone() is None  # so it refers to nothing that keeps it
    assert not _Rest(gone, Query("How long?", 0.0, 20), 1)()


def test_other_calibrations_make_nothing_of_remembered_scores(answerer: Answerer) -> None:
    query = Query("How long?", 0.0, 5)
    before = answerer.answer(query)
    weights = (-5.0, *[-1.0] * 8)
    other = replace(answerer.calibrations, retrieval=LogisticCalibration(FEATURES, weights, 0.0))
    after = answerer.recalibrated(other).answer(query)
    assert before.answers[0].passage.id == 59
    assert after.answers[0].passage.id == 0  # what was the least is the best
    assert answerer.answer(query).answers == before.answers


def test_reading_ahead_begins_when_it_is_told_to(answerer: Answerer) -> None:
    answerer._models.start_reading_ahead()
    answerer._kept = Kept(5, CANDIDATES, Metrics())
    answerer.answer(Query("How long?", 0.0, 20))
    read, end = sum(calls(answerer)), time.monotonic() + 10
    while sum(calls(answerer)) < 30:
        assert time.monotonic() < end
        time.sleep(0.02)
    answerer._models.stop_reading_ahead()
    assert read == 26


def test_what_is_remembered_is_bounded(answerer: Answerer) -> None:
    for number in range(30):
        answerer.answer(Query(f"How long are {number} days?", 0.5, 5))
    kept = answerer._kept
    assert len(kept.questions) == len(kept.retrievals) == 2
    assert len(kept.spans) == 2 * CANDIDATES


def test_sentences_are_embedded_once(answerer: Answerer, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded: list[str] = []

    def encode_passages(texts: Sequence[str]) -> Embedded:
        embedded.extend(texts)
        rows = np.array([[len(text), 0.0] for text in texts], np.float32)
        return Embedded(rows, ())

    monkeypatch.setattr(answerer._models.encoder, "encode_passages", encode_passages)
    assert answerer.sentence_vectors([]).shape == (0, 2)
    assert answerer.sentence_vectors(["a", "bb", "a"])[:, 0].tolist() == [1, 2, 1]
    assert answerer.sentence_vectors(["bb", "ccc"])[:, 0].tolist() == [2, 3]
    assert embedded == ["a", "bb", "ccc"]


def test_what_is_kept_of_a_batch_keeps_not_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    models = made()._models

    def encode(texts: Sequence[str]) -> Embedded:
        words = np.ones((len(texts), 5, 4), np.float32)
        return Embedded(np.ones((len(texts), 2), np.float32), tuple(row[:3] for row in words))

    for name in ("encode_questions", "encode_passages"):
        monkeypatch.setattr(models.encoder, name, encode)
    questions = models._encode(["How long?"] * 64)
    assert all(one.vector.base is None and one.words.base is None for one in questions)
    assert all(vector.base is None for vector in models.embed(["It is long."] * 16))


def test_the_sentences_of_an_answer_are_looked_for_once(
    answerer: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[str] = []

    def counted(text: str) -> Iterator[tuple[int, int]]:
        cut.append(text)
        return sentences(text)

    monkeypatch.setattr("service.fusion.sentences", counted)
    forget()
    for weight in (0.5, 0.0, 1.0, 0.5):
        found = answerer.answer(Query("How long?", weight, 20))
        Standing.of(found)
        for answer in found.answers:
            sentence_of(answer)
    assert len(cut) == len(set(cut)) == 29  # one has no span
    for number in range(2000):
        what_is_told(an_answer(number, f"It is {number}.", "It"))
    assert _told.cache_info().currsize == _touched.cache_info().currsize == 1024


def forget() -> None:
    """Forget what answers tell, which other tests' answers may tell as well."""
    _told.cache_clear()
    _touched.cache_clear()


def test_evidence_of_a_question_stays_finite(answerer: Answerer) -> None:
    passages = answerer.read("How long?", 5).passages
    assert passages[0].candidate.passage.text == ""  # its span score is minus infinity
    assert len(no_answer_features(passages)) == len(NO_ANSWER_FEATURES)
    found = answerer.answer(Query("How long?", 0.5, 5))
    assert 0 <= found.no_answer_probability <= 1


def test_evidence_is_the_same_however_many_were_read(answerer: Answerer) -> None:
    passages = answerer.read("How long?", 40).passages
    assert len(passages) == 60
    assert no_answer_features(passages) == no_answer_features(passages[:10])


def test_where_no_paper_matches_there_is_no_answer(answerer: Answerer) -> None:
    found = answerer.answer(Query("How long?", 0.5, 5, Filters(journals=("Nowhere",))))
    assert (found.answers, found.no_answer_probability, found.passages_searched) == ((), 1.0, 0)
    assert answerer.answer(Query("How long?", 0.5, 5)).passages_searched == len(TEXTS)


def test_one_reading_serves_every_weight(answerer: Answerer) -> None:
    reading = answerer.read("How long?", 5)
    for weight in (0.0, 0.4, 1.0):
        query = Query("How long?", weight, 5)
        assert answerer.rank(query, reading).answers == answerer.answer(query).answers


def test_too_many_questions_are_refused_at_once(answerer: Answerer) -> None:
    gate = answerer._models.gate
    with gate.entered(), gate.entered(), pytest.raises(BusyError, match="Try again soon"):
        answerer.answer(Query("How long?", 0.5, 5))
    assert answerer.answer(Query("How long?", 0.5, 5)).answers
    assert gate.inside == 0


def test_a_question_that_takes_too_long_is_given_up(answerer: Answerer) -> None:
    patience.use(Patience(ends=0.0))
    try:
        with pytest.raises(DeadlineError, match="Try again soon"):
            answerer.answer(Query("How long?", 0.5, 5))
    finally:
        patience.use(patience.ENDLESS)
    assert calls(answerer) == []


def test_what_answered_is_told(answerer: Answerer) -> None:
    found = answerer.answer(Query("How long?", 0.5, 1))
    assert (found.source.index_version, found.source.passages) == ("v1", len(TEXTS))
    took = found.took_ms
    assert took.total == pytest.approx(took.encode + took.retrieve + took.read)
    assert found.did_you_mean is None
    assert answerer.answer(Query("How lnog?", 0.5, 1)).did_you_mean == "How long?"
    found = answerer.answer(Query("How lnog are xenon?", 0.5, 1))
    assert found.unknown_words == ("xenon?",)  # what seems to be meant is known
    longest = "How lnog?" + "?" * (QUESTION_LENGTH - 9)
    assert answerer.answer(Query(longest, 0.5, 1)).did_you_mean is not None
    assert answerer.answer(Query(longest + "?", 0.5, 1)).did_you_mean is None  # nobody could ask it


def test_what_is_older_than_covid_comes_last_where_the_question_names_it(
    answerer: Answerer,
) -> None:
    found = answerer.answer(Query("How long does COVID-19 last?", weight=0.0, top_k=5))
    assert [answer.passage.id for answer in found.answers] == [58, 56, 54, 52, 50]
    scores = {one.passage.id: score for one, score in answerer.retrieve("How long?", 61)}
    for one, score in answerer.retrieve("How long is Covid?", 61):
        share = TOO_EARLY if one.passage.id % 2 else 1.0
        assert score == pytest.approx(share * scores[one.passage.id])


def test_the_best_candidates_come_first(answerer: Answerer) -> None:
    found = Candidates(
        np.array([3, 4, 8, 9]), np.array([[value, *[0.0] * 8] for value in (0.1, 0.7, 0.7, 0.2)])
    )
    places, scores = answerer.best(answerer.encode("How long?"), found, 3)
    # by the cosine, which alone counts here; of equal ones the lower id
    assert places == [1, 2, 3]
    # the logistic of 5 times the cosine
    assert scores == pytest.approx(
        [1 / (1 + math.exp(-3.5)), 1 / (1 + math.exp(-3.5)), 1 / (1 + math.exp(-1.0))]
    )


def test_retrieving_alone_gives_what_is_read(answerer: Answerer) -> None:
    read = answerer.read("How long?", 5).passages
    assert answerer.retrieve("How long?", 10) == [
        (one.candidate, one.retrieval_score) for one in read
    ]


def test_a_batch_and_who_asks_the_same_do_not_wait_for_each_other(answerer: Answerer) -> None:
    query = Query("How long?", 0.5, 3)
    with answerer._turns.taken(query.question, lambda: None):
        patience.use(Patience(time.monotonic() + 60, asks_again=True))
        assert len(answerer.answer(query).answers) == 3
        patience.use(Patience(time.monotonic()))
        deeper = Query("How long?", 0.5, 10, Filters(sources=("PMC",)))
        with pytest.raises(DeadlineError):  # who does not ask again waits for the other
            answerer.answer(deeper)
    patience.use(patience.ENDLESS)


def test_what_is_remembered_is_answered_however_busy_the_service_is(answerer: Answerer) -> None:
    gate = answerer._models.gate
    first = answerer.answer(Query("How long?", 0.5, 3))
    asked = calls(answerer)
    with gate.entered(), gate.entered():
        assert answerer.answer(Query("How long?", 0.5, 3)).answers == first.answers
        assert len(answerer.answer(Query("How long?", 0.5, 2)).answers) == 2
        for deeper in (Query("How long?", 0.5, 9), Query("Who?", 0.5, 3)):
            with pytest.raises(BusyError):
                answerer.answer(deeper)
    assert calls(answerer) == asked
    assert gate.inside == 0


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


@contextmanager
def together(answerer: Answerer, queries: Sequence[Query]) -> Iterator[list[Future[AnswerList]]]:
    """Ask all at once, and let the reader read nothing before the block is done."""
    reader = reader_of(answerer)
    reader.go.clear()
    with ThreadPoolExecutor(len(queries)) as threads:
        try:
            first = threads.submit(answerer.answer, queries[0])
            until(lambda: bool(reader.calls))
            asked = [first, *(threads.submit(answerer.answer, query) for query in queries[1:])]
            yield asked
        finally:
            reader.go.set()


def test_who_waits_for_the_same_answer_takes_no_place() -> None:
    answerer = made(queue=4)
    gate, query = answerer._models.gate, Query("How long?", 0.5, 3)
    with together(answerer, [query, query, query, replace(query, top_k=2)]) as asked:
        until(lambda: waiting(answerer) == 3)
        assert gate.inside == 1
        with pytest.raises(BusyError, match="Try again soon"):  # and no more wait than places
            answerer.answer(query)
        other = ThreadPoolExecutor(1).submit(answerer.answer, Query("Who?", 0.5, 3))
        until(lambda: gate.inside == 2)
    assert len({one.result(30).answers for one in asked[:3]}) == 1
    assert other.result(30).answers
    assert sum(calls(answerer)) == 2 * CANDIDATES
    assert (gate.inside, waiting(answerer)) == (0, 0)


def waiting(answerer: Answerer) -> int:
    """Return how many wait for the same answer as another."""
    turns = answerer._turns
    return sum(users - 1 for _, users in turns._locks.values()) if turns else 0


def test_who_followed_one_that_gave_up_computes_it() -> None:
    answerer = made(queue=4)
    gate, query = answerer._models.gate, Query("How long?", 0.5, 3)
    context = copy_context()
    context.run(patience.use, Patience(time.monotonic() + 0.2))
    reader = reader_of(answerer)
    reader.go.clear()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(context.run, answerer.answer, query)
        until(lambda: bool(reader.calls))
        second = threads.submit(answerer.answer, query)
        until(lambda: waiting(answerer) == 1)
        with pytest.raises(DeadlineError):
            first.result(30)
        until(lambda: gate.inside == 1)  # the second one
        reader.go.set()
        assert len(second.result(30).answers) == 3


def test_what_an_answer_takes_is_told_by_those_that_read(monkeypatch: pytest.MonkeyPatch) -> None:
    answerer = made(queue=12, remembered=9)
    gate, clock = answerer._models.gate, Clock()
    monkeypatch.setattr("service.admission.time", clock)
    query = Query("How long?", 0.5, 3)
    with together(answerer, [query] * 12) as asked:
        until(lambda: waiting(answerer) == 11)
        clock.now += 3.0
    for one in asked:
        one.result(30)
    assert gate._pace == 3.0
    clock.now += 0.01
    for filters in (Filters(full_text=True), Filters(journals=("Nowhere",))):
        answerer.answer(replace(query, filters=filters))  # retrieves, and has nothing to read
    answerer.answer(Query("Who?", 0.5, 3, Filters(journals=("Nowhere",))))  # encodes as well
    assert gate._pace == 3.0
    answerer.answer(Query("Who?", 0.5, 3))
    assert gate._pace < 3.0


def test_who_asks_the_same_waits_for_nobody_where_nothing_is_remembered() -> None:
    answerer = made(queue=4, remembered=0)
    query = Query("How long?", 0.5, 3)
    with together(answerer, [query] * 3) as asked:
        until(lambda: answerer._models.gate.inside == 3)
    assert len({one.result(30).answers for one in asked}) == 1


@pytest.mark.parametrize("remembered", [0, 1, 3])
def test_answers_are_the_same_whoever_asks_at_the_same_time(remembered: int) -> None:
    draw = random.Random(remembered)
    queries = [
        Query(f"How long in {draw.randrange(4)} days?", draw.choice([0.0, 0.5, 1.0]), top_k)
        for top_k in draw.choices([1, 3, 9, 20], k=200)
    ]
    alone = made(remembered=500)
    expected = [alone.answer(query).answers for query in queries]
    answerer = made(queue=16, remembered=remembered)
    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(lambda query: answerer.answer(query).answers, queries))
    assert found == expected
    assert (answerer._models.gate.inside, waiting(answerer)) == (0, 0)


class Clock:
    """Stands in for the module `time`."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now
