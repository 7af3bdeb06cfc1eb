"""What a question may be: the one place that decides, for the API and for the page."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from service.types import Query

QUESTION_LENGTH = 500
"""The longest question, in Unicode code points."""
TOP_K = 50
"""The most answers that one question can ask for."""

REPORTED_PROBLEMS = 20
"""How many problems of one query are reported: a hostile one can have thousands."""

SHOWN_NAME = 40
"""How much of an unknown field's name is repeated, in code points."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field. `field` is empty when it is the whole input."""

    field: str
    detail: str


class InvalidQueryError(Exception):
    """A query cannot be asked. Says why, field by field."""

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        """Take what is wrong with each field."""
        super().__init__("; ".join(problem.detail for problem in problems))
        self.problems = problems


_EXPECTED = {
    "question": "The question must be a text of valid Unicode.",
    "weight": "The weight must be a number from 0 to 1.",
    "top_k": f"The number of answers (top_k) must be a whole number from 1 to {TOP_K}.",
}


def _clean_question(text: str) -> str:
    """Trim a question and make every run of white space in it one space."""
    categories = {unicodedata.category(c) for c in text if c not in "\t\n\r"}
    if "Cs" in categories:  # a lone surrogate
        raise PydanticCustomError("question", _EXPECTED["question"])
    text = text.strip()
    if not text:
        raise PydanticCustomError("question", "The question is empty.")
    if len(text) > QUESTION_LENGTH:
        raise PydanticCustomError(
            "question",
            "The question has {length} characters; at most {limit} are possible.",
            {"length": len(text), "limit": QUESTION_LENGTH},
        )
    if "Cc" in categories:
        raise PydanticCustomError("question", "The question contains control characters.")
    if not any(category[0] in "LN" for category in categories):
        raise PydanticCustomError("question", "The question contains no word.")
    return " ".join(text.split())


Question = Annotated[str, AfterValidator(_clean_question)]
Weight = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
TopK = Annotated[int, Field(ge=1, le=TOP_K)]


class QueryFields(BaseModel):
    """The fields of a query, of exactly these types: `"5"` is no number, and neither is `true`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: Question
    weight: Weight
    top_k: TopK


def parse_query(values: Mapping[str, object], *, weight: float, top_k: int) -> Query:
    """Check the fields of a query. `weight` and `top_k` stand in where `values` has none.

    Raises:
        InvalidQueryError: with a problem for each field that is wrong, missing or unknown.

    """
    try:
        checked = QueryFields.model_validate({"weight": weight, "top_k": top_k, **values})
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        problems = tuple(_problem(detail) for detail in details[:REPORTED_PROBLEMS])
        raise InvalidQueryError(problems) from None
    return Query(checked.question, checked.weight, checked.top_k)


def _problem(detail: ErrorDetails) -> FieldProblem:
    field = str(detail["loc"][0]) if detail["loc"] else ""
    match detail["type"]:
        case "question":
            return FieldProblem(field, detail["msg"])
        case "missing":
            return FieldProblem(field, f"The field {field} is missing.")
        case "extra_forbidden":
            shown = field if len(field) <= SHOWN_NAME else field[:SHOWN_NAME] + "…"
            return FieldProblem(field, f"The field {shown} is unknown.")
        case _:
            return FieldProblem(field, _EXPECTED.get(field, "The fields cannot be read."))
