"""What the JSON API takes, as types that check it: the document of the API is made from them."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from service.batch import MOST_QUESTIONS
from service.validation import (
    WHOLE,
    Fields,
    FilterFields,
    QueryFields,
    Question,
    TopK,
    Weight,
    refuse_controls,
)

NOTE_LENGTH = 2000
"""The longest note, in Unicode code points."""

_LARGEST_ID = 2**53
"""Above any passage's number, and exact in every JSON reader."""


class AnswersRequest(QueryFields):
    """A question."""

    expected: ClassVar[Mapping[str, str]] = {
        **QueryFields.expected,
        "include_read": "With all that was read (include_read) must be true or false.",
    }

    include_read: bool = Field(
        default=False,
        description="Whether to return the scores of every passage that was read, too: what "
        "another weight is ranked from without asking again.",
    )


def _countable(questions: list[object]) -> list[object]:
    if not questions:
        raise PydanticCustomError("request", "The batch has no question.")
    if len(questions) > MOST_QUESTIONS:
        raise PydanticCustomError(
            "request",
            "The batch has {count} questions; at most {most} are possible.",
            {"count": len(questions), "most": MOST_QUESTIONS},
        )
    return questions


class BatchRequest(Fields):
    """Many questions, to be asked alike."""

    expected: ClassVar[Mapping[str, str]] = {
        **QueryFields.expected,
        "questions": f"The questions must be a list of 1 to {MOST_QUESTIONS} texts.",
    }

    questions: Annotated[
        list[object],  # a bad one is told on its own line
        AfterValidator(_countable),
        Field(
            description="The questions, each as in a request for answers. One that cannot be "
            "asked is told on its line, and the others are answered.",
            json_schema_extra={
                "minItems": 1,
                "maxItems": MOST_QUESTIONS,
                "items": {"type": "string"},
                "examples": [["How long is the incubation period?", "Do masks help?"]],
            },
        ),
    ]
    weight: Weight
    top_k: TopK
    filters: FilterFields = FilterFields()


def _clean_note(text: str) -> str:
    refuse_controls(text, "The note")
    text = text.replace("\r", "")  # browsers end a line with two characters
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("no text")
    text = text.strip()
    if len(text) > NOTE_LENGTH:
        raise PydanticCustomError(
            "request",
            "The note has {length} characters; at most {limit} are possible: shorten it.",
            {"length": len(text), "limit": NOTE_LENGTH},
        )
    return text


Count = Annotated[int, Field(ge=0, le=_LARGEST_ID), WHOLE]
Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_AS_ANSWERED = "must be as the answer has it: ask again, and send what it says."


class FeedbackRequest(Fields):
    """What someone thinks of an answer. Nothing about the person is taken."""

    expected: ClassVar[Mapping[str, str]] = {
        **QueryFields.expected,
        "verdict": "The verdict must be up or down.",
        "note": f"The note must be a text of at most {NOTE_LENGTH} characters.",
        **{
            name: f"The field {name} {_AS_ANSWERED}"
            for name in ("passage_id", "cord_uid", "start", "end", "answer", "reader_score")
        },
        "retrieval_score": f"The field retrieval_score {_AS_ANSWERED}",
        "index_version": f"The field index_version {_AS_ANSWERED}",
    }

    verdict: Literal["up", "down"] = Field(description="Whether the answer is a good one.")
    note: Annotated[str, AfterValidator(_clean_note)] = Field(
        default="",
        description="Anything to add, but nothing about yourself or a patient.",
        json_schema_extra={"maxLength": NOTE_LENGTH},
    )
    question: Question
    passage_id: Count = Field(description="`passage.id` of the answer.")
    cord_uid: str = Field(description="`paper.cord_uid` of the answer.", max_length=100)
    start: Count = Field(description="`start` of the answer.")
    end: Count = Field(description="`end` of the answer.")
    answer: str = Field(description="`answer` of the answer.", min_length=1)
    weight: Weight
    reader_score: Score = Field(description="`scores.reader` of the answer.")
    retrieval_score: Score = Field(description="`scores.retrieval` of the answer.")
    index_version: str = Field(description="`index.version` of the answers.", max_length=100)
