"""The filters on the page: the form, what is in force above the answers, and what is wrong."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from index.filters import Facet, Facets
from service.app import create_app
from service.settings import Settings
from tests.fake_app import FakeAnswerer
from tests.reading_pages import URL, Elements, ask, options

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(1)>{{ 7*7 }}"""
ALL = {
    "published_from": "2020-03",
    "published_to": "2021",
    "sources": ["PMC", "medline"],
    "journals": ["Nature", "PLoS One"],
    "full_text": "1",
}


def ticked(page: Elements, name: str) -> list[str | None]:
    boxes = [box for box in page.named("input") if box.get("name") == name]
    return [box["value"] for box in boxes if "checked" in box]


def values(page: Elements, name: str) -> list[str | None]:
    return [field["value"] for field in page.named("input") if field.get("name") == name]


def removals(html: str) -> dict[str, dict[str, list[str]]]:
    """Return the fields that each link of a filter in force asks with, by the link's name."""
    links = [link for link in Elements(html).named("a") if "aria-label" in link]
    return {
        str(a["aria-label"]): parse_qs(urlsplit(str(a["href"])).query)
        for a in links
        if str(a["aria-label"]).startswith("Remove the filter ")
    }


@pytest.mark.parametrize("path", ["/", URL + "?question=Why"])
def test_without_filters_they_are_closed_and_offer_what_the_index_has(
    client: FlaskClient, path: str
) -> None:
    html = client.get(path).text
    page = Elements(html)
    assert "open" not in page.by_id("filters")
    assert values(page, "sources") == ["Medline", "PMC", "WHO"]
    assert ticked(page, "sources") == []
    assert "7,846" in html
    assert values(page, "journals") == [""]
    offered = [option["value"] for option in options(html, "journal-names", "datalist")]
    assert offered == ["PLoS One", "Annals of Internal Medicine"]
    assert "Only papers that match" not in html
    assert "Searched 1,204 of" not in html


def test_filters_in_force_stay_in_the_form(client: FlaskClient) -> None:
    html = ask(client, question="Why?", **ALL).text
    page = Elements(html)
    assert "open" in page.by_id("filters")
    assert page.by_id("published_from")["value"] == "2020-03"
    assert page.by_id("published_to")["value"] == "2021"
    assert ticked(page, "sources") == ["Medline", "PMC"]  # under the index's own spelling
    assert values(page, "journals") == ["Nature", "PLoS One", ""]
    assert ticked(page, "full_text") == ["1"]
    assert "(7 active)" in html
    assert "Searched 1,204 of 1,204 passages" in html


def test_each_filter_in_force_has_a_link_that_removes_it_alone(client: FlaskClient) -> None:
    html = ask(client, question="Why is it?", weight="0.3", top_k="10", **ALL).text
    assert html.index("Only papers that match") < html.index("<article")
    found = removals(html)
    everything = {"question": ["Why is it?"], "weight": ["0.3"], "top_k": ["10"]} | {
        name: value if isinstance(value, list) else [value] for name, value in ALL.items()
    }
    without = {
        "From March 2020": {"published_from": None},
        "To 2021": {"published_to": None},
        "Source: PMC": {"sources": ["medline"]},
        "Source: medline": {"sources": ["PMC"]},
        "Journal: Nature": {"journals": ["PLoS One"]},
        "Journal: PLoS One": {"journals": ["Nature"]},
        "With full text": {"full_text": None},
    }
    assert found == {
        f"Remove the filter {label}": {k: v for k, v in (everything | change).items() if v}
        for label, change in without.items()
    }
    assert "Remove all filters" in html


def test_a_source_that_the_index_does_not_know_can_be_taken_back(client: FlaskClient) -> None:
    page = Elements(ask(client, question="Why?", sources="Elsewhere").text)
    assert ticked(page, "sources") == ["Elsewhere"]
    assert values(page, "sources") == ["Medline", "PMC", "WHO", "Elsewhere"]


def test_blank_fields_are_no_filters(client: FlaskClient) -> None:
    blank = {"published_from": " ", "published_to": "", "journals": ["", " "], "full_text": ""}
    response = ask(client, question="Why?", **blank)
    assert response.status_code == 200
    assert "Only papers that match" not in response.text
    assert "open" not in Elements(response.text).by_id("filters")


def test_where_no_paper_matches_that_is_said_with_a_way_on(client: FlaskClient) -> None:
    response = ask(client, question="Why?", journals="Nowhere")
    assert response.status_code == 200
    assert "<article" not in response.text
    assert "No paper matches these filters." in response.text
    assert "Remove one of them, or widen the dates." in response.text
    assert "No passage found" not in response.text
    assert "Searched 0 of 1,204 passages" in response.text
    fields = {"question": ["Why?"], "weight": ["0.7"], "top_k": ["5"]}
    assert removals(response.text) == {"Remove the filter Journal: Nowhere": fields}


def test_names_that_the_filters_do_not_offer_are_told(client: FlaskClient) -> None:
    asked = {"journals": ["Nowhere", "plos one", "Neverland"], "sources": ["pmc", "Elsewhere"]}
    page = ask(client, question="Why?", **asked).text
    assert (
        "No paper matches these filters. The sources that the filters list do not include "
        "“Elsewhere”. The journals that the filters suggest do not include “Nowhere” and "
        "“Neverland”. Remove one of them, or widen the dates."
    ) in page


@pytest.mark.parametrize(
    ("fields", "wrong", "said"),
    [
        ({"published_from": "2020-13"}, "published_from", "There is no date 2020-13."),
        ({"published_to": "March"}, "published_to", "must be written as 2020"),
        ({"published_from": "2021", "published_to": "2020"}, "published_to", "is before the first"),
        ({"journals": "x" * 301}, "journals", "1 to 300 characters"),
        ({"journals": ["x"] * 21}, "journals", "at most 20 names"),
        ({"full_text": "maybe"}, "full_text", "must be true or false"),
    ],
)
def test_a_bad_filter_is_explained_in_place_and_kept(
    client: FlaskClient, fields: dict[str, str | list[str]], wrong: str, said: str
) -> None:
    response = ask(client, question="Why?", **fields)
    assert response.status_code == 422
    page = Elements(response.text)
    assert "open" in page.by_id("filters")
    assert page.by_id(wrong)["aria-invalid"] == "true"
    assert page.by_id(str(page.by_id(wrong)["aria-describedby"]))
    assert {"href": f"#{wrong}"} in page.named("a")
    assert response.text.count(said) == 2  # above the form, and at the field
    if wrong != "full_text":
        first = fields[wrong] if isinstance(fields[wrong], str) else fields[wrong][0]
        assert page.by_id(wrong)["value"] == first
    assert page.by_id("question")["value"] == "Why?"


@pytest.mark.parametrize("name", ["sources", "journals"])
def test_a_flood_of_names_is_not_echoed(client: FlaskClient, name: str) -> None:
    few, many = (
        client.post("/top_k_results", data={"question": "Why?", name: [str(n) for n in names]})
        for names in (range(100, 121), range(100, 3100))
    )
    assert (few.status_code, many.status_code) == (422, 422)
    assert many.data == few.data


def test_too_many_sources_are_explained(client: FlaskClient) -> None:
    response = ask(client, question="Why?", sources=[f"s{n}" for n in range(21)])
    assert response.status_code == 422
    page = Elements(response.text)
    assert page.by_id(str(page.by_id("sources")["aria-describedby"]))
    assert len(ticked(page, "sources")) == 21


def test_names_of_papers_and_of_askers_are_shown_as_text() -> None:
    def page(name: str) -> Elements:
        facets = Facets((Facet(name, 3),), (Facet(name, 1),))
        client = create_app(Settings(), FakeAnswerer(facets=facets)).test_client()
        response = ask(client, question="Why?", sources=name, journals=name)
        assert response.status_code == 200
        assert not re.search(r"(?<![\d.])49(?![\d.])", response.text)  # 7 * 7
        return Elements(response.text)

    harmless, hostile = page("name"), page(HOSTILE)
    assert [tag for tag, _ in hostile.found] == [tag for tag, _ in harmless.found]
    assert not [a for _, attributes in hostile.found for a in attributes if a.startswith("on")]
    assert ticked(hostile, "sources") == [HOSTILE]
    assert values(hostile, "journals") == [HOSTILE, ""]
    assert HOSTILE in [option["value"] for option in hostile.named("option")]


def test_a_removal_link_of_a_hostile_name_asks_what_was_asked(client: FlaskClient) -> None:
    html = ask(client, question="Why?", sources=HOSTILE, full_text="1").text
    fields = removals(html)["Remove the filter With full text"]
    assert fields["sources"] == [HOSTILE]
    assert HOSTILE in unescape(html)


def test_while_loading_filters_are_kept(loading_client: FlaskClient) -> None:
    response = ask(loading_client, question="Why?", sources="PMC", journals="Nature")
    assert response.status_code == 503
    page = Elements(response.text)
    assert ticked(page, "sources") == ["PMC"]
    assert values(page, "journals") == ["Nature", ""]


def test_the_page_stays_light_with_the_most_names() -> None:
    names = tuple(Facet(f"The International Journal of Coronaviruses {n}", n) for n in range(140))
    facets = Facets(names[:12], names)
    client = create_app(Settings(), FakeAnswerer(facets=facets)).test_client()
    assert len(client.get("/").data) < 60_000
    assert len(ask(client, question="Why?", **ALL).data) < 60_000
