from html import unescape

import pytest
from flask.testing import FlaskClient

from service.app import SECURITY_HEADERS, create_app
from service.questions import QUESTIONS
from service.settings import Settings
from tests.fake_app import FakeAnswerer, make_answer, make_paper
from tests.reading_pages import URL, Elements, ask, options, selected

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(1)>{{ 7*7 }}"""


@pytest.mark.parametrize("path", ["/", URL, URL + "?weight=0.3"])
def test_without_a_question_the_page_is_the_form(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    page = Elements(response.text)
    assert {"question", "question_select", "weight", "top_k"} <= {
        attributes.get("name") for _, attributes in page.found
    }
    assert 'id="resultsView"' not in response.text
    assert 'role="alert"' not in response.text
    choices = [option["value"] for option in options(response.text, "top_k")]
    assert choices == ["5", "10", "20", "30", "50"]


def test_the_suggestions_are_in_the_select_and_as_links(client: FlaskClient) -> None:
    html = client.get("/").text
    page = Elements(html)
    links = {link["href"] for link in page.named("a")}
    options = {option["value"] for option in page.named("option")}
    for question in QUESTIONS:
        assert str(question.number) in options
        assert f"{URL}?question_select={question.number}#resultsView" in links
        assert unescape(html).count(question.text) == 2


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_answers_are_shown_and_what_was_entered_stays(client: FlaskClient, method: str) -> None:
    fields = {"question": "How long?", "question_select": "", "weight": "0.3", "top_k": "10"}
    kind = "query_string" if method == "GET" else "data"
    response = client.open(URL, method=method, **{kind: fields})
    assert response.status_code == 200
    page = Elements(response.text)
    assert page.by_id("resultsView")
    assert len(page.named("article")) == 4
    assert page.by_id("question")["value"] == "How long?"
    assert page.by_id("weight")["value"] == "0.3"
    assert selected(response.text, "top_k") == ["10"]
    assert "<mark>5.1 days (95% CI, 4.5 to 5.8 days)</mark>, and 97.5%" in response.text


def test_a_card_tells_the_source_and_the_scores(client: FlaskClient) -> None:
    card = ask(client, question="How long?").text.split("<article")[1]
    assert 'href="https://doi.org/10.7326/M20-0504"' in card
    for shown in (
        "How long COVID-19 incubates (Lauer et al., 2020)",
        "Lauer, Stephen A.; Grantz, Kyra H.; Bi, Qifang and 2 more",
        "Annals of Internal Medicine",
        "10 March 2020",
        "Findings",
        "0.90",  # of both parts
        "0.7</span> × 0.94",
        "0.3</span> × 0.81",
        "Journal article",
        "Lauer SA, Grantz KH, Bi Q, Jones FK, Zheng Q. How long COVID-19 incubates",
        "Licence: cc-by",
    ):
        assert shown in card


def test_a_suggestion_is_asked_when_nothing_is_typed(client: FlaskClient) -> None:
    response = ask(client, question=" ", question_select="2")
    assert response.status_code == 200
    assert f"Answers to <q>{QUESTIONS[1].text}</q>" in response.text
    assert selected(response.text, "question_select") == ["2"]


def test_what_is_typed_comes_before_a_suggestion(client: FlaskClient) -> None:
    assert "<q>Why?</q>" in ask(client, question="Why?", question_select="2").text


def test_any_number_of_answers_can_be_asked_for(client: FlaskClient) -> None:
    response = ask(client, question="Why?", top_k="3")
    assert len(Elements(response.text).named("article")) == 3
    assert selected(response.text, "top_k") == ["3"]


def test_an_unlikely_answer_is_announced_above_the_passages(client: FlaskClient) -> None:
    assert "No reliable answer" not in ask(client, question="Why?").text
    html = ask(client, question="unsure").text
    assert html.index("No reliable answer found in these papers") < html.index("<article")


def test_the_threshold_of_no_answer_is_a_setting() -> None:
    client = create_app(Settings(no_answer_threshold=0.95), FakeAnswerer()).test_client()
    assert "No reliable answer" not in ask(client, question="unsure").text


def test_no_passage_at_all_is_said(client: FlaskClient) -> None:
    response = ask(client, question="nothing")
    assert response.status_code == 200
    assert "No passage found" in response.text


def test_html_in_a_question_and_in_a_paper_is_shown_as_text(client: FlaskClient) -> None:
    paper = make_paper(
        **dict.fromkeys(("title", "authors", "journal", "publish_time", "license"), HOSTILE),
        doi='10.1000/"><script>',
        url='https://a.example/"><script>',
    )
    answer = make_answer(paper, HOSTILE, f"{HOSTILE} [[{HOSTILE}]] {HOSTILE}")
    harmless = Elements(ask(client, question="Why?", top_k="1").text)
    hostile_client = create_app(Settings(), FakeAnswerer(answers=(answer,))).test_client()
    response = ask(hostile_client, question=HOSTILE, top_k="1")
    hostile = Elements(response.text)
    assert response.status_code == 200
    assert [tag for tag, _ in hostile.found] == [tag for tag, _ in harmless.found]
    assert hostile.by_id("question")["value"] == HOSTILE
    assert "49" not in response.text
    assert not [a for _, attributes in hostile.found for a in attributes if a.startswith("on")]


@pytest.mark.parametrize("name", ["question", "question_select", "weight", "top_k", HOSTILE])
def test_html_in_any_field_is_shown_as_text(client: FlaskClient, name: str) -> None:
    response = ask(client, **{"question": "", name: HOSTILE})
    assert response.status_code in {200, 422}
    assert "<script>" not in response.text
    assert "<img src=x" not in response.text


@pytest.mark.parametrize("path", ["/", URL + "?question=How", "/nowhere"])
def test_the_page_is_self_contained_and_strict(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert SECURITY_HEADERS.items() <= dict(response.headers).items()
    page = Elements(response.text)
    assert len(page.named("h1")) == 1
    assert page.named("html") == [{"lang": "en"}]
    for tag, attributes in page.found:
        assert "style" not in attributes
        assert tag != "style"
        if tag in {"link", "script", "img"}:
            source = attributes.get("src") or attributes.get("href")
            assert source
            assert source.startswith("/static/")
            with client.get(source) as asset:
                assert asset.status_code == 200
    fields = page.named("input") + page.named("select")
    labelled = {label["for"] for label in page.named("label")}
    assert {field["id"] for field in fields} <= labelled
    identifiers = [a["id"] for _, a in page.found if "id" in a]
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/top_k_results?question=How+long%3F",
        "/export.csv?question=How+long%3F",
        "/export.json?question=How+long%3F",
        "/batch",
        "/docs",
        "/readyz",
        "/nowhere",
        "/static/nothing.css",
    ],
)
def test_no_shared_cache_keeps_what_someone_asked(client: FlaskClient, path: str) -> None:
    assert client.get(path).headers["Cache-Control"] == "private, no-cache"


def test_static_files_are_asked_for_again_by_their_version(client: FlaskClient) -> None:
    file = client.get("/static/page.css")
    assert file.headers["Cache-Control"] == "no-cache"
    again = client.get("/static/page.css", headers={"If-None-Match": file.headers["ETag"]})
    assert again.status_code == 304
    assert again.headers["Cache-Control"] == "no-cache"


def test_answers_of_the_api_are_kept_by_no_shared_cache(client: FlaskClient) -> None:
    for values in ({"question": "How long?"}, {"question": ""}):
        response = client.post("/api/v1/answers", json=values)
        assert response.headers["Cache-Control"] == "private, no-cache"
