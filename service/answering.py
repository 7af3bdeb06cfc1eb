"""A question's whole way to its ranked answers. No Flask here."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import Self

import numpy as np

from index.filters import NO_FILTERS, Filters
from index.hybrid import Candidate, Candidates, Question
from index.search import PassageIndex
from index.types import Passage
from models.calibration import LogisticCalibration
from models.contracts import Encoder, FloatArray, Reader, Span
from service.fusion import fuse, ranked, without_repeats
from service.types import Answer, AnswerList, BusyError, Query, Source, Timings

_LONGEST_WAIT = 20.0
"""Seconds that a request waits for a turn on the models: platforms give up on it after 30."""


@dataclass(frozen=True, slots=True)
class Calibrations:
    """What turns raw scores into probabilities, the same for every request.

    `retrieval` takes the features of a candidate (`index.hybrid.Candidates`), `reader` a span's
    score, `no_answer` the evidence of a whole question (`EVIDENCE`).
    """

    retrieval: LogisticCalibration
    reader: LogisticCalibration
    no_answer: LogisticCalibration


@dataclass(frozen=True, slots=True)
class ReadPassage:
    """A retrieved passage, the probability that it answers, and the reader's best span in it."""

    candidate: Candidate
    retrieval_score: float
    span: Span


@dataclass(frozen=True, slots=True)
class Reading:
    """What was retrieved and read for a question, by descending retrieval score.

    `passages_searched` is how many passages the retrieval was among.
    """

    passages: tuple[ReadPassage, ...]
    passages_searched: int
    took_ms: Timings


EVIDENCE = (
    "best cosine",
    "best bm25 share",
    "best span score",
    "mean span score of the 5 passages retrieved best",
)


def evidence(read: Sequence[ReadPassage]) -> tuple[float, ...]:
    """Return what tells whether a question has an answer at all: the features of `EVIDENCE`.

    `read` is by descending retrieval score, and not empty.
    """
    scores = [one.span.score for one in read]
    return (
        max(one.candidate.cosine for one in read),
        max(one.candidate.bm25_share for one in read),
        max(scores),
        float(np.mean(scores[:5])),
    )


class Answerer:
    """Answers questions: encode, retrieve, read, fuse. Safe to use from several threads."""

    def __init__(
        self,
        index: PassageIndex,
        encoder: Encoder,
        reader: Reader,
        calibrations: Calibrations,
        *,
        candidates: int,
        device: str,
        turn: "Lock | None" = None,
    ) -> None:
        """Join the parts. `candidates` passages are retrieved and read for a question.

        Answerers that share models share the lock `turn`, which is held while a model computes.
        """
        self.index = index
        self._encoder = encoder
        self._reader = reader
        self.calibrations = calibrations
        self._candidates = candidates
        self._models = turn or Lock()  # two forward passes side by side take longer than in turn
        self.facets = index.facets
        manifest = index.manifest
        self.source = Source(
            index_version=manifest.version,
            papers=manifest.papers,
            passages=manifest.passages,
            encoder=encoder.name,
            reader=reader.name,
            device=device,
        )

    def answer(self, query: Query) -> AnswerList:
        """Answer one question. Raises BusyError when too many are waiting."""
        return self.rank(query, self.read(query.question, query.top_k, query.filters))

    def rank(self, query: Query, reading: Reading) -> AnswerList:
        """Return the answers to a query, given what was read for its question and `top_k`.

        Whether there is an answer at all is judged by the first `candidates` passages alone, so
        that it does not depend on `top_k`. Without a passage there surely is none.
        """
        read = self._fused(query, reading.passages)
        return AnswerList(
            query=query,
            answers=tuple(islice(without_repeats(read), query.top_k)),
            no_answer_probability=self._no_answer(reading.passages[: self._candidates]),
            passages_searched=reading.passages_searched,
            source=self.source,
            took_ms=reading.took_ms,
            read=tuple(read),
        )

    def sentence_vectors(self, texts: Sequence[str]) -> FloatArray:
        """Return a unit vector a text, shape (n, dimension). Raises BusyError as `answer` does."""
        with self._turn():
            return self._encoder.encode_passages(texts).vectors

    def passage(self, passage_id: int) -> tuple[Passage, Source]:
        """Return a passage, and what answers now. Raises KeyError where the index has none such."""
        return self.index.passages([passage_id])[0], self.source

    def read(self, question: str, top_k: int, filters: Filters = NO_FILTERS) -> Reading:
        """Retrieve the passages for a question and read each.

        They are `candidates` passages, or half as many again as `top_k` when that is more: some
        answers repeat a sentence. They are fewer where fewer match the filters. Raises BusyError
        when too many questions are waiting.
        """
        wanted = max(self._candidates, top_k + top_k // 2)
        started = time.perf_counter()
        encoded_question = self.encode(question)
        encoded = time.perf_counter()
        found = self.best(self.index.candidates(encoded_question, filters), wanted)
        retrieved = time.perf_counter()
        with self._turn():
            spans = self._reader.read(question, [one.passage.text for one, _ in found])
        done = time.perf_counter()
        return Reading(
            passages=tuple(
                ReadPassage(candidate, score, span)
                for (candidate, score), span in zip(found, spans, strict=True)
            ),
            passages_searched=self.index.searched(filters),
            took_ms=Timings(
                encode=1000 * (encoded - started),
                retrieve=1000 * (retrieved - encoded),
                read=1000 * (done - retrieved),
                total=1000 * (done - started),
            ),
        )

    def retrieve(
        self, question: str, most: int, filters: Filters = NO_FILTERS
    ) -> list[tuple[Candidate, float]]:
        """Return at most `most` candidates with their retrieval scores, best first."""
        return self.best(self.index.candidates(self.encode(question), filters), most)

    def recalibrated(self, calibrations: Calibrations) -> Self:
        """Return an answerer of the same parts with other calibrations."""
        other = copy(self)
        other.calibrations = calibrations
        return other

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for a turn on the models. Raises BusyError when none comes in time."""
        if not self._models.acquire(timeout=_LONGEST_WAIT):
            raise BusyError("The service has more questions than it can answer. Try again soon.")
        try:
            yield
        finally:
            self._models.release()

    def encode(self, question: str) -> Question:
        """Encode a question. Raises BusyError when too many are waiting."""
        with self._turn():
            made = self._encoder.encode_questions([question])
        return Question(question, made.vectors[0], made.words[0], *made.ranges)

    def best(self, found: Candidates, most: int) -> list[tuple[Candidate, float]]:
        """Return the candidates with the greatest retrieval scores, and these, best first."""
        if not found.ids.size:
            return []
        scores = self.calibrations.retrieval.probability(found.features)
        best = np.lexsort((found.ids, -scores))[:most].tolist()
        return list(zip(self.index.fetch(found, best), scores[best].tolist(), strict=True))

    def _no_answer(self, read: Sequence[ReadPassage]) -> float:
        """Return the probability that the question has no answer, 1 where nothing was read."""
        if not read:
            return 1.0
        return float(self.calibrations.no_answer.probability([evidence(read)])[0])

    def _fused(self, query: Query, read: Sequence[ReadPassage]) -> list[Answer]:
        if not read:
            return []
        reader = self.calibrations.reader.probability([[one.span.score] for one in read])
        return ranked(
            Answer(
                text=one.candidate.passage.text[one.span.start : one.span.end],
                passage=one.candidate.passage,
                paper=one.candidate.paper,
                start=one.span.start,
                end=one.span.end,
                reader_score=score,
                retrieval_score=one.retrieval_score,
                final_score=fuse(score, one.retrieval_score, query.weight),
            )
            for one, score in zip(read, reader.tolist(), strict=True)
            if one.span.end > one.span.start
        )
