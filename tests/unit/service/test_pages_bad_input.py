import itertools
import random
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from service.app import create_app
from service.settings import Settings
from tests.fake_app import FakeAnswerer
from tests.reading_pages import URL, Elements, ask, selected

BAD = [
    ({"question": ""}, "question"),
    ({"question": "  ", "question_select": ""}, "question"),
    ({"question_select": ""}, "question"),
    ({"question": "?!"}, "question"),
    ({"question": "a" * 501}, "question"),
    ({"question": "a\x07b"}, "question"),
    ({"question_select": "0"}, "question_select"),
    ({"question_select": "31"}, "question_select"),
    ({"question_select": "abc"}, "question_select"),
    ({"question_select": "true"}, "question_select"),
    ({"question": "Why?", "question_select": "99"}, "question_select"),
    ({"question": "Why?", "weight": "1.1"}, "weight"),
    ({"question": "Why?", "weight": "-0.1"}, "weight"),
    ({"question": "Why?", "weight": "NaN"}, "weight"),
    ({"question": "Why?", "weight": "inf"}, "weight"),
    ({"question": "Why?", "weight": "1e999"}, "weight"),
    ({"question": "Why?", "weight": "true"}, "weight"),
    ({"question": "Why?", "weight": "null"}, "weight"),
    ({"question": "Why?", "weight": "half"}, "weight"),
    ({"question": "Why?", "top_k": "0"}, "top_k"),
    ({"question": "Why?", "top_k": "51"}, "top_k"),
    ({"question": "Why?", "top_k": "abc"}, "top_k"),
    ({"question": "Why?", "top_k": "5.5"}, "top_k"),
    ({"question": "Why?", "top_k": '"5"'}, "top_k"),
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("fields", "wrong"), BAD)
def test_bad_input_is_explained_in_place_and_kept(
    client: FlaskClient, method: str, fields: dict[str, str], wrong: str
) -> None:
    kind = "query_string" if method == "GET" else "data"
    response = client.open(URL, method=method, **{kind: fields})
    assert response.status_code == 422
    page = Elements(response.text)
    assert 'role="alert"' in response.text
    field = page.by_id(wrong)
    assert field["aria-invalid"] == "true"
    assert page.by_id(str(field["aria-describedby"]))
    assert page.by_id("question")["value"] == fields.get("question", "")
    assert page.by_id("weight")["value"] == fields.get("weight", "0.7")
    assert "<article" not in response.text


def test_an_unknown_field_is_named(client: FlaskClient) -> None:
    response = ask(client, question="Why?", k="5")
    assert response.status_code == 422
    assert "The field k is unknown." in response.text


@pytest.mark.parametrize("path", [URL, "/export.csv"])
def test_a_field_of_the_api_that_the_form_lacks_is_unknown(client: FlaskClient, path: str) -> None:
    response = client.get(path, query_string={"question": "Why?", "filters": "{}"})
    assert response.status_code == 422
    assert "The field filters is unknown." in response.text


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 200), ("?utm_id=3", 200), ("?top_k=3", 200), ("?question=", 422), ("?k=3", 422)],
)
def test_only_the_headers_are_those_of_the_page(
    client: FlaskClient, query: str, status: int
) -> None:
    assert client.head(URL + query).status_code == client.get(URL + query).status_code == status


def test_all_problems_are_shown_at_once(client: FlaskClient) -> None:
    response = ask(client, question="?", question_select="99", weight="7", top_k="abc")
    assert response.text.count('aria-invalid="true"') == 4


def test_a_wrong_suggestion_is_not_called_an_empty_question(client: FlaskClient) -> None:
    page = ask(client, question_select="31").text
    assert page.count('aria-invalid="true"') == 1
    assert "The question is empty." not in page


def test_unknown_fields_are_told_in_their_order(client: FlaskClient) -> None:
    page = ask(client, question="Why?", **dict.fromkeys(("z", "b", "filters", "y", "a"), "1")).text
    assert re.findall("The field (.) is unknown", page) == ["a", "b", "y", "z"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", ["question", "weight", "top_k", "published_to", "index"])
def test_a_single_field_that_is_given_twice_is_refused(
    client: FlaskClient, method: str, name: str
) -> None:
    fields = MultiDict([("question", "Why?"), *[(name, "1")] * 2])
    kind = "query_string" if method == "GET" else "data"
    response = client.open(URL, method=method, **{kind: fields})
    assert response.status_code == 422
    assert f"Give the field {name} once." in response.text


@pytest.mark.parametrize(
    "name",
    ["utm_source", "utm_id", "fbclid", "gclid", "msclkid", "mc_cid", "mc_eid", "_hsenc", "gbraid"],
)
def test_what_trackers_add_to_a_link_is_ignored(client: FlaskClient, name: str) -> None:
    response = ask(client, question="Why?", **{name: ["abc", "é"]})
    assert response.status_code == 200
    assert f"{name}=" not in response.text  # nor passed on


@pytest.mark.parametrize("value", ["%ff%fe", "caf%e9", "%ED%A0%80"])
@pytest.mark.parametrize("path", [URL, "/", "/batch", "/api/v1/answers"])
def test_an_address_that_is_not_in_utf_8_is_refused(
    client: FlaskClient, path: str, value: str
) -> None:
    response = client.get(f"{path}?question={value}")
    assert response.status_code == 400
    assert "The address has bytes that are no UTF-8" in response.text


@pytest.mark.parametrize("path", [URL, "/batch", "/feedback"])
def test_a_form_that_is_not_in_utf_8_is_refused(client: FlaskClient, path: str) -> None:
    form = "application/x-www-form-urlencoded"
    for data in (b"question=%ff", b"question=\xff"):
        response = client.post(path, data=data, content_type=form)
        assert response.status_code == 400
        assert "The form has bytes that are no UTF-8" in response.text


@pytest.mark.parametrize("path", [URL, "/batch", "/feedback"])
def test_a_form_in_parts_that_is_not_in_utf_8_is_refused(client: FlaskClient, path: str) -> None:
    def parts(value: bytes) -> bytes:
        head = b'--b\r\nContent-Disposition: form-data; name="question"\r\n\r\n'
        return head + value + b"\r\n--b--\r\n"

    form = "multipart/form-data; boundary=b"
    refused = client.post(path, data=parts(b"how \xff long"), content_type=form)
    assert refused.status_code == 400
    assert "The form has bytes that are no UTF-8" in refused.text
    for said in ("how long, Señor?", "what does \ufffd mean"):  # the sign itself may be asked for
        response = client.post(path, data=parts(said.encode()), content_type=form)
        assert "no UTF-8" not in response.text


def test_only_what_the_form_has_is_linked_to(client: FlaskClient) -> None:
    page = client.get(f"{URL}?question=&weight=2&index=1&index=2").text
    links = re.findall(r'<li><a href="#(\w+)"', page)
    assert "weight" in links
    assert "index" not in links
    assert all(f'id="{name}"' in page for name in links)


def test_a_whole_number_may_have_a_point(client: FlaskClient) -> None:
    response = ask(client, question="Why?", top_k="7.0")
    assert response.status_code == 200
    assert selected(response.text, "top_k") == ["7"]


@pytest.mark.parametrize(
    ("path", "request_fields", "status"),
    [
        ("/nowhere", {}, 404),
        ("/apiary", {}, 404),
        ("/static/nothing.css", {}, 404),
        ("/", {"method": "POST"}, 405),
        (URL, {"method": "DELETE"}, 405),
        (URL, {"method": "POST"}, 415),
        (URL, {"method": "POST", "json": {"question": "Why?"}}, 415),
        (URL, {"method": "POST", "data": {"question": "a" * 65_536}}, 413),
    ],
)
def test_other_errors_are_readable_and_offer_the_form(
    client: FlaskClient, path: str, request_fields: dict[str, Any], status: int
) -> None:
    response = client.open(path, **request_fields)
    assert response.status_code == status
    assert response.mimetype == "text/html"
    page = Elements(response.text)
    assert page.by_id("question")
    assert 'role="alert"' in response.text
    assert ("Allow" in response.headers) == (status == 405)


def test_while_loading_the_question_is_kept(loading_client: FlaskClient) -> None:
    assert loading_client.get("/").status_code == 200
    response = ask(loading_client, question="How long?")
    assert response.status_code == 503
    assert "Retry-After" in response.headers
    assert "being loaded" in response.text
    assert Elements(response.text).by_id("question")["value"] == "How long?"


def test_an_unexpected_error_is_a_readable_page() -> None:
    client = create_app(Settings(), FakeAnswerer(error=RuntimeError("secret"))).test_client()
    response = ask(client, question="Why?")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert Elements(response.text).by_id("question")


def test_no_form_is_answered_with_500(client: FlaskClient) -> None:
    odd = ["", " ", "a", "?", "-1", "0", "1", "5", "0.5", "1e999", "9" * 5000, "\x00", "\ud800"]
    combinations = list(itertools.product(odd, repeat=4))
    for question, select, weight, top_k in random.Random(19).sample(combinations, 250):
        fields = {"question": question, "question_select": select, "weight": weight, "top_k": top_k}
        body = urlencode(fields, errors="surrogatepass")
        response = client.post(URL, data=body, content_type="application/x-www-form-urlencoded")
        assert response.status_code in ({400} if "\ud800" in fields.values() else {200, 422})


@pytest.mark.parametrize(
    "query",
    ["%", "question=%", "question=%zz", "question", "=&=&&", "question=a&question=b"],
)
def test_broken_query_strings_are_not_answered_with_500(client: FlaskClient, query: str) -> None:
    assert client.get(f"{URL}?{query}").status_code in {200, 422}


def test_the_page_does_not_show_what_a_field_is_called_in_a_request(client: FlaskClient) -> None:
    response = ask(client, question="Why?", published_to="yesterday")
    assert response.status_code == 422
    assert "The last date must be written as 2020, 2020-03 or 2020-03-13." in response.text
    assert "(published_to)" not in response.text
    assert "<title>Not asked · CovidQuest</title>" in response.text
