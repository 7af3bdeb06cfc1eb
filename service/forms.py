"""The page's form: what was entered, as it was entered, and the query that it asks for."""

import re
from dataclasses import dataclass, fields
from typing import Self

from pydantic_core import from_json
from werkzeug.datastructures import MultiDict

from index.filters import Facets, name_key
from service.chips import exact
from service.questions import QUESTIONS
from service.settings import Settings
from service.standing import WEIGHTS
from service.types import Query
from service.validation import (
    NAMES,
    TOP_K,
    FieldProblem,
    InvalidQueryError,
    parse_query,
    unknown_field,
)

TOP_K_CHOICES = (5, 10, 20, 30, 50)
_SHOWN = NAMES + 1  # names that are kept of those entered: one more is refused, and all others too
_LONGEST_VERSION = 100  # characters of a version that are repeated; an index's own has about 30


@dataclass(frozen=True, slots=True)
class Form:
    """The fields as texts, so that the page can show again whatever was entered.

    `sources` and `journals` may be entered several times each; blank ones are left out. `index`
    is the version of the index that a permalink was made with, or any text instead. `repeated` are
    the fields that were entered several times although they are single: their first value is here.
    `unknown` are the names of others, but for those that are added to links (see `_TRACKERS`).
    """

    question: str
    question_select: str
    weight: str
    top_k: str
    published_from: str
    published_to: str
    sources: tuple[str, ...]
    journals: tuple[str, ...]
    full_text: str
    index: str
    repeated: tuple[str, ...]
    unknown: tuple[str, ...]

    @classmethod
    def empty(cls, settings: Settings) -> Self:
        """Return the form before anything is entered."""
        return cls.entered(MultiDict(), settings)

    @classmethod
    def entered(cls, values: MultiDict[str, str], settings: Settings) -> Self:
        """Return the form with what was entered in it."""
        return cls(
            question=values.get("question", ""),
            question_select=values.get("question_select", ""),
            weight=values.get("weight", "").strip() or exact(settings.default_weight),
            top_k=_plain(values.get("top_k", "").strip()) or str(settings.default_top_k),
            published_from=values.get("published_from", ""),
            published_to=values.get("published_to", ""),
            sources=_filled(values.getlist("sources"))[:_SHOWN],
            journals=_filled(values.getlist("journals"))[:_SHOWN],
            full_text=values.get("full_text", ""),
            index=values.get("index", "").strip()[:_LONGEST_VERSION],
            repeated=tuple(name for name in _SINGLE if len(values.getlist(name)) > 1),
            unknown=tuple(
                name
                for name in sorted(values.keys() - FIELD_NAMES)
                if not _TRACKERS.fullmatch(name)
            ),
        )

    @property
    def has_filters(self) -> bool:
        """Whether anything is entered in the filters."""
        dates = (self.published_from + self.published_to).strip()
        return bool(dates or self.sources or self.journals or self.full_text.strip())

    def source_choices(self, facets: Facets) -> list[tuple[str, int | None, bool]]:
        """Return the sources to choose from: name, papers where known, and whether it is chosen.

        They are those of the index, then what else was entered.
        """
        chosen = {name_key(name): name for name in self.sources}
        known = [
            (source.name, source.papers, chosen.pop(name_key(source.name), None) is not None)
            for source in facets.sources
        ]
        return [*known, *((name, None, True) for name in chosen.values())]

    @property
    def step(self) -> str:
        """The steps of the slider: a weight between two of them must not be rounded by it."""
        value = number_of(self.weight)
        between = isinstance(value, float) and 0 < value < 1 and value not in WEIGHTS
        return "any" if between else "0.1"

    @property
    def top_k_choices(self) -> list[int]:
        """The numbers of answers to choose from, with the one that was asked for."""
        value = number_of(self.top_k)
        asked = {value} if type(value) is int and 1 <= value <= TOP_K else set()
        return sorted({*TOP_K_CHOICES, *asked})

    def query(self, settings: Settings) -> Query:
        """Return the query that the form asks for.

        Raises:
            InvalidQueryError: with a problem for each field that is wrong.

        """
        problems = [FieldProblem(name, f"Give the field {name} once.") for name in self.repeated]
        try:
            suggested = _suggested(self.question_select)
        except ValueError:
            problem = f"Choose one of the questions 1 to {len(QUESTIONS)}."
            problems.append(FieldProblem("question_select", problem))
            suggested = QUESTIONS[0].text  # or the question would be called empty, too
        values: dict[str, object] = {
            "question": self.question if self.question.strip() else suggested or self.question,
            "weight": number_of(self.weight),
            "top_k": number_of(self.top_k),
            "filters": {
                "published_from": self.published_from,
                "published_to": self.published_to,
                "sources": list(self.sources),
                "journals": list(self.journals),
                "full_text": _TICKED.get(self.full_text.strip(), self.full_text),
            },
        }
        problems += [unknown_field(name) for name in self.unknown if name in values]
        values = dict.fromkeys(self.unknown) | values
        try:
            query = parse_query(
                values, weight=settings.default_weight, top_k=settings.default_top_k
            )
        except InvalidQueryError as error:
            problems += error.problems
        if problems:
            raise InvalidQueryError(tuple(problems))
        return query


_TICKED = {"": False, "1": True}

FIELD_NAMES = frozenset(field.name for field in fields(Form)) - {"repeated", "unknown"}
_SINGLE = sorted(FIELD_NAMES - {"sources", "journals"})
_TRACKERS = re.compile(
    r"utm_\w+|\w+clk?id|mc_\w+|_\w+|[gw]braid|gclsrc|srsltid|igsh(id)?|mkt_tok", re.ASCII
)
"""What social networks, search engines and tools that send mail add to the addresses of links."""


def _suggested(number: str) -> str | None:
    if not number.strip():
        return None
    value = number_of(number)
    if type(value) is not int or not 1 <= value <= len(QUESTIONS):
        raise ValueError(number)
    return QUESTIONS[value - 1].text


def _filled(texts: list[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if text.strip())


def _plain(text: str) -> str:
    """Write a whole number as such: 5.0 as 5. Any other text stays as it is."""
    value = number_of(text)
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else text


def number_of(text: str) -> object:
    """Return the number that a text writes; a text that writes none stays one, to be refused."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return text
