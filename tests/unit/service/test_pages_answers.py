"""What stands around the answers on the page: links, notices, evidence, and cards in reserve."""

import re
from dataclasses import replace
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from index.filters import Facet, Facets
from service.app import create_app
from service.settings import Settings
from service.types import BusyError
from tests.fake_app import ANSWERS, SOURCE, FakeAnswerer, make_answer, make_paper
from tests.reading_pages import Elements, ask, selected

HOSTILE = """<script>alert(1)</script>"'>{{ 7*7 }}"""


def links(html: str, name: str) -> list[str]:
    return [str(a["href"]) for a in Elements(html).named("a") if name in str(a.get("class"))]


def test_the_permalink_asks_the_same_of_the_same_index(client: FlaskClient) -> None:
    html = ask(client, question="Why?", weight="0.3", top_k="3", sources=["PMC", "WHO"]).text
    (link,) = links(html, "permalink")
    assert parse_qs(urlsplit(link).query) == {
        "question": ["Why?"],
        "weight": ["0.3"],
        "top_k": ["3"],
        "sources": ["PMC", "WHO"],
        "index": [SOURCE.index_version],
    }
    again = client.get(link).text
    assert "The index has changed" not in again
    assert again == html


def test_links_and_slider_have_all_digits_of_a_weight(client: FlaskClient) -> None:
    weight = "0.30000001234"
    html = ask(client, question="Why?", weight=f" {weight} ", top_k=" 3 ", sources="PMC").text
    page = Elements(html)
    assert page.by_id("resultsView")["data-weight"] == weight
    assert (page.by_id("weight")["value"], page.by_id("weight")["step"]) == (weight, "any")
    assert selected(html, "top_k") == ["3"]
    for name in ("permalink", "export", "chip"):
        assert parse_qs(urlsplit(links(html, name)[0]).query)["weight"] == [weight]


@pytest.mark.parametrize("version", ["20190101T000000", HOSTILE, "x" * 5000])
def test_a_permalink_of_another_index_is_answered_and_said(
    client: FlaskClient, version: str
) -> None:
    response = ask(client, question="Why?", index=version)
    assert response.status_code == 200
    assert "The index has changed since this link was made." in response.text
    assert f"version {version[:100]};" in unescape(response.text)
    assert "<article" in response.text
    (link,) = links(response.text, "permalink")
    assert parse_qs(urlsplit(link).query)["index"] == [SOURCE.index_version]


def test_exports_ask_what_was_asked(client: FlaskClient) -> None:
    html = ask(client, question="Why so?", published_from="2020", journals="Nature").text
    exports = links(html, "export")
    assert [urlsplit(link).path for link in exports] == [
        "/export.ris",
        "/export.bib",
        "/export.csv",
        "/export.json",
    ]
    for link in exports:
        fields = parse_qs(urlsplit(link).query)
        assert fields["question"] == ["Why so?"]
        assert fields["journals"] == ["Nature"]
        assert fields["published_from"] == ["2020"]


def test_cards_that_another_weight_may_show_are_kept_in_reserve(client: FlaskClient) -> None:
    html = ask(client, question="Why?", top_k="1").text
    shown, reserve = html.split('<template id="more">')
    assert shown.count("<article") == 1
    assert reserve.count("<article") == 0  # the first is the first at every weight
    other = replace(ANSWERS[1], reader_score=1.0)
    client = create_app(Settings(), FakeAnswerer(answers=(ANSWERS[0], other))).test_client()
    shown, reserve = ask(client, question="Why?", top_k="1").text.split('<template id="more">')
    assert reserve.count("<article") == 1
    page = Elements(shown + reserve)
    assert page.by_id("resultsView")["data-complete"] == "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1"
    scores = [(a["data-reader"], a["data-retrieval"]) for a in page.named("article")]
    assert sorted(scores) == [("0.94", "0.81"), ("1.0", "0.74")]


def test_where_some_was_not_read_only_sure_weights_are_promised() -> None:
    client = create_app(Settings(), FakeAnswerer(unread=0.3)).test_client()
    page = Elements(ask(client, question="Why?", top_k="2", weight="0").text)
    # the second has 0.74 + 0.14 w, an unread one at most 0.3 + 0.7 w
    assert page.by_id("resultsView")["data-complete"] == "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7"


def test_answers_are_there_when_the_service_is_too_busy_to_compare_them() -> None:
    """Then they are grouped by their words alone."""
    answers = tuple(
        make_answer(make_paper(cord_uid=uid, doi="", title=f"A title of its own: {uid}"), "", text)
        for uid, text in [
            ("a", "It came by [[droplets of patients with a cough who sat near others]]."),
            ("b", "It is by [[droplets of patients with a cough who sat near others]]."),
            ("c", "It began with [[a cough of patients whose droplets fell on others nearby]]."),
        ]
    )

    def groups(answerer: FakeAnswerer) -> list[str]:
        response = ask(create_app(Settings(), answerer).test_client(), question="Why?")
        assert response.status_code == 200
        assert response.text.count("<article") == 3
        return re.findall(r"</span>: (\d papers)", response.text)

    assert groups(FakeAnswerer(answers=answers)) == ["3 papers"]
    assert groups(FakeAnswerer(answers=answers, busy=BusyError("Busy."))) == ["2 papers"]


def test_what_is_not_reliable_is_no_evidence(client: FlaskClient) -> None:
    told = [ask(client, question=question, top_k="3").text for question in ("Sure?", "unsure?")]
    assert ["Across these papers" in text for text in told] == [True, False]


def test_an_unlikely_answer_is_no_evidence() -> None:
    days = [
        make_answer(make_paper(cord_uid=uid, doi="", title=uid * 20), "", text, score, score)
        for uid, text, score in [
            ("a", "It lasts [[180 minutes]].", 0.6),
            ("b", "It lasts [[3 days]].", 0.1),
            ("c", "It lasts [[32 days]].", 0.04),
        ]
    ]
    client = create_app(Settings(), FakeAnswerer(answers=tuple(days))).test_client()
    text = ask(client, question="How long?").text
    assert text.count("<article") == 3
    assert "differ: 180 minutes to 3 days." in text


def test_that_numbers_need_not_measure_the_same_is_said_above_them(client: FlaskClient) -> None:
    (caption,) = re.findall("<caption>(.*?)<details", ask(client, question="How long?").text)
    assert caption.endswith("14 days. They need not measure the same: read the sentences.")


def test_numbers_of_animals_have_a_scale_of_their_own_that_says_so() -> None:
    told = [
        "In dogs 4% fell ill.",
        "In dogs 47% fell ill.",
        "In people 8% fell ill.",
        "In people not 9% fell ill.",
    ]
    answers = tuple(
        make_answer(
            make_paper(cord_uid=text[-16:], doi="", title=text * 2),
            "",
            re.sub(r"(\d+%)", r"[[\1]]", text),
        )
        for text in told
    )
    client = create_app(Settings(), FakeAnswerer(answers=answers)).test_client()
    text = ask(client, question="How many?").text
    captions = re.findall("<caption>(.*?) They", text)
    assert captions == [
        "Numbers for share differ: 8% to 9%.",
        "Numbers for share in sentences marked Animals differ: 4% to 47%.",
    ]
    rows = re.findall(r'<th scope="row"><a [^>]*>(.*?)</th>', text)
    assert rows == ["8%</a>", "9%</a>, Negated", "4%</a>", "47%</a>"]


def test_no_reliable_answer_is_said_for_posted_questions_too(client: FlaskClient) -> None:
    response = client.post("/top_k_results", data={"question": "unsure"})
    assert "No reliable answer found in these papers." in response.text
    assert "<article" in response.text


def test_an_unknown_source_is_named_where_nothing_matches() -> None:
    facets = Facets(sources=(Facet("PMC", 3),))
    client = create_app(Settings(), FakeAnswerer(facets=facets)).test_client()
    fields = {"question": "Why?", "sources": ["Elsewhere", "pmc"], "journals": "Nowhere"}
    text = unescape(ask(client, **fields).text)
    assert "No paper matches these filters." in text
    assert "The sources that the filters list do not include “Elsewhere”." in text


def test_a_misspelt_question_can_be_asked_as_it_is_meant() -> None:
    client = create_app(Settings(), FakeAnswerer()).test_client()
    text = ask(client, question="How long is the peroid, unsure?", top_k="3", weight="0.2").text
    (link,) = re.findall(r'Did you mean <a href="([^"]+)">([^<]+)</a>', text)
    assert link[1] == "How long is the period, unsure?"
    address = unescape(link[0])
    assert "top_k=3" in address
    assert "weight=0.2" in address
    assert "Did you mean" not in client.get(address).text
    assert "understood in English only" in text  # where no reliable answer was found


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("How long does it last, unsure?", False),  # nothing wrong with it
        ("How long is the peroid, unsure?", True),
        ("Is xylitol used, unsure?", True),
        ("Quelle est la durée d'incubation, unsure?", True),
        ("unsure, incubation?", False),  # too short to tell
        ("How long is the peroid?", False),  # there is an answer
    ],
)
def test_only_words_that_are_hard_to_read_are_blamed(question: str, said: bool) -> None:
    client = create_app(Settings(), FakeAnswerer()).test_client()
    assert ("understood in English only" in ask(client, question=question).text) == said


def test_it_is_said_where_even_the_best_answer_is_unlikely() -> None:
    poor = [replace(answer, reader_score=0.09, retrieval_score=0.9) for answer in ANSWERS]
    said = "None of the answers is likely to be right."
    text = ask(create_app(Settings(), FakeAnswerer(poor)).test_client(), question="Why?").text
    assert said in text
    assert "The reader gives none a score of 0.1 or more." in text
    notice = Elements(text).by_id("unlikely")
    assert "hidden" not in notice
    assert notice["data-below"] == "0.1"
    text = ask(create_app(Settings(), FakeAnswerer()).test_client(), question="Why?").text
    assert "hidden" in Elements(text).by_id("unlikely")  # for another weight
    for question in ("unsure?", "nothing?"):
        client = create_app(Settings(), FakeAnswerer(poor)).test_client()
        assert said not in ask(client, question=question).text


def test_words_that_no_paper_has_are_told() -> None:
    client = create_app(Settings(), FakeAnswerer()).test_client()
    assert "No paper here has" not in ask(client, question="Why?").text
    one = ask(client, question="Is xylitol used?").text
    assert '<p class="notice"><strong>No paper here has the word “xylitol”.</strong>' in one
    assert "The answers below leave it out" in one
    none = ask(client, question="Is xylitol nothing?").text
    assert "No paper here has the word “xylitol”." in none
    assert "The answers below" not in none
    body = client.post("/api/v1/answers", json={"question": "Is xylitol or yttrium used?"}).json
    assert body is not None
    assert body["unknown_words"] == ["xylitol", "yttrium"]
    both = ask(client, question="Is xylitol or yttrium used?").text
    assert "No paper here has the words “xylitol” and “yttrium”." in both


def test_the_first_page_is_light_with_the_most_names() -> None:
    names = tuple(Facet(f"The International Journal of Coronaviruses {n}", n) for n in range(140))
    client = create_app(Settings(), FakeAnswerer(facets=Facets(names[:12], names))).test_client()
    total = 0
    scripts = ("page.js", "ranking.js", "visits.js")
    for path in ("/", "/static/page.css", *(f"/static/{name}" for name in scripts)):
        with client.get(path) as response:
            total += len(response.data)
    assert total < 60 * 1024


def test_thumbs_are_shown_where_feedback_is_taken() -> None:
    app = create_app(Settings(), FakeAnswerer())
    app.jinja_env.globals["takes_feedback"] = True
    html = ask(app.test_client(), question="Why?", top_k="1", weight="0.3").text
    (form,) = re.findall(r'<form class="feedback".*?</form>', html, re.DOTALL)
    fields = {str(f["name"]): f["value"] for f in Elements(form).named("input")}
    first = ANSWERS[0]
    assert fields == {
        "question": "Why?",
        "passage_id": str(first.passage.id),
        "cord_uid": "ug7v899j",
        "start": str(first.start),
        "end": str(first.end),
        "answer": first.text,
        "weight": "0.3",
        "reader_score": "0.94",
        "retrieval_score": "0.81",
        "index_version": SOURCE.index_version,
    }
    app.jinja_env.globals["takes_feedback"] = False
    assert 'class="feedback"' not in ask(app.test_client(), question="Why?").text
