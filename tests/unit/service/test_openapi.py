import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from service.app import create_app
from service.openapi import openapi
from service.settings import Settings
from tests.fake_app import FakeAnswerer
from tests.unit.service.test_feedback import GIVEN

DOCUMENT = openapi(Settings())
OPERATIONS = [
    (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
ANSWERS, BATCH, FEEDBACK = "/api/v1/answers", "/api/v1/batch", "/api/v1/feedback"


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema | {"components": DOCUMENT["components"]})


def of_request(path: str) -> Draft202012Validator:
    content = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]
    return validator(content["application/json"]["schema"])


def of_response(method: str, path: str, status: int, kind: str) -> Draft202012Validator:
    response = DOCUMENT["paths"][path][method]["responses"][str(status)]
    return validator(response["content"][kind]["schema"])


@pytest.fixture
def taking(tmp_path: Path) -> FlaskClient:
    settings = Settings(feedback=tmp_path / "feedback.sqlite")
    return create_app(settings, FakeAnswerer()).test_client()


def references(value: object) -> Iterator[str]:
    match value:
        case dict():
            for name, inner in value.items():
                if name == "$ref":
                    yield inner
                yield from references(inner)
        case list():
            for inner in value:
                yield from references(inner)


def test_the_document_is_sound(client: FlaskClient) -> None:
    response = client.get("/openapi.json")
    assert response.mimetype == "application/json"
    assert response.json == DOCUMENT
    assert DOCUMENT["openapi"].startswith("3.1.")
    schemas = DOCUMENT["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    named = {reference.rpartition("/")[2] for reference in references(DOCUMENT)}
    assert named == set(schemas)  # all are there, and none is there for nothing
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(ids)) == len(ids)


def test_every_route_of_the_api_is_in_the_document(client: FlaskClient) -> None:
    rules = client.application.url_map.iter_rules()
    routes = {rule.rule for rule in rules if rule.rule.startswith("/api/")}
    assert routes | {"/healthz", "/readyz", "/metrics"} == set(DOCUMENT["paths"])


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (ANSWERS, {"question": "Why?"}, 200),
        (ANSWERS, {"question": "Why?", "include_read": True, "top_k": 2}, 200),
        (ANSWERS, {"question": "nothing", "filters": {"journals": ["Nowhere"]}}, 200),
        (ANSWERS, {"question": 5, "weight": 7, "x": 1}, 422),
        (FEEDBACK, GIVEN, 201),
        (FEEDBACK, GIVEN | {"note": "x" * 5000}, 422),
        (FEEDBACK, GIVEN | {"answer": "other"}, 409),
        (BATCH, {"questions": []}, 422),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_responses_are_as_the_document_has_them(
    taking: FlaskClient, path: str, body: object, status: int
) -> None:
    response = taking.post(path, json=body)
    assert response.status_code == status
    of_response("post", path, status, response.mimetype).validate(response.json)


def test_lines_of_a_batch_are_as_the_document_has_them(client: FlaskClient) -> None:
    with client.post(BATCH, json={"questions": ["Why?", "nothing", "?!", 5]}) as response:
        lines = [json.loads(line) for line in response.text.splitlines()]
    check = of_response("post", BATCH, 200, response.mimetype)
    for line in lines:
        check.validate(line)
    assert not check.is_valid({"number": 1, "of": 1, "question": "Why?"})


@pytest.mark.parametrize("status", [400, 404, 413, 415, 503])
def test_problems_are_as_the_document_has_them(
    client: FlaskClient, loading_client: FlaskClient, status: int
) -> None:
    path, kind = ANSWERS, "application/json"
    response = {
        400: lambda: client.post(path, data="{", content_type=kind),
        404: lambda: client.post(FEEDBACK, json=GIVEN),
        413: lambda: client.post(path, data=b" " * 70_000, content_type=kind),
        415: lambda: client.post(path, data="{}", content_type="text/plain"),
        503: lambda: loading_client.post(path, json={"question": "Why?"}),
    }[status]()
    assert response.status_code == status
    path = FEEDBACK if status == 404 else ANSWERS
    of_response("post", path, status, "application/problem+json").validate(response.json)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_are_as_the_document_has_them(
    client: FlaskClient, loading_client: FlaskClient, path: str
) -> None:
    for probed in (client, loading_client):
        response = probed.get(path)
        of_response("get", path, response.status_code, "application/json").validate(response.json)


DATES = [("x", False), ("2020-3", False), ("", True), (" 2020-03-13\n", True)]
NAMES = [("", False), (" ", False), ("a" * 301, False), ("a" * 300, True)]
FILTERS = {"published_from": "2020-03", "sources": ["PMC"], "full_text": True}


@pytest.mark.parametrize(
    ("path", "body", "good"),
    [
        (ANSWERS, {"question": "Why?"}, True),
        (ANSWERS, {"question": "Why?", "weight": 0, "top_k": 50, "filters": FILTERS}, True),
        (ANSWERS, {"question": "Why?", "filters": {}}, True),
        (ANSWERS, {}, False),
        (ANSWERS, {"question": ""}, False),
        (ANSWERS, {"question": 5}, False),
        (ANSWERS, {"question": "Why?", "weight": 1.1}, False),
        (ANSWERS, {"question": "Why?", "weight": "0.5"}, False),
        (ANSWERS, {"question": "Why?", "top_k": 0}, False),
        (ANSWERS, {"question": "Why?", "top_k": 51}, False),
        (ANSWERS, {"question": "Why?", "top_k": 5.0}, True),
        (ANSWERS, {"question": "a" * 501}, False),
        *(
            (ANSWERS, {"question": "Why?", "filters": {"published_from": date}}, good)
            for date, good in DATES
        ),
        *(
            (ANSWERS, {"question": "Why?", "filters": {"sources": [name]}}, good)
            for name, good in NAMES
        ),
        (ANSWERS, {"question": "Why?", "filters": {"sources": ["x"] * 21}}, False),
        (ANSWERS, {"question": "Why?", "filters": {"x": 1}}, False),
        (ANSWERS, {"question": "Why?", "x": 1}, False),
        (BATCH, {"questions": ["Why?"], "weight": 0.5}, True),
        (BATCH, {"questions": ["Why?"] * 100}, True),
        (BATCH, {"questions": ["Why?"] * 101}, False),
        (BATCH, {"questions": []}, False),
        (BATCH, {"questions": "Why?"}, False),
        (FEEDBACK, GIVEN, True),
        (FEEDBACK, {name: value for name, value in GIVEN.items() if name != "note"}, True),
        (FEEDBACK, GIVEN | {"note": "x" * 2001}, False),
        (FEEDBACK, GIVEN | {"verdict": "maybe"}, False),
        (FEEDBACK, GIVEN | {"start": -1}, False),
        (FEEDBACK, GIVEN | {"start": float(GIVEN["start"])}, True),
        (FEEDBACK, {name: value for name, value in GIVEN.items() if name != "start"}, False),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_the_document_allows_what_the_service_takes(
    taking: FlaskClient, path: str, body: object, good: bool
) -> None:
    assert of_request(path).is_valid(body) is good
    with taking.post(path, json=body) as response:
        assert (response.status_code < 300) is good


def test_defaults_are_those_of_the_settings() -> None:
    schemas = openapi(Settings(default_weight=0.25, default_top_k=7))["components"]["schemas"]
    for name in ("AnswersRequest", "BatchRequest"):
        fields = schemas[name]["properties"]
        assert (fields["weight"]["default"], fields["top_k"]["default"]) == (0.25, 7)


def test_figures_that_are_not_shown_are_not_in_the_document() -> None:
    assert "/metrics" in DOCUMENT["paths"]
    assert "/metrics" not in openapi(Settings(metrics="off"))["paths"]


def test_the_page_tells_all_that_the_document_has(client: FlaskClient) -> None:
    response = client.get("/docs")
    assert response.mimetype == "text/html"
    page = unescape(response.text)
    told = re.sub("</?code>", "`", page)
    for method, path, operation in OPERATIONS:
        assert f"{method.upper()} {path}" in page
        assert operation["description"] in told
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert f'<h3 id="{name}">' in page
        for field, described in schema.get("properties", {}).items():
            assert f"<code>{field}</code>" in page
            assert described.get("description", "") in told
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    assert not re.search(r"https?://(?!127\.0\.0\.1)", page)  # nothing from elsewhere
    assert "style=" not in page


def test_the_examples_of_the_page_are_taken(client: FlaskClient) -> None:
    page = unescape(client.get("/docs").text)
    bodies = re.findall(r"curl http://127\.0\.0\.1:8000(\S+) .*?-d '(.*?)'", page, re.DOTALL)
    assert [path for path, _ in bodies] == [ANSWERS, BATCH]
    for path, body in bodies:
        with client.post(path, data=body, content_type="application/json") as response:
            assert response.status_code == 200
