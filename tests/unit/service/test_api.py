import gzip
import itertools
import json
import logging
import random
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import SECURITY_HEADERS, create_app
from service.citations import cite
from service.settings import Settings
from tests.fake_app import ANSWERS, FakeAnswerer

URL = "/api/v1/answers"


def post(client: FlaskClient, body: object) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(URL, data=data, content_type="application/json")


def assert_problem(response: TestResponse, status: int) -> dict[str, object]:
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    problem = json.loads(response.data)
    assert problem.keys() - {"errors"} == {"type", "title", "status", "detail"}
    assert problem["status"] == status
    assert problem["detail"]
    return dict(problem)


def test_an_answer_has_everything_that_is_known_of_it(client: FlaskClient) -> None:
    response = post(client, {"question": " How  long?\n", "weight": 0.5, "top_k": 1})
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    body = json.loads(response.data)
    first = ANSWERS[0]
    assert body == {
        "question": "How long?",
        "weight": 0.5,
        "top_k": 1,
        "filters": {
            "published_from": "",
            "published_to": "",
            "sources": [],
            "journals": [],
            "full_text": False,
        },
        "passages_searched": 1204,
        "note": None,
        "warning": None,
        "did_you_mean": None,
        "unknown_words": [],
        "answers": [
            {
                "rank": 1,
                "answer": "5.1 days (95% CI, 4.5 to 5.8 days)",
                "start": first.start,
                "end": first.end,
                "sentence": "The median incubation period of COVID-19 was estimated to be 5.1 days "
                "(95% CI, 4.5 to 5.8 days), and 97.5% of those who develop symptoms do so within "
                "11.5 days of infection.",
                "chance": "likely",
                "cautions": [],
                "passage": {
                    "id": first.passage.id,
                    "text": first.passage.text,
                    "section": "Findings",
                },
                "paper": {
                    "cord_uid": "ug7v899j",
                    "title": "How long COVID-19 incubates (Lauer et al., 2020)",
                    "authors": first.paper.authors,
                    "journal": "Annals of Internal Medicine",
                    "publish_time": "2020-03-10",
                    "doi": "10.7326/M20-0504",
                    "pmcid": "",
                    "pubmed_id": "",
                    "url": "https://example.org/paper",
                    "license": "cc-by",
                    "source": "PMC",
                },
                "link": "https://doi.org/10.7326/M20-0504",
                "citation": cite(first.paper),
                "scores": {"reader": 0.94, "retrieval": 0.81, "final": 0.875},
            }
        ],
        "no_answer_probability": 0.1,
        "index": {"version": "2021-01-05T10:00Z", "papers": 62, "passages": 1204},
        "models": {"encoder": "all-MiniLM-L6-v2", "reader": "covidquest", "device": "cpu"},
        "took_ms": {"encode": 9.1, "retrieve": 3.2, "read": 310.4, "total": 324.0},
    }


def test_all_that_was_read_comes_where_it_is_asked_for() -> None:
    client = create_app(Settings(), FakeAnswerer(unread=0.25)).test_client()
    asked = {"question": "Why?", "top_k": 1}
    body = json.loads(post(client, asked | {"include_read": True}).data)
    assert [answer["rank"] for answer in body["answers"]] == [1]
    read = body["all_read"]
    assert (read["unread"], read["reader_bound"]) == (0.25, 1.0)
    first = ANSWERS[0]
    assert read["read"][0] == {
        "passage": first.passage.id,
        "start": first.start,
        "end": first.end,
        "answer": first.text,
        "reader": 0.94,
        "retrieval": 0.81,
    }
    assert "all_read" not in json.loads(post(client, asked | {"include_read": False}).data)
    wrong = assert_problem(post(client, asked | {"include_read": "yes"}), 422)
    assert wrong["detail"] == "With all that was read (include_read) must be true or false."


def test_the_settings_give_what_a_request_leaves_out() -> None:
    app = create_app(Settings(default_weight=0.25, default_top_k=2), FakeAnswerer())
    body = json.loads(post(app.test_client(), {"question": "Why?"}).data)
    assert (body["weight"], body["top_k"], len(body["answers"])) == (0.25, 2, 2)


def test_ranks_count_from_one(client: FlaskClient) -> None:
    body = json.loads(post(client, {"question": "Why?"}).data)
    assert [answer["rank"] for answer in body["answers"]] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["#/question"]),
        ({"question": ""}, ["#/question"]),
        ({"question": " ?! "}, ["#/question"]),
        ({"question": "a" * 501}, ["#/question"]),
        ({"question": "a\u0007"}, ["#/question"]),
        ({"question": 5}, ["#/question"]),
        ({"question": None}, ["#/question"]),
        ({"question": "Why?", "weight": 1.01}, ["#/weight"]),
        ({"question": "Why?", "weight": "0.5"}, ["#/weight"]),
        ({"question": "Why?", "weight": True}, ["#/weight"]),
        ({"question": "Why?", "weight": None}, ["#/weight"]),
        ({"question": "Why?", "top_k": 0}, ["#/top_k"]),
        ({"question": "Why?", "top_k": 51}, ["#/top_k"]),
        ({"question": "Why?", "top_k": "abc"}, ["#/top_k"]),
        ({"question": "Why?", "top_k": 5.5}, ["#/top_k"]),
        ({"question": "Why?", "a/b~é": 1}, ["#/a~1b~0%C3%A9"]),
        ({"question": "Why?", "": 1}, ["#/"]),
        ({"question": "Why?", "\ud800": 1}, ["#"]),
        ({"question": "\ud800 masks"}, ["#/question"]),
        ({"question": "Why?", "filters": {"journals": ["\ud800"]}}, ["#/filters/journals"]),
        ({"weight": -1, "top_k": 0}, ["#/question", "#/weight", "#/top_k"]),
        ([], ["#"]),
        ("Why?", ["#"]),
        (None, ["#"]),
    ],
)
def test_wrong_fields_are_pointed_at(
    client: FlaskClient, body: object, pointers: list[str]
) -> None:
    problem = assert_problem(post(client, body), 422)
    assert problem["title"] == "Unprocessable Content"
    assert [error["pointer"] for error in problem["errors"]] == pointers  # type: ignore[attr-defined] # JSON


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'question': 'Why?'}",
        b'{"question": "Why?", "weight": NaN}',
        b'{"question": "Why?", "weight": Infinity}',
        b'{"question": "\\ud800", "weight": NaN}',
        b'{"question": "\\ud800"' + b"[" * 60_000,
        b'{"question": "\xff"}',
        b"[" * 60_000,
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_is_not_json_is_refused(client: FlaskClient, body: bytes) -> None:
    problem = assert_problem(post(client, body), 400)
    assert str(problem["detail"]).startswith("The body is not JSON: ")


def test_a_number_of_thousands_of_digits_is_out_of_range(client: FlaskClient) -> None:
    for name, said in (("top_k", "a whole number from 1 to 50"), ("weight", "from 0 to 1")):
        body = f'{{"question": "Why?", "{name}": {"9" * 60_000}}}'.encode()
        assert said in str(assert_problem(post(client, body), 422)["detail"])


def test_a_byte_order_mark_is_passed_over(client: FlaskClient) -> None:
    assert post(client, b'\xef\xbb\xbf{"question": "Why?"}').status_code == 200


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
)
def test_another_content_type_is_refused(client: FlaskClient, content_type: str | None) -> None:
    response = client.post(URL, data=b'{"question": "Why?"}', content_type=content_type)
    assert_problem(response, 415)


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "identity, gzip"])
def test_a_body_that_is_encoded_is_refused(client: FlaskClient, coding: str) -> None:
    plain = b'{"question": "Why?"}'
    for body in (plain, gzip.compress(plain)):
        response = client.post(
            URL,
            data=body,
            content_type="application/json",
            headers={"Content-Encoding": coding},
        )
        said = assert_problem(response, 415)["detail"]
        assert f"Content-Encoding: {coding.lower()}" in str(said)
    identity = {"Content-Encoding": "identity"}
    kind = "application/json"
    assert client.post(URL, data=plain, content_type=kind, headers=identity).status_code == 200


FILTERS = {
    "published_from": "2020-03",
    "published_to": "2021",
    "sources": ["PMC"],
    "journals": ["Nature"],
    "full_text": True,
}


def test_filters_are_told_as_they_were_understood(client: FlaskClient) -> None:
    given = FILTERS | {"sources": [" PMC ", "PMC"]}
    body = json.loads(post(client, {"question": "Why?", "filters": given}).data)
    assert body["filters"] == FILTERS
    again = json.loads(post(client, {"question": "Why?", "filters": body["filters"]}).data)
    assert again["filters"] == FILTERS
    nothing = json.loads(post(client, {"question": "Why?"}).data)["filters"]
    assert post(client, {"question": "Why?", "filters": nothing}).status_code == 200


def test_where_no_paper_matches_that_is_said(client: FlaskClient) -> None:
    response = post(client, {"question": "Why?", "filters": {"journals": ["Nowhere"]}})
    assert response.status_code == 200
    body = json.loads(response.data)
    assert (body["answers"], body["passages_searched"]) == ([], 0)
    assert body["note"] == "No paper matches these filters. Remove one of them, or widen the dates."


@pytest.mark.parametrize(
    ("filters", "pointers"),
    [
        ([], ["#/filters"]),
        ({"published_from": "2020-13"}, ["#/filters/published_from"]),
        ({"published_from": "2021", "published_to": "2020"}, ["#/filters/published_to"]),
        ({"sources": ["PMC", 5, ""]}, ["#/filters/sources"]),
        ({"journals": ["x"] * 21, "full_text": 1}, ["#/filters/journals", "#/filters/full_text"]),
        ({"a/b~": 1}, ["#/filters/a~1b~0"]),
        ({"": 1}, ["#/filters/"]),
    ],
)
def test_a_bad_filter_is_pointed_at(
    client: FlaskClient, filters: object, pointers: list[str]
) -> None:
    problem = assert_problem(post(client, {"question": "Why?", "filters": filters}), 422)
    errors = problem["errors"]
    assert isinstance(errors, list)
    assert [error["pointer"] for error in errors] == pointers


def test_a_lone_surrogate_is_told_at_its_field(client: FlaskClient) -> None:
    said = "The question must be a text of valid Unicode."
    assert assert_problem(post(client, {"question": "\ud800 masks"}), 422)["detail"] == said
    body = {"questions": ["\ud800 masks", "Why?"]}
    with client.post("/api/v1/batch", json=body) as response:
        refused, answered = map(json.loads, response.text.splitlines())
    assert (refused["question"], refused["problem"]["detail"]) == ("? masks", said)
    assert "result" in answered


def test_problems_are_told_as_sentences(client: FlaskClient) -> None:
    problem = assert_problem(post(client, {"question": "Why?", "k": 1, "": 2}), 422)
    assert problem["detail"] == "The field k is unknown. The field without a name is unknown."


def test_numbers_are_those_of_json(client: FlaskClient) -> None:
    response = post(client, {"question": "Why?", "top_k": 2.0, "weight": -0.0})
    assert b'"weight":0.0,"top_k":2,' in response.data


@pytest.mark.parametrize("path", [URL, "/api/v1/batch", "/api/v1/feedback"])
def test_a_query_in_the_address_is_refused(path: str, tmp_path: Path) -> None:
    app = create_app(Settings(feedback=tmp_path / "feedback.sqlite"), FakeAnswerer())
    response = app.test_client().post(f"{path}?top_k=3", json={"question": "Why?"})
    assert "takes no query" in str(assert_problem(response, 400)["detail"])


def test_the_content_type_may_have_parameters(client: FlaskClient) -> None:
    content_type = "application/json; charset=utf-8"
    response = client.post(URL, data=b'{"question": "Why?"}', content_type=content_type)
    assert response.status_code == 200


def test_a_body_over_64_kilobytes_is_refused(client: FlaskClient) -> None:
    body = json.dumps({"question": "Why?"}).encode()
    assert post(client, body.ljust(65_536)).status_code == 200
    assert_problem(post(client, body.ljust(65_537)), 413)


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v1", "/api/v2/answers", URL + "/", URL + "/1"]
)
def test_an_unknown_route_is_a_problem(client: FlaskClient, path: str) -> None:
    assert_problem(client.post(path, json={"question": "Why?"}), 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_a_wrong_method_is_told_the_right_one(client: FlaskClient, method: str) -> None:
    response = client.open(URL, method=method)
    assert_problem(response, 405)
    assert set(response.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_while_loading_a_question_is_put_off(loading_client: FlaskClient) -> None:
    response = post(loading_client, {"question": "Why?"})
    problem = assert_problem(response, 503)
    assert "being loaded" in str(problem["detail"])
    assert int(response.headers["Retry-After"]) > 0


def test_probes_tell_living_from_ready(client: FlaskClient, loading_client: FlaskClient) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").json == {"status": "ready"}
    assert loading_client.get("/healthz").status_code == 200
    response = loading_client.get("/readyz")
    assert response.status_code == 503
    assert response.json
    assert "being loaded" in response.json["reason"]


def test_an_unexpected_error_is_logged_and_keeps_its_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = create_app(Settings(), FakeAnswerer(error=RuntimeError("secret at /some/path")))
    with caplog.at_level(logging.ERROR):
        response = post(app.test_client(), {"question": "Why?"})
    assert_problem(response, 500)
    assert b"secret" not in response.data
    assert "secret at /some/path" in caplog.text


def test_every_answer_has_the_security_headers(client: FlaskClient) -> None:
    for response in (post(client, {"question": "Why?"}), post(client, {}), client.get("/healthz")):
        assert SECURITY_HEADERS.items() <= dict(response.headers).items()


def test_no_json_is_answered_with_500(client: FlaskClient) -> None:
    odd = [None, True, -1, 0, 1, 5, 0.5, 1e308, 10**30, "", "a", "?", "\x00", "\u202e", [], {}, [1]]
    for question, weight, top_k in itertools.product(odd, odd, odd):
        body = {"question": question, "weight": weight, "top_k": top_k}
        assert post(client, body).status_code in {200, 422}
    for name, value, filters in itertools.product(FILTERS, odd, odd):
        given = FILTERS | {name: value} if filters is None else filters
        body = {"question": "Why?", "filters": given}
        assert post(client, body).status_code in {200, 422}


def test_no_bytes_are_answered_with_500(client: FlaskClient) -> None:
    noise = random.Random(19)
    good = b'{"question": "Why is it so?", "weight": 0.5, "top_k": 5}'
    for _ in range(2000):
        body = bytearray(good)
        for _ in range(noise.randint(1, 6)):
            body[noise.randrange(len(body))] = noise.randrange(256)
        assert post(client, bytes(body)).status_code in {200, 400, 422}
