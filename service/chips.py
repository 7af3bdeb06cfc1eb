"""The filters of a query as the page shows them above the answers. No HTML here."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from index.filters import NO_FILTERS, Facet, Filters, name_key
from service.cards import long_date
from service.types import Query

Fields = dict[str, str | list[str]]
"""The fields of the page's form, as arguments of its address."""


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter in words, and the form's fields that ask the same question without it."""

    label: str
    without: Fields


def chips(query: Query) -> list[Chip]:
    """Return a chip for each filter of a query."""
    return [
        Chip(label, fields_of(replace(query, filters=rest)))
        for label, rest in _one_by_one(query.filters)
    ]


def exact(weight: float) -> str:
    """Write a weight with all its digits.

    >>> exact(0.7), exact(1.0), exact(0.1234567)
    ('0.7', '1', '0.1234567')
    """
    return repr(weight).removesuffix(".0")


def fields_of(query: Query) -> Fields:
    """Return the form's fields that ask a query; empty ones are left out."""
    filters = query.filters
    fields: Fields = {
        "question": query.question,
        "weight": exact(query.weight),
        "top_k": str(query.top_k),
        "published_from": filters.published_from,
        "published_to": filters.published_to,
        "sources": list(filters.sources),
        "journals": list(filters.journals),
        "full_text": "1" if filters.full_text else "",
    }
    return {name: value for name, value in fields.items() if value}


def without_filters(query: Query) -> Fields:
    """Return the form's fields that ask a query among all papers."""
    return fields_of(replace(query, filters=NO_FILTERS))


def _one_by_one(filters: Filters) -> Iterator[tuple[str, Filters]]:
    """Yield each filter in words, with all the others."""
    if filters.published_from:
        label = f"From {long_date(filters.published_from)}"
        yield label, replace(filters, published_from="")
    if filters.published_to:
        yield f"To {long_date(filters.published_to)}", replace(filters, published_to="")
    for name in filters.sources:
        rest = tuple(other for other in filters.sources if other != name)
        yield f"Source: {name}", replace(filters, sources=rest)
    for name in filters.journals:
        rest = tuple(other for other in filters.journals if other != name)
        yield f"Journal: {name}", replace(filters, journals=rest)
    if filters.full_text:
        yield "With full text", replace(filters, full_text=False)


def unknown_names(asked: tuple[str, ...], offered: tuple[Facet, ...]) -> list[str]:
    """Return the sources, or journals, asked for that are not among those that the page offers."""
    known = {name_key(facet.name) for facet in offered}
    return [name for name in asked if name_key(name) not in known]
