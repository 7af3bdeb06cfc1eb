"""A question's whole way to its ranked answers. No Flask here."""

import time
import weakref
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, ExitStack
from copy import copy
from dataclasses import dataclass
from itertools import islice
from typing import Self

import numpy as np

from index.hybrid import Candidate, Candidates, Question
from index.search import PassageIndex
from index.types import Passage
from models.contracts import FloatArray, Span
from service.caching import Kept, Turns
from service.calibrations import Calibrations
from service.fusion import ranked, without_repeats
from service.naming import COVID_ALONE
from service.patience import current
from service.reading import (
    NO_ANSWER_DEPTH,
    Reading,
    ReadPassage,
    Retrieved,
    answers_in,
    no_answer_probability,
)
from service.shared_models import SharedModels
from service.threshold import Pool, read_enough
from service.types import Answer, AnswerList, Query, Source, Timings
from service.validation import QUESTION_LENGTH

FIRST_CASES = "2019-12"
"""When the first cases of COVID-19 were; no paper before is about it."""
TOO_EARLY = 0.1
"""What is left of the retrieval score of such a paper's passages, if the question names COVID-19.

They are still there: what was known of other viruses may be all that there is.
"""


@dataclass(slots=True)
class _Rest:
    """What is left to read for a question, from place `begin` on. Keeps no answerer alive."""

    answerer: "weakref.ref[Answerer]"
    query: Query
    begin: int

    def __call__(self) -> bool:
        """Read a few; tell whether there may be more."""
        answerer = self.answerer()
        self.begin = answerer.read_more(self.query, self.begin) if answerer else 0
        return self.begin > 0


class _Inside(ExitStack):
    """What a request has taken so that models compute for it: its question's turn, a place."""

    def __init__(self, *steps: AbstractContextManager[None]) -> None:
        """Begin with nothing. The `steps` are taken in order, each once."""
        super().__init__()
        self._steps = iter(steps)
        self.reads = False
        """Whether a model has read for it."""

    def enter_unless(self, known: Callable[[], bool]) -> None:
        """Take the steps, until it is `known`: while one waits, others compute what it lacks."""
        while not known() and (step := next(self._steps, None)) is not None:
            self.enter_context(step)


class Answerer:
    """Answers questions: encode, retrieve, read, fuse. Safe to use from several threads.

    It is of one version of an index and of one set of models, and so is what it remembers.
    """

    def __init__(
        self,
        index: PassageIndex,
        models: SharedModels,
        calibrations: Calibrations,
        *,
        candidates: int,
        remembered: int,
    ) -> None:
        """Join the parts.

        Of the `candidates` passages that are retrieved for a question, as many are read as the
        answers need. So many questions are `remembered`, with what the models made of them.
        """
        self.index = index
        self.calibrations = calibrations
        self._models = models
        self._candidates = candidates
        self._kept = Kept(remembered, candidates, models.metrics)
        self._turns = Turns[str](models.gate.most - 1) if remembered else None
        self.facets = index.facets
        manifest = index.manifest
        self.source = Source(
            index_version=manifest.version,
            papers=manifest.papers,
            passages=manifest.passages,
            encoder=models.encoder.name,
            reader=models.reader.name,
            device=models.device,
        )

    def answer(self, query: Query) -> AnswerList:
        """Answer one question, reading no more than that needs.

        What is remembered is answered however busy the service is. Raises BusyError when too many
        others are being answered or the request's time is up, and ClientGoneError.
        """
        patience = current()
        steps = [self._models.gate.entered(lambda: inside.reads)]
        # who waits for what another computes takes no place; and whoever has more time than others
        # does not let them wait for what it is reading
        if self._turns is not None and not patience.asks_again:
            steps.insert(0, self._turns.taken(query.question, patience.check))
        with _Inside(*steps) as inside:
            reading = self._reading(query, inside)
        found = self.rank(query, reading)
        if reading.unread is not None:
            rest = _Rest(weakref.ref(self), query, len(reading.passages))
            self._models.read_ahead((query.question, query.filters), rest)
        return found

    def rank(self, query: Query, reading: Reading) -> AnswerList:
        """Return the answers to a query, given what was read for its question and `top_k`.

        Without a passage there surely is none.
        """
        read = ranked(answers_in(reading.passages, self.calibrations.reader, query.weight))
        meant = self._did_you_mean(query.question)
        unread = reading.unread
        return AnswerList(
            query=query,
            answers=tuple(islice(without_repeats(read), query.top_k)),
            no_answer_probability=no_answer_probability(
                reading.passages, self.calibrations.no_answer
            ),
            passages_searched=reading.passages_searched,
            source=self.source,
            took_ms=reading.took_ms,
            read=tuple(read),
            unread=unread,
            reader_bound=1.0 if unread is None else self.calibrations.reader.bound(unread),
            did_you_mean=meant,
            unknown_words=self.index.unknown(meant or query.question),
        )

    def _did_you_mean(self, question: str) -> str | None:
        meant = self.index.corrected(question)
        return meant if meant and len(meant) <= QUESTION_LENGTH else None

    def sentence_vectors(self, texts: Sequence[str]) -> FloatArray:
        """Return a unit vector a text, shape (n, dimension). Errors are those of `answer`."""
        vectors = self._kept.sentences.completed(texts, self._models.embed)
        return np.stack(vectors) if vectors else np.empty((0, self._models.encoder.dimension), "f")

    def passage(self, passage_id: int) -> tuple[Passage, Source]:
        """Return a passage, and what answers now. Raises KeyError where the index has none such."""
        return self.index.passages([passage_id])[0], self.source

    def read(self, question: str, top_k: int) -> Reading:
        """Retrieve the passages for a question and read each, whatever the answers need.

        They are `candidates` passages, or half as many again as `top_k` when that is more: some
        answers repeat a sentence.
        """
        return self._reading(Query(question, 0.0, top_k), _Inside(), everything=True)

    def read_enough(self, query: Query) -> Reading:
        """Retrieve the passages for a question and read those that its answers may be in.

        `rank` then gives the same answers as after reading all (see `service.threshold`).
        """
        return self._reading(query, _Inside())

    def retrieve(self, question: str, most: int) -> list[tuple[Candidate, float]]:
        """Return at most `most` candidates with their retrieval scores, best first."""
        encoded = self.encode(question)
        found = self.index.candidates(encoded)
        best, scores = self.best(encoded, found, most)
        return list(zip(self.index.fetch(found, best), scores, strict=True))

    def recalibrated(self, calibrations: Calibrations) -> Self:
        """Return an answerer of the same parts with other calibrations."""
        other = copy(self)
        other.calibrations = calibrations
        return other

    def encode(self, question: str) -> Question:
        """Encode a question, unless it is remembered."""
        return self._kept.questions.made(question, lambda: self._models.encode(question))

    def best(
        self, question: Question, found: Candidates, most: int
    ) -> tuple[list[int], list[float]]:
        """Return the places of the candidates with the greatest retrieval scores, and these.

        At most `most` of each, best first; of equal ones first what is earlier in the index. A
        passage that is older than what the question names hardly answers it.
        """
        if not found.ids.size:
            return [], []
        scores = self.calibrations.retrieval.probability(found.features)
        if COVID_ALONE.search(question.text):
            too_early = self.index.published_before(found, FIRST_CASES)
            scores = np.where(too_early, TOO_EARLY * scores, scores)
        best = np.lexsort((found.ids, -scores))[:most].tolist()
        return best, scores[best].tolist()

    def _retrieved(self, question: Question, query: Query) -> Retrieved:
        def retrieve() -> Retrieved:
            found = self.index.candidates(question, query.filters)
            best, scores = self.best(question, found, self._most(query))
            kept = Candidates(found.ids[best], found.features[best])
            return Retrieved(kept, tuple(scores), self.index.searched(query.filters))

        return self._kept.retrievals.made(self._key(query), retrieve)

    def _most(self, query: Query) -> int:
        return max(self._candidates, query.top_k + query.top_k // 2)

    def _key(self, query: Query) -> Hashable:
        """Return what a retrieval depends on."""
        return query.question, query.filters, self._most(query), self.calibrations.retrieval

    def _reading(self, query: Query, inside: _Inside, *, everything: bool = False) -> Reading:
        """Retrieve and read, `inside` before anything is computed that is not remembered."""
        started = time.perf_counter()
        inside.enter_unless(lambda: self._kept.has(query.question, self._key(query)))
        question = self.encode(query.question)
        encoded = time.perf_counter()
        found = self._retrieved(question, query)
        retrieved = time.perf_counter()
        passages: list[ReadPassage] = []

        def read(begin: int, end: int) -> list[Answer]:
            candidates = self.index.fetch(found.found, range(begin, end))
            spans = self._spans(query.question, candidates, inside)
            parts = zip(candidates, found.scores[begin:end], spans, strict=True)
            read_now = [ReadPassage(*part) for part in parts]
            passages.extend(read_now)
            return answers_in(read_now, self.calibrations.reader, query.weight)

        if everything:
            read(0, len(found.scores))
        else:
            read_enough(
                Pool(found.found.ids.tolist(), found.scores, self.calibrations.reader.bound),
                read,
                weight=query.weight,
                top_k=query.top_k,
                first=NO_ANSWER_DEPTH,
                step=self._models.step,
            )
        done = time.perf_counter()
        return Reading(
            passages=tuple(passages),
            passages_searched=found.searched,
            took_ms=Timings(
                encode=1000 * (encoded - started),
                retrieve=1000 * (retrieved - encoded),
                read=1000 * (done - retrieved),
                total=1000 * (done - started),
            ),
            unread=found.scores[len(passages)] if len(passages) < len(found.scores) else None,
        )

    def read_more(self, query: Query, begin: int) -> int:
        """Read a few of the passages for a question, from place `begin` on, that were not read yet.

        Returns where it goes on, or 0 where there is nothing left. Nobody waits for it, so it
        counts as no look into a cache.
        """
        key = self._key(query)
        found = self._kept.retrievals.peek(key)
        if found is None:  # it was dropped for later questions, and so would the spans be
            return 0
        places = [
            place
            for place, id_ in enumerate(found.found.ids.tolist())
            if place >= begin and self._kept.spans.peek((query.question, id_)) is None
        ][: self._models.step_ahead]
        if not places:
            return 0
        passages = [one.passage for one in self.index.fetch(found.found, places)]
        spans = self._models.read(query.question, [one.text for one in passages])
        for passage, span in zip(passages, spans, strict=True):
            self._kept.spans.put((query.question, passage.id), span)
        self._models.metrics.read_ahead.inc(len(places))
        return places[-1] + 1

    def _spans(self, question: str, candidates: Sequence[Candidate], inside: _Inside) -> list[Span]:
        """Return the reader's span of each candidate, from memory where it was read before."""
        texts = {(question, one.passage.id): one.passage.text for one in candidates}

        def read(missing: list[tuple[str, int]]) -> list[Span]:
            inside.reads = True
            return self._models.read(question, [texts[key] for key in missing])

        spans = self._kept.spans
        inside.enter_unless(lambda: all(spans.peek(key) is not None for key in texts))
        return spans.completed(list(texts), read)
