"""The JSON that the API answers with, as types: `docs` and clients can rely on it."""

from typing import Self

from pydantic import BaseModel, Field

from service.cards import cautions_of, paper_link
from service.citations import cite
from service.fusion import sentence_of
from service.types import Answer, AnswerList


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
    pmcid: str
    pubmed_id: str
    url: str
    license: str
    source: str


class ScoresBody(BaseModel):
    """Scores in [0, 1]; `final` is `weight * reader + (1 - weight) * retrieval`."""

    reader: float
    retrieval: float
    final: float


class AnswerBody(BaseModel):
    """One answer: `passage.text[start:end] == answer`, in Unicode code points.

    `sentence` is what it was marked in, and more than one where it spans several. `link` is where
    the paper can be read, null where its record has no address; `citation` cites it. `cautions`
    names the marks that the page shows beside the answer, for its sentence, its paper and the
    question. `chance` is how likely the answer is right, by its reader's score: "doubtful",
    "possible" or "likely"; null where no reliable answer was found.
    """

    rank: int
    answer: str
    start: int
    end: int
    sentence: str
    chance: str | None
    cautions: list[str]
    passage: PassageBody
    paper: PaperBody
    link: str | None
    citation: str
    scores: ScoresBody

    @classmethod
    def of(cls, rank: int, answer: Answer, question: str, chance: str) -> Self:
        """Present the answer at `rank`, from 1, to a question; `chance` is "" for none."""
        return cls(
            rank=rank,
            answer=answer.text,
            start=answer.start,
            end=answer.end,
            sentence=sentence_of(answer),
            chance=chance or None,
            cautions=[caution.name for caution in cautions_of(answer, question)],
            passage=PassageBody.model_validate(answer.passage, from_attributes=True),
            paper=PaperBody.model_validate(answer.paper, from_attributes=True),
            link=paper_link(answer.paper),
            citation=cite(answer.paper),
            scores=ScoresBody(
                reader=answer.reader_score,
                retrieval=answer.retrieval_score,
                final=answer.final_score,
            ),
        )


class ReadBody(BaseModel):
    """An answer of those of all passages that were read, and its two scores in [0, 1]."""

    passage: int
    start: int
    end: int
    answer: str
    reader: float
    retrieval: float

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """Present one of them."""
        return cls(
            passage=answer.passage.id,
            start=answer.start,
            end=answer.end,
            answer=answer.text,
            reader=answer.reader_score,
            retrieval=answer.retrieval_score,
        )


class AllReadBody(BaseModel):
    """What was read for a question, by descending final score, also what repeats another.

    `unread` is the greatest retrieval score of a candidate that was not read, null where every one
    was; its final score is at most `weight * reader_bound + (1 - weight) * unread`.
    """

    read: list[ReadBody]
    unread: float | None
    reader_bound: float


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

    `passages_searched` are those that match the filters. `note` tells people why there is no
    answer, and `warning` what to think of the answers; each is null where there is nothing to say.
    `did_you_mean` is the question as it seems to be meant, where words of it are misspelt, else
    null; `unknown_words` are its others that no passage has. `all_read` is there where the request
    has `include_read`.
    """

    question: str
    weight: float
    top_k: int
    filters: FiltersBody
    passages_searched: int
    note: str | None
    warning: str | None
    did_you_mean: str | None
    unknown_words: list[str]
    answers: list[AnswerBody]
    no_answer_probability: float
    index: IndexBody
    models: ModelsBody
    took_ms: TimingsBody
    all_read: AllReadBody | None = Field(default=None, exclude_if=lambda value: value is None)

    @classmethod
    def of(cls, found: AnswerList, threshold: float, *, include_read: bool = False) -> Self:
        """Present what was found for a query, with all that was read for it where that is asked.

        `threshold` is that of `AnswerList.warning`.
        """
        source = found.source
        return cls(
            question=found.query.question,
            weight=found.query.weight,
            top_k=found.query.top_k,
            filters=FiltersBody.model_validate(found.query.filters, from_attributes=True),
            passages_searched=found.passages_searched,
            note=found.nothing or None,
            warning=found.warning(threshold) or None,
            did_you_mean=found.did_you_mean,
            unknown_words=list(found.unknown_words),
            answers=[
                AnswerBody.of(rank, answer, found.query.question, found.chance(answer, threshold))
                for rank, answer in enumerate(found.answers, start=1)
            ],
            no_answer_probability=found.no_answer_probability,
            index=IndexBody(
                version=source.index_version, papers=source.papers, passages=source.passages
            ),
            models=ModelsBody.model_validate(source, from_attributes=True),
            took_ms=TimingsBody.model_validate(found.took_ms, from_attributes=True),
            all_read=AllReadBody(
                read=[ReadBody.of(answer) for answer in found.read],
                unread=found.unread,
                reader_bound=found.reader_bound,
            )
            if include_read
            else None,
        )
