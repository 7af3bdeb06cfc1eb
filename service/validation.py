"""What a question may be: the one place that decides, for the API, the page and the command."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from index.filters import Filters, days
from service.types import Query

QUESTION_LENGTH = 500
"""The longest question, in Unicode code points."""
TOP_K = 50
"""The most answers that one question can ask for."""

NAMES = 20
"""The most sources, and the most journals, that one question can be restricted to."""
NAME_LENGTH = 300
"""The longest name of a source or a journal, in Unicode code points."""

REPORTED_PROBLEMS = 20
"""How many problems of one query are reported: a hostile one can have thousands."""

SHOWN_NAME = 40
"""How much of an unknown field's name is repeated, in code points."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field. `field` is None when it is the whole input.

    `within` is the field that holds it, None when it is the input itself.
    """

    field: str | None
    detail: str
    within: str | None = None

    @property
    def said(self) -> str:
        """The detail without the field's name in a request, which a page does not show.

        >>> FieldProblem("top_k", "The number of answers (top_k) must be whole.").said
        'The number of answers must be whole.'
        """
        return self.detail.replace(f" ({self.field})", "")


class InvalidQueryError(Exception):
    """A query cannot be asked. Says why, field by field."""

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        """Take what is wrong with each field."""
        super().__init__(" ".join(problem.detail for problem in problems))
        self.problems = problems


_NAMES = f"at most {NAMES} names of 1 to {NAME_LENGTH} characters"
_EXPECTED = {
    "question": "The question must be a text.",
    "weight": "The weight must be a number from 0 to 1.",
    "top_k": f"The number of answers (top_k) must be a whole number from 1 to {TOP_K}.",
    "filters": 'The filters must be an object, such as {"sources": ["PMC"]}.',
    "published_from": "The first date (published_from) must be written as 2020, 2020-03 or "
    "2020-03-13.",
    "published_to": "The last date (published_to) must be written as 2020, 2020-03 or 2020-03-13.",
    "sources": f"The sources must be a list of {_NAMES}.",
    "journals": f"The journals must be a list of {_NAMES}.",
    "full_text": "With full text only (full_text) must be true or false.",
}
_DATE = re.compile("[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")


Model = TypeVar("Model", bound="Fields")


def _categories(text: str) -> set[str]:
    """Return the Unicode categories of a text's characters, but for tabs and ends of lines."""
    return {unicodedata.category(c) for c in text if c not in "\t\n\r"}


def refuse_controls(text: str, what: str) -> None:
    """Raise the error of a field that has control characters other than tabs and ends of lines."""
    if "Cc" in _categories(text):
        said = "{what} contains control characters."
        raise PydanticCustomError("request", said, {"what": what})


def _clean_question(text: str) -> str:
    """Trim a question and make every run of white space in it one space."""
    categories = _categories(text)
    if "Cs" in categories:  # a lone surrogate
        raise PydanticCustomError("question", "The question must be a text of valid Unicode.")
    given, text = text, " ".join(text.split())
    if not text:
        raise PydanticCustomError("question", "The question is empty.")
    if len(text) > QUESTION_LENGTH:
        raise PydanticCustomError(
            "question",
            "The question has {length} characters; at most {limit} are possible.",
            {"length": len(text), "limit": QUESTION_LENGTH},
        )
    refuse_controls(given, "The question")
    if not any(category[0] in "LN" for category in categories):
        raise PydanticCustomError("question", "The question contains no word.")
    return text


def _clean_date(text: str) -> str:
    """Trim a date; an empty one is none."""
    text = text.strip()
    if not text:
        return ""
    if not _DATE.fullmatch(text):
        raise ValueError("no date")  # pydantic cannot repeat every text
    try:
        date.fromisoformat(text + "-01-01"[len(text) - 4 :])  # what is missing of it
    except ValueError:
        raise PydanticCustomError("filter", "There is no date {date}.", {"date": text}) from None
    return text


def _clean_name(text: str) -> str:
    """Trim a name and make every run of white space in it one space."""
    refuse_controls(text, "A name of a source or a journal")
    name = " ".join(text.split())
    if not 1 <= len(name) <= NAME_LENGTH or any("\ud800" <= c <= "\udfff" for c in name):
        raise ValueError("no name")
    return name


def _whole(value: object) -> object:
    """Return a whole number as an integer, as to JSON 5.0 is one; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
"""Lets an integer be written as 5.0. It stands after the limits, or these would not be told."""

Date = Annotated[
    str,
    AfterValidator(_clean_date),
    Field(json_schema_extra={"pattern": rf"^\s*({_DATE.pattern})?\s*$"}),
]
Name = Annotated[
    str,
    AfterValidator(_clean_name),
    Field(json_schema_extra={"minLength": 1, "maxLength": NAME_LENGTH, "pattern": r"\S"}),
]
Names = Annotated[list[Name], Field(max_length=NAMES)]
Question = Annotated[
    str,
    AfterValidator(_clean_question),
    Field(
        description=f"A text of 1 to {QUESTION_LENGTH} characters with at least one word. White "
        "space around it is dropped, and every run of it within counts as one space.",
        json_schema_extra={
            "minLength": 1,
            "maxLength": QUESTION_LENGTH,
            "examples": ["How long is the incubation period?"],
        },
    ),
]
Weight = Annotated[
    float,
    Field(
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="The reader's share in the final score; the rest is the retrieval's.",
    ),
    AfterValidator(lambda weight: weight + 0.0),  # no -0.0
]
TopK = Annotated[int, Field(ge=1, le=TOP_K, description="The most answers to return."), WHOLE]


class Fields(BaseModel):
    """What a request holds, of exactly the types that it declares: `"5"` is no number."""

    model_config = ConfigDict(extra="forbid", strict=True)

    expected: ClassVar[Mapping[str, str]] = _EXPECTED
    """What is said of a field that holds something else, by the field's name."""


class FilterFields(Fields):
    """Which papers to search: those that fulfil all of these. Empty ones filter nothing."""

    published_from: Date = Field(
        default="", description="The first date: 2020, 2020-03 or 2020-03-13.", examples=["2020-03"]
    )
    published_to: Date = Field(
        default="", description="The last date, likewise.", examples=["2021"]
    )
    sources: Names = Field(
        default=[], description=f"From any of these sources: {_NAMES}.", examples=[["PMC"]]
    )
    journals: Names = Field(
        default=[],
        description=f"In any of these journals, by their whole names: {_NAMES}. Any spelling"
        " of a name finds the papers of all.",
    )
    full_text: bool = Field(default=False, description="With more than title and abstract.")

    @field_validator("published_to")
    @classmethod
    def _after_the_first(cls, last: str, info: ValidationInfo) -> str:
        first = info.data.get("published_from")
        if first and last and days(first)[0] > days(last)[1]:
            raise PydanticCustomError(
                "filter",
                "The last date, {last}, is before the first, {first}.",
                {"first": first, "last": last},
            )
        return last

    def filters(self) -> Filters:
        """Return the filters; a name that was given twice counts once."""
        return Filters(
            published_from=self.published_from,
            published_to=self.published_to,
            sources=tuple(dict.fromkeys(self.sources)),
            journals=tuple(dict.fromkeys(self.journals)),
            full_text=self.full_text,
        )


class QueryFields(Fields):
    """The fields of a query."""

    question: Question
    weight: Weight
    top_k: TopK
    filters: FilterFields = FilterFields()

    def query(self) -> Query:
        """Return the query that they ask."""
        return Query(self.question, self.weight, self.top_k, self.filters.filters())


def parse_query(values: Mapping[str, object], *, weight: float, top_k: int) -> Query:
    """Check the fields of a query. `weight` and `top_k` stand in where `values` has none.

    Raises:
        InvalidQueryError: with a problem for each field that is wrong, missing or unknown.

    """
    return checked(QueryFields, {"weight": weight, "top_k": top_k, **values}).query()


def checked(kind: type[Model], values: Mapping[str, object]) -> Model:
    """Check the fields of a request of some kind.

    Raises:
        InvalidQueryError: with a problem for each field that is wrong, missing or unknown.

    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    found = dict.fromkeys(_problem(detail, kind.expected) for detail in details)  # one for a list
    raise InvalidQueryError(tuple(found)[:REPORTED_PROBLEMS])


def unknown_field(name: str, within: str | None = None) -> FieldProblem:
    """Return the problem of a field that there is not."""
    shown = name if len(name) <= SHOWN_NAME else name[:SHOWN_NAME] + "…"
    return FieldProblem(name, f"The field {shown or 'without a name'} is unknown.", within)


def _problem(detail: ErrorDetails, expected: Mapping[str, str]) -> FieldProblem:
    names = [name for name in detail["loc"] if isinstance(name, str)]
    within, field = [None, None, *names][-2:]
    match detail["type"]:
        case "question" | "filter" | "request":
            said = detail["msg"]
        case "missing":
            said = f"The field {field} is missing."
        case "extra_forbidden":
            return unknown_field(field or "", within)
        case _:
            said = expected.get(field or "", "The fields cannot be read.")
    return FieldProblem(field, said, within)
