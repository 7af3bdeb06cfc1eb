"""The JSON that the API answers with, as types: `docs` and clients can rely on it."""

from typing import Self

from pydantic import BaseModel

from service.types import NO_MATCH, WIDEN, Answer, AnswerList


class PassageBody(BaseModel):
    """The passage that holds an answer."""

    id: int
    text: str
    section: str


class PaperBody(BaseModel):
    """The paper that holds a passage. Unknown fields are empty."""

    cord_uid: str
    title: str
    authors: str
    journal: str
    publish_time: str
    doi: str
    url: str
    license: str
    source: str


class ScoresBody(BaseModel):
    """Scores in [0, 1]; `final` is `weight * reader + (1 - weight) * retrieval`."""

    reader: float
    retrieval: float
    final: float


class AnswerBody(BaseModel):
    """One answer: `passage.text[start:end] == answer`, in Unicode code points."""

    rank: int
    answer: str
    start: int
    end: int
    passage: PassageBody
    paper: PaperBody
    scores: ScoresBody

    @classmethod
    def of(cls, rank: int, answer: Answer) -> Self:
        """Present the answer at `rank`, from 1."""
        return cls(
            rank=rank,
            answer=answer.text,
            start=answer.start,
            end=answer.end,
            passage=PassageBody.model_validate(answer.passage, from_attributes=True),
            paper=PaperBody.model_validate(answer.paper, from_attributes=True),
            scores=ScoresBody(
                reader=answer.reader_score,
                retrieval=answer.retrieval_score,
                final=answer.final_score,
            ),
        )


class IndexBody(BaseModel):
    """The index that was searched."""

    version: str
    papers: int
    passages: int


class ModelsBody(BaseModel):
    """The models that ran, and where."""

    encoder: str
    reader: str
    device: str


class TimingsBody(BaseModel):
    """Wall-clock milliseconds of each step."""

    encode: float
    retrieve: float
    read: float
    total: float


class FiltersBody(BaseModel):
    """The filters that a question was asked with, as a request may give them again."""

    published_from: str
    published_to: str
    sources: list[str]
    journals: list[str]
    full_text: bool


class AnswersBody(BaseModel):
    """The answers to a question, best first.

    `passages_searched` are those that match the filters. `note` is for people, and null but where
    there is none of them.
    """

    question: str
    weight: float
    top_k: int
    filters: FiltersBody
    passages_searched: int
    note: str | None
    answers: list[AnswerBody]
    no_answer_probability: float
    index: IndexBody
    models: ModelsBody
    took_ms: TimingsBody

    @classmethod
    def of(cls, found: AnswerList) -> Self:
        """Present what was found for a query."""
        source = found.source
        return cls(
            question=found.query.question,
            weight=found.query.weight,
            top_k=found.query.top_k,
            filters=FiltersBody.model_validate(found.query.filters, from_attributes=True),
            passages_searched=found.passages_searched,
            note=None if found.passages_searched else f"{NO_MATCH} {WIDEN}",
            answers=[AnswerBody.of(rank, a) for rank, a in enumerate(found.answers, start=1)],
            no_answer_probability=found.no_answer_probability,
            index=IndexBody(
                version=source.index_version, papers=source.papers, passages=source.passages
            ),
            models=ModelsBody.model_validate(source, from_attributes=True),
            took_ms=TimingsBody.model_validate(found.took_ms, from_attributes=True),
        )
