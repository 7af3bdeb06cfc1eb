"""Filters on their own, and the passages that they find in a table of papers."""

import numpy as np
import pytest

from index.filters import NO_FILTERS, Facet, Facets, Filters, days, name_key
from index.papers import PaperColumns, Row

PAPERS: list[Row] = [  # not by first passage; 13 passages
    (5, 2, "2020-03", "Medline; PMC", "PLoS One", 1),
    (0, 3, "2020-03-13", "PMC", "Nature", 1),
    (3, 2, "2020", "Elsevier; Medline; PMC", "PLoS ONE", 0),
    (7, 4, "", "WHO", "", 0),
    (11, 1, "2021-01-05", " medline ;; arXiv;", "Nature  Medicine", 0),
    (12, 1, "2019-12", "", "Nature", 1),
]
COLUMNS = PaperColumns(PAPERS)


def first_passages(**restrictions: object) -> list[int]:
    """Return the first passage of each paper that matches; all of its passages must."""
    found = COLUMNS.matching(Filters(**restrictions)).tolist()  # type: ignore[arg-type]
    papers = sorted(row for row in PAPERS if row[0] in found)
    assert found == [first + n for first, count, *_ in papers for n in range(count)]
    return [row[0] for row in papers]


def test_filters_are_true_when_they_restrict() -> None:
    assert not NO_FILTERS
    for restriction in (
        {"published_from": "2020"},
        {"published_to": "2020"},
        {"sources": ("PMC",)},
        {"journals": ("Nature",)},
        {"full_text": True},
    ):
        assert Filters(**restriction)  # type: ignore[arg-type]
    assert {Filters(sources=("PMC",)): 1}[Filters(sources=("PMC",))] == 1


@pytest.mark.parametrize(
    ("start", "end", "matching"),
    [
        ("", "", [0, 3, 5, 7, 11, 12]),
        ("2020", "", [0, 3, 5, 11]),
        ("2020-03", "", [0, 3, 5, 11]),  # 2020 and 2020-03 may be later than that
        ("2020-03-13", "", [0, 3, 5, 11]),  # the very day counts
        ("2020-03-14", "", [3, 5, 11]),
        ("2020-04", "", [3, 11]),  # 2020 may be April
        ("2020-12-31", "", [3, 11]),
        ("2021", "", [11]),
        ("2022", "", []),
        ("", "2021", [0, 3, 5, 11, 12]),
        ("", "2020", [0, 3, 5, 12]),  # to the end of 2020
        ("", "2020-03", [0, 3, 5, 12]),
        ("", "2020-03-12", [3, 5, 12]),
        ("", "2020-02", [3, 12]),
        ("", "2019", [12]),
        ("", "2019-11", []),
        ("", "9999", [0, 3, 5, 11, 12]),  # a paper without a date is in no period
        ("0000", "", [0, 3, 5, 11, 12]),
        ("2020-03", "2020-03", [0, 3, 5]),
        ("2020-03-13", "2020-03-13", [0, 3, 5]),
        ("2020", "2021", [0, 3, 5, 11]),
    ],
)
def test_a_date_matches_when_its_period_overlaps(start: str, end: str, matching: list[int]) -> None:
    assert first_passages(published_from=start, published_to=end) == matching


def test_any_of_a_papers_sources_matches_in_any_case() -> None:
    assert first_passages(sources=("PMC",)) == [0, 3, 5]
    assert first_passages(sources=("medline",)) == [3, 5, 11]
    assert first_passages(sources=("ARXIV", "who")) == [7, 11]
    assert first_passages(sources=("PM",)) == []
    assert first_passages(sources=("Medline; PMC",)) == []
    assert first_passages(sources=("", " ")) == []


def test_a_journal_matches_as_a_whole_in_any_case_and_spacing() -> None:
    assert first_passages(journals=("plos one",)) == [3, 5]
    assert first_passages(journals=("Nature",)) == [0, 12]
    assert first_passages(journals=(" NATURE medicine ", "PLOS ONE")) == [3, 5, 11]
    assert first_passages(journals=("Nat",)) == []
    assert name_key("Straße\u00a0 J.") == name_key("STRASSE j.")


SPELLINGS: list[Row] = [
    (0, 2, "2020", "PMC", "J. Med. Virol.", 0),
    (2, 1, "2020", "PMC", "Journal of Medical Virology", 0),
    (3, 1, "2020", "PMC", "J Med Virol", 0),
    (4, 1, "2021", "PMC", "J Med Virol", 0),
    (5, 1, "2020", "PMC", "Virology", 0),
]


@pytest.mark.parametrize("name", ["J. med. virol", "journal of medical virology", "J Med Virol"])
def test_a_journal_matches_in_all_its_spellings(name: str) -> None:
    columns = PaperColumns(SPELLINGS)
    assert columns.matching(Filters(journals=(name,))).tolist() == [0, 1, 2, 3, 4]
    assert columns.matching(Filters("2021", journals=(name,))).tolist() == [4]
    assert columns.matching(Filters(journals=(name, "virology"))).tolist() == [0, 1, 2, 3, 4, 5]
    spelled = columns.spelled(Filters("2021", journals=(name, "Nature")))
    keys = ("j med virol", "j. med. virol.", "journal of medical virology")
    assert spelled == Filters("2021", journals=(*keys, "nature"))
    assert columns.spelled(spelled) == spelled
    assert columns.facets().journals == (Facet("J Med Virol", 4), Facet("Virology", 1))


def test_all_that_is_asked_for_must_match() -> None:
    assert first_passages(full_text=True) == [0, 5, 12]
    assert first_passages(full_text=True, sources=("Medline",), journals=("PLoS One",)) == [5]
    assert first_passages(full_text=True, sources=("Medline",), published_from="2021") == []


def test_no_papers_have_no_passages_and_no_names() -> None:
    nothing = PaperColumns([])
    for filters in (NO_FILTERS, Filters("2020", "2021", ("PMC",), ("Nature",), full_text=True)):
        found = nothing.matching(filters)
        assert (found.shape, found.dtype) == ((0,), np.int64)
    assert nothing.facets() == Facets()


@pytest.mark.parametrize(
    ("date", "before"),
    [("2019-12", []), ("2020", [12]), ("2020-03", [12]), ("2020-03-14", [0, 1, 2, 12])],
)
def test_what_was_surely_published_before_a_date(date: str, before: list[int]) -> None:
    ids = np.arange(13)[::-1]
    assert ids[COLUMNS.before(ids, date)].tolist() == before[::-1]


def test_facets_count_papers_under_the_usual_spelling() -> None:
    facets = COLUMNS.facets()
    assert facets.sources == (
        Facet("Medline", 3),
        Facet("PMC", 3),
        Facet("Elsevier", 1),
        Facet("WHO", 1),
        Facet("arXiv", 1),
    )
    assert Facet("Nature", 2) in facets.journals
    assert sum(facet.papers for facet in facets.journals) == 5
    assert Facets.of({}, {"PLoS ONE": 2, "PLoS One": 3}).journals == (Facet("PLoS One", 5),)


def test_facets_are_bounded() -> None:
    many = {f"name {n}": n for n in range(1, 1_000)} | {"x" * 101: 5_000}
    facets = Facets.of(many, many)
    assert (len(facets.sources), len(facets.journals)) == (12, 140)
    assert facets.sources[0] == Facet("name 999", 999)


@pytest.mark.parametrize("date", ["2020", "2020-03", "2020-03-13"])
def test_days_of_a_vaguer_date_enclose_those_of_a_precise_one(date: str) -> None:
    first, last = days(date)
    assert first <= days("2020-03-13")[0] <= days("2020-03-13")[1] <= last
