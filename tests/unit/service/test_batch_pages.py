import io
import json
import re
from dataclasses import replace
from html import unescape

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import create_app
from service.settings import Settings
from service.types import BusyError
from tests.fake_app import ANSWERS, FakeAnswerer, make_answer, make_paper

API = "/api/v1/batch"
SCRIPT = {"Accept": "application/x-ndjson"}


def lines_of(response: TestResponse) -> list[dict[str, object]]:
    assert response.mimetype == "application/x-ndjson", response.text
    with response:
        return [json.loads(line) for line in response.text.splitlines()]


def test_the_api_answers_each_question_on_a_line(client: FlaskClient) -> None:
    body = {"questions": ["Why?", " How  long? "], "top_k": 1, "filters": {"sources": ["PMC"]}}
    response = client.post(API, json=body)
    assert response.headers["Cache-Control"] == "no-store"
    first, second = lines_of(response)
    asked = {"question": "How long?", "top_k": 1, "filters": {"sources": ["PMC"]}}
    alone = client.post("/api/v1/answers", json=asked).json
    assert second == {"number": 2, "of": 2, "question": " How  long? ", "result": alone}
    assert (first["number"], first["of"], first["question"]) == (1, 2, "Why?")


def test_a_bad_question_is_told_on_its_line(client: FlaskClient) -> None:
    lines = lines_of(client.post(API, json={"questions": ["?!", 5, None, "a" * 501, "Why?"]}))
    problems = [line.get("problem") for line in lines]
    assert [problem["status"] for problem in problems if isinstance(problem, dict)] == [422] * 4
    assert "result" in lines[4]
    assert problems[0] == {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "The question contains no word.",
        "errors": [{"pointer": "#/question", "detail": "The question contains no word."}],
    }


@pytest.mark.parametrize(
    ("body", "pointers", "said"),
    [
        ({}, ["#/questions"], "The field questions is missing."),
        ({"questions": []}, ["#/questions"], "The batch has no question."),
        ({"questions": ["Why?"] * 101}, ["#/questions"], "The batch has 101 questions; at most"),
        ({"questions": "Why?"}, ["#/questions"], "must be a list of 1 to 100 texts."),
        ({"questions": ["Why?"], "weight": 7}, ["#/weight"], "a number from 0 to 1."),
        ({"questions": ["Why?"], "top_k": "5"}, ["#/top_k"], "a whole number from 1 to 50."),
        ({"questions": ["Why?"], "question": "Why?"}, ["#/question"], "is unknown."),
        (
            {"questions": ["Why?"], "filters": {"published_from": "2021", "published_to": "2020"}},
            ["#/filters/published_to"],
            "is before the first",
        ),
        ([], ["#"], "must be a JSON object"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_batch_that_cannot_be_asked_is_refused_as_a_whole(
    client: FlaskClient, body: object, pointers: list[str], said: str
) -> None:
    response = client.post(API, json=body)
    assert (response.status_code, response.mimetype) == (422, "application/problem+json")
    assert response.json
    assert [error["pointer"] for error in response.json["errors"]] == pointers
    assert said in response.json["detail"]


def test_the_longest_batch_is_answered(client: FlaskClient) -> None:
    questions = ["\N{FACE WITH MEDICAL MASK}" * 499 + "a"] * 100
    body = json.dumps({"questions": questions}).encode()  # 12 bytes for each of the characters
    assert len(body) > 500_000
    response = client.post(API, data=body, content_type="application/json")
    assert sum("result" in line for line in lines_of(response)) == 100
    larger = client.post(API, data=body * 2, content_type="application/json")
    assert (larger.status_code, larger.mimetype) == (413, "application/problem+json")
    assert "larger than 1024 KB" in larger.text


def test_a_service_with_batches_enough_puts_off_the_next() -> None:
    client = create_app(Settings(web_threads=2), FakeAnswerer()).test_client()
    first = client.post(API, json={"questions": ["Why?"] * 50}, buffered=False)
    second = client.post(API, json={"questions": ["Why?"]})
    assert second.status_code == 503
    assert second.headers["Retry-After"]
    first.close()
    assert len(lines_of(client.post(API, json={"questions": ["Why?"]}))) == 1


def test_a_loading_service_takes_no_batch(loading_client: FlaskClient) -> None:
    assert loading_client.post(API, json={"questions": ["Why?"]}).status_code == 503
    page = loading_client.post("/batch", data={"questions": "Why is it?"})
    assert page.status_code == 503
    assert "being loaded" in page.text
    assert "Why is it?" in page.text
    assert loading_client.get("/batch").status_code == 200


def test_the_page_shows_the_answers_in_a_table(client: FlaskClient) -> None:
    with client.post("/batch", data={"questions": "Why?\n\n unsure?\nnothing?\n?!"}) as response:
        page = unescape(response.text)
    rows = re.findall(
        r"<tr role=\"row\"[^>]*>\s*<th role=\"rowheader\" scope=\"row\">(.*?)</tr>", page, re.DOTALL
    )
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]
    assert "estimated to be <mark>5.1 days (95% CI, 4.5 to 5.8 days)</mark>, and" in rows[0]
    assert 'href="https://doi.org/10.7326/M20-0504"' in rows[0]
    assert "No reliable answer found in these papers. This comes closest." in rows[1]
    assert "No passage found in these papers." in rows[2]
    assert "The question contains no word." in rows[3]
    assert "4 of 4 questions done." in page
    assert "Why?\n\n unsure?\nnothing?\n?!</textarea>" in page


def test_that_none_is_likely_is_said_in_table_and_file() -> None:
    poor = tuple(replace(a, reader_score=0.0, retrieval_score=0.09) for a in ANSWERS[:2])
    client = create_app(Settings(), FakeAnswerer(poor)).test_client()
    likely, unreliable = lines_of(
        client.post("/batch", data={"questions": "Why?\nunsure?"}, headers=SCRIPT)
    )[1:]
    said = "None of the answers is likely to be right. This comes closest."
    assert f">{said}<" in str(likely["html"])
    assert str(likely["csv"]).count(",None of the answers is likely to be right.,") == 2
    said = "No reliable answer found in these papers. This comes closest."
    assert f">{said}<" in str(unreliable["html"])
    assert str(unreliable["csv"]).count(",No reliable answer found in these papers.,") == 2


def test_text_of_papers_stays_text() -> None:
    paper = make_paper(title="<b>x</b>", doi="", url="javascript:alert(1)")
    hostile = make_answer(paper, "", "a <i>b</i> [[<script>]] c")
    client = create_app(Settings(), FakeAnswerer((hostile,))).test_client()
    with client.post("/batch", data={"questions": "<u>why</u>"}) as response:
        page = response.text
    assert not re.search("<b>|<i>|<script>|<u>|javascript:", page)


def test_files_and_pasted_questions_are_asked_together(client: FlaskClient) -> None:
    file = (io.BytesIO("question,n\nOù est-il?,1\n".encode("latin-1")), "questions.csv")
    data = {"questions": "Why?\n", "file": file, "top_k": "2"}
    first, *lines = lines_of(client.post("/batch", data=data, headers=SCRIPT))
    assert first["of"] == 2
    assert "it was read as Windows-1252" in str(first["notice"])
    assert str(first["csv"]).startswith("\ufeffquestion,rank,")
    for line, question in zip(lines, ("Why?", "Où est-il?"), strict=True):
        assert f">{question}</a></td>" in str(line["html"])
    assert all(str(line["csv"]).count("\r\n") == 2 for line in lines)
    assert f"<mark>{ANSWERS[0].text}</mark>" in str(lines[0]["html"])
    assert 'href="http://localhost/top_k_results?question=Why' in str(lines[0]["html"])


def test_the_answers_come_as_a_file(client: FlaskClient) -> None:
    with client.post("/batch", data={"questions": "Why?", "as": "csv"}) as response:
        assert response.mimetype == "text/csv"
        name = 'attachment; filename="covidquest-answers.csv"'
        assert response.headers["Content-Disposition"] == name
        assert response.text.startswith("\ufeffquestion,rank,")
        assert response.text.count("\r\n") == 1 + len(ANSWERS)


@pytest.mark.parametrize(
    ("data", "field", "said"),
    [
        ({}, "questions", "There is no question. Paste some"),
        ({"questions": "\n \n\t\n"}, "questions", "There is no question."),
        ({"questions": "Why?\n" * 101}, "questions", "There are 101 questions; at most 100"),
        ({"questions": "Why?", "file": b""}, "file", "The file has no question."),
        ({"questions": "Why?", "file": b"\n" * 9}, "file", "The file has no question."),
        ({"questions": "Why?", "file": b"PK\x00\x01"}, "file", "The file is not a text."),
        ({"questions": "Why?", "file": b"id,text\n1,How?\n"}, "file", "none is named question"),
        ({"questions": "Why?", "file": b"Why?\n" * 100}, "file", "There are 101 questions"),
        ({"questions": 'question\n"Why?\nHow?'}, "questions", "Row 2 of the CSV begins a cell"),
        ({"questions": "Why?", "weight": "7"}, "weight", "must be a number from 0 to 1."),
        ({"questions": "Why?", "top_k": "x"}, "top_k", "a whole number from 1 to 50."),
        ({"questions": "Why?", "published_from": "May"}, "published_from", "must be written as"),
        ({"questions": "Why?", "full_text": "5"}, "full_text", "must be true or false."),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_what_is_wrong_is_told_in_place_and_nothing_typed_is_lost(
    client: FlaskClient, data: dict[str, object], field: str, said: str
) -> None:
    def sent() -> dict[str, object]:
        content = data.get("file")
        file = {"file": (io.BytesIO(content), "a.csv")} if isinstance(content, bytes) else {}
        return data | file

    response = client.post("/batch", data=sent())
    page = unescape(response.text)
    assert response.status_code == 422
    assert f'href="#{field}"' in page
    assert re.search(f'id="{field}-problem">[^<]*{re.escape(said)}', page)
    assert f"{data.get('questions', '')}</textarea>" in page
    assert f'value="{data.get("weight", "0.7")}"' in page

    problem = client.post("/batch", data=sent(), headers=SCRIPT)
    assert (problem.status_code, problem.mimetype) == (422, "application/problem+json")
    assert said in problem.text
    assert f"/{field}" in problem.text


def test_a_busy_service_is_told_at_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.batch._FIRST_WAIT", 1e9)  # longer than the patience
    client = create_app(Settings(), FakeAnswerer(error=BusyError("Too busy."))).test_client()
    (line,) = lines_of(client.post(API, json={"questions": ["Why?"]}))
    problem = line["problem"]
    assert isinstance(problem, dict)
    assert (problem["status"], problem["detail"]) == (503, "Too busy.")


def test_an_unexpected_error_keeps_its_secrets(caplog: pytest.LogCaptureFixture) -> None:
    answerer = replace(FakeAnswerer(), error=RuntimeError("secret"))
    client = create_app(Settings(), answerer).test_client()
    with client.post("/batch", data={"questions": "Why?"}) as response:
        assert response.status_code == 200
        assert "The service failed to answer." in response.text
        assert "secret" not in response.text
    assert "secret" in caplog.text
