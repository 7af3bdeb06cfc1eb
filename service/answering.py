"""A question's whole way to its ranked answers. No Flask here."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Lock

import numpy as np

from index.search import PassageIndex
from index.types import Hit, Paper, Passage
from models.calibration import LogisticCalibration
from models.contracts import Encoder, Reader, Span
from service.fusion import fuse, ranked, without_repeats
from service.types import Answer, AnswerList, Query, Source, Timings


@dataclass(frozen=True, slots=True)
class Calibrations:
    """What turns raw scores into probabilities, the same for every request.

    `retrieval` takes a passage's cosine, `reader` a span's score, `no_answer` the evidence of a
    whole question (see `evidence`).
    """

    retrieval: LogisticCalibration
    reader: LogisticCalibration
    no_answer: LogisticCalibration


@dataclass(frozen=True, slots=True)
class ReadPassage:
    """A retrieved passage with the best span that the reader found in it, if any."""

    hit: Hit
    passage: Passage
    span: Span


EVIDENCE = ("best cosine", "best span score", "mean span score of the best 5 passages")


def evidence(read: Sequence[ReadPassage]) -> tuple[float, float, float]:
    """Return what tells whether a question has an answer at all: the features of `EVIDENCE`.

    Raises ValueError when there is no passage.
    """
    by_cosine = sorted(read, key=lambda one: -one.hit.score)
    return (
        by_cosine[0].hit.score,
        max(one.span.score for one in read),
        float(np.mean([one.span.score for one in by_cosine[:5]])),
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
    ) -> None:
        """Join the parts. `candidates` passages are retrieved and read for a question."""
        self._index = index
        self._encoder = encoder
        self._reader = reader
        self._calibrations = calibrations
        self._candidates = candidates
        self._one_at_a_time = Lock()  # two forward passes side by side take longer than in turn
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
        """Answer one question.

        More than `candidates` passages are read when `top_k` asks for more answers than those
        can give; whether there is an answer at all is judged by the first `candidates` alone.
        """
        started = time.perf_counter()
        with self._one_at_a_time:
            vector = self._encoder.encode([query.question])[0]
        encoded = time.perf_counter()
        wanted = max(self._candidates, query.top_k + query.top_k // 2)
        hits = self._index.search(vector, wanted)
        passages = self._index.passages([hit.passage_id for hit in hits])
        papers = self._index.papers(list({passage.cord_uid for passage in passages}))
        retrieved = time.perf_counter()
        with self._one_at_a_time:
            spans = self._reader.read(query.question, [passage.text for passage in passages])
        read = [ReadPassage(*one) for one in zip(hits, passages, spans, strict=True)]
        answers = self._ranked(query, read, papers)
        none = self._calibrations.no_answer.probability([evidence(read[: self._candidates])])
        done = time.perf_counter()
        return AnswerList(
            query=query,
            answers=tuple(islice(without_repeats(answers), query.top_k)),
            no_answer_probability=float(none[0]),
            source=self.source,
            took_ms=Timings(
                encode=1000 * (encoded - started),
                retrieve=1000 * (retrieved - encoded),
                read=1000 * (done - retrieved),
                total=1000 * (done - started),
            ),
        )

    def _ranked(
        self, query: Query, read: Sequence[ReadPassage], papers: dict[str, Paper]
    ) -> list[Answer]:
        reader = self._calibrations.reader.probability([[one.span.score] for one in read])
        retrieval = self._calibrations.retrieval.probability([[one.hit.score] for one in read])
        return ranked(
            Answer(
                text=one.passage.text[one.span.start : one.span.end],
                passage=one.passage,
                paper=papers[one.passage.cord_uid],
                start=one.span.start,
                end=one.span.end,
                reader_score=float(p),
                retrieval_score=float(r),
                final_score=fuse(float(p), float(r), query.weight),
            )
            for one, p, r in zip(read, reader, retrieval, strict=True)
            if one.span.end > one.span.start
        )
