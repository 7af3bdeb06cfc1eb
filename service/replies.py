"""What else the API answers with, as types: problems, lines of a batch, the probes."""

from typing import Literal, Self

from pydantic import BaseModel, Field

from service.batch import Outcome
from service.errors import Problem, json_pointer, problem_of
from service.schemas import AnswersBody

NDJSON = "application/x-ndjson"
"""The type of a reply to a batch: an object a line."""


class ErrorBody(BaseModel):
    """What is wrong with one field of a request. `pointer` is an RFC 6901 one, as a fragment."""

    pointer: str
    detail: str


class ProblemBody(BaseModel):
    """An error (RFC 9457). `errors` is there where fields of the request are wrong."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str
    errors: list[ErrorBody] | None = Field(default=None, exclude_if=lambda value: value is None)

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Present a problem."""
        errors = [
            ErrorBody(pointer=json_pointer(one.within, one.field), detail=one.detail)
            for one in problem.fields
        ]
        return cls(
            type="about:blank",
            title=problem.title,
            status=problem.status,
            detail=problem.detail,
            errors=errors or None,
        )


class BatchAnswered(BaseModel):
    """A line of a batch: the answers to its question `number` of `of`, from 1."""

    number: int
    of: int
    question: str
    result: AnswersBody


class BatchFailed(BaseModel):
    """A line of a batch: why its question `number` of `of` has no answers."""

    number: int
    of: int
    question: str
    problem: ProblemBody


def batch_line(outcome: Outcome, threshold: float) -> BatchAnswered | BatchFailed:
    """Present what became of one question of a batch. `threshold` is that of its warning."""
    number, of, question, found = outcome.number, outcome.of, outcome.question, outcome.found
    if isinstance(found, Exception):
        problem = ProblemBody.of(problem_of(found))
        return BatchFailed(number=number, of=of, question=question, problem=problem)
    result = AnswersBody.of(found, threshold)
    return BatchAnswered(number=number, of=of, question=question, result=result)


class FeedbackBody(BaseModel):
    """Feedback was stored, as the one of this number."""

    id: int


class HealthBody(BaseModel):
    """The process lives."""

    status: Literal["ok"]


class ReadyBody(BaseModel):
    """Whether questions are answered; `reason` tells why not yet."""

    status: Literal["ready", "not ready"]
    reason: str | None = Field(default=None, exclude_if=lambda value: value is None)
