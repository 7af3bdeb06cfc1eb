import csv
import io
import json
import re
import time

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.fusion import sentence_of
from service.settings import Settings
from service.tables import HEADER, csv_text
from service.types import BusyError
from tests.fake_app import ANSWERS, FakeAnswerer, make_answer, make_paper

QUESTION = "question=How+long%3F&weight=0.25&top_k=2"
KINDS = ("ris", "bib", "csv", "json")
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_a_file_is_named_after_its_question(client: FlaskClient, kind: str) -> None:
    response = client.get(f"/export.{kind}?question=Où+est+le+“β-CoV”%3F{'+why' * 40}")
    assert response.status_code == 200
    said = response.headers["Content-Disposition"]
    assert said.startswith('attachment; filename="covidquest-ou-est-le-cov-why-')
    assert said.endswith(f'.{kind}"')
    assert said.isascii()
    assert len(said) < 100


def test_json_is_what_the_api_returns(client: FlaskClient) -> None:
    asked = {"question": "How long?", "weight": 0.25, "top_k": 2}
    exported = client.get(f"/export.json?{QUESTION}")
    assert exported.json == client.post("/api/v1/answers", json=asked).json


def test_csv_has_a_row_for_each_answer(client: FlaskClient) -> None:
    response = client.get(f"/export.csv?{QUESTION}&sources=PMC")
    assert response.mimetype == "text/csv"
    assert response.data.startswith(b"\xef\xbb\xbfquestion,rank,")  # for Excel
    rows = list(csv.DictReader(io.StringIO(response.data.decode("utf-8-sig"))))
    assert [row["rank"] for row in rows] == ["1", "2"]
    first, answer = rows[0], ANSWERS[0]
    assert first["question"] == "How long?"
    assert first["answer"] == answer.text
    assert first["sentence"].startswith("The median incubation period")
    assert first["sentence"].endswith("11.5 days of infection.")
    told = client.get(f"/export.json?{QUESTION}").json
    assert told
    assert float(first["final_score"]) == pytest.approx(told["answers"][0]["scores"]["final"])
    assert (first["title"], first["doi"]) == (answer.paper.title, answer.paper.doi)
    assert first["link"] == "https://doi.org/10.7326/M20-0504"
    assert first["index_version"] == "2021-01-05T10:00Z"
    assert first["problem"] == ""
    assert first["permalink"] == (
        "http://localhost/top_k_results?question=How+long%3F&weight=0.25&top_k=2&sources=PMC"
    )


@pytest.mark.parametrize("mark", ["=", "+", "-", "@", "\t", "\r", " =", "＝"])
def test_no_cell_is_a_formula(mark: str) -> None:
    (cell,) = next(csv.reader(io.StringIO(csv_text([[f"{mark}1+cmd|' /C calc'!A0"]]), newline="")))
    assert cell.startswith("'")
    assert csv_text([[-1.5, "5-6 days", 'say "5"']]) == '-1.5,5-6 days,"say ""5"""\r\n'


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("mark", ["=", "+", "-2+3+", "@", " =", "＝", '"=', ' "+'])
def test_no_part_of_a_cell_is_a_formula_where_it_is_split_otherwise(
    delimiter: str, mark: str
) -> None:
    for end in (delimiter, f"{delimiter}{delimiter}"):
        text = csv_text([["a", f"Masks{end}{mark}cmd|' /C calc'!A0", "b"]])
        for cell in next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)):
            assert not re.match(r"[\s\"]*[=+\-@＝]", cell)


@pytest.mark.parametrize(
    "text", ["5.1 days; -0.5 to 3", "A; B; C-D", "x = 1; y", "a; (-2)", "Lauer, S.; Grantz, K."]
)
def test_what_is_no_formula_stays_in_its_cell_as_it_was(text: str) -> None:
    assert next(csv.reader(io.StringIO(csv_text([[text]])))) == [text]


def test_an_endless_cell_takes_no_time() -> None:
    began = time.process_time()
    csv_text([["a" + run * 100_000] for run in (";", "; ", ";-", '"', ";+1", "; -")])
    assert time.process_time() - began < 5


def test_a_formula_in_a_paper_is_exported_as_text() -> None:
    hostile = make_answer(
        make_paper(title="=HYPERLINK(1)", authors="@me; 3#"), "-", "[[=1+1]] is two."
    )
    client = create_app(Settings(), FakeAnswerer((hostile,))).test_client()
    text = client.get("/export.csv?question=%3Dwhy").data.decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    told = [row[name] for name in ("question", "answer", "sentence", "title", "authors", "section")]
    assert told == ["'=why", "'=1+1", "'=1+1 is two.", "'=HYPERLINK(1)", "'@me", "'-"]


def test_a_paper_is_cited_once_with_all_its_answers() -> None:
    papers = [make_paper(cord_uid=uid) for uid in ("u1", "u2", "u1")]
    answers = tuple(
        make_answer(paper, "", f"It is [[{n} days]]. Not more.") for n, paper in enumerate(papers)
    )
    client = create_app(Settings(), FakeAnswerer(answers)).test_client()
    ris = client.get("/export.ris?question=why").text
    assert [line for line in ris.split("\r\n") if line.startswith("ID")] == ["ID  - u1", "ID  - u2"]
    assert ris.count("TY  - ") == ris.count("ER  - \r\n") == 2
    assert "N1  - Answer to “why”: “0 days” in: It is 0 days.\r\n" in ris
    assert "N1  - Answer to “why”: “2 days” in: It is 2 days.\r\n" in ris
    assert "N1  - CovidQuest, index 2021-01-05T10:00Z: http://localhost/top_k_results?" in ris
    bib = client.get("/export.bib?question=why").text
    assert bib.count("@article{") == 2
    assert "“0 days” in: It is 0 days.; Answer" in bib


@each_kind
@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("", 422, "The question is empty."),
        ("question=why&weight=7", 422, "The weight must be a number from 0 to 1."),
        ("question=why&top_k=51", 422, " must be a whole number from 1 to 50."),
        ("question=why&published_from=2021&published_to=2020", 422, "is before the first, 2021."),
        ("question=why&sauces=PMC", 422, "The field sauces is unknown."),
        ("question=why&question=how", 422, "Give the field question once."),
        (
            "question=nothing",
            404,
            "There is no answer to export. No passage found in these papers.",
        ),
        ("question=why&journals=Nowhere", 404, "There is no answer to export. No paper matches"),
    ],
)
def test_what_cannot_be_exported_is_told(
    client: FlaskClient, kind: str, query: str, status: int, said: str
) -> None:
    for accept in (None, "*/*", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"):
        headers = {"Accept": accept} if accept else {}
        response = client.get(f"/export.{kind}?{query}", headers=headers)
        assert response.status_code == status
        assert "Content-Disposition" not in response.headers
        assert said in response.text
        page = accept and accept.startswith("text/html") and kind != "json"
        assert response.mimetype == ("text/html" if page else "application/problem+json")


@each_kind
def test_an_address_that_is_not_in_utf_8_is_refused(client: FlaskClient, kind: str) -> None:
    response = client.get(f"/export.{kind}?question=%ff%fe")
    assert (response.status_code, response.mimetype) == (400, "application/problem+json")
    assert "The address has bytes that are no UTF-8" in response.text


@each_kind
def test_what_trackers_add_to_a_link_changes_nothing(client: FlaskClient, kind: str) -> None:
    asked = f"/export.{kind}?{QUESTION}"
    assert client.get(f"{asked}&utm_source=x&fbclid=abc").data == client.get(asked).data


def test_what_was_typed_is_still_there_when_nothing_is_exported(client: FlaskClient) -> None:
    headers = {"Accept": "text/html"}
    page = client.get("/export.ris?question=nothing+at+all&weight=0.3", headers=headers).text
    assert 'value="nothing at all"' in page


def test_a_busy_or_loading_service_exports_later(loading_client: FlaskClient) -> None:
    busy = create_app(Settings(), FakeAnswerer(error=BusyError("busy"))).test_client()
    for client in (busy, loading_client):
        response = client.get("/export.json?question=why")
        assert response.status_code == 503
        assert response.headers["Retry-After"]
        assert json.loads(response.data)["status"] == 503
        page = client.get("/export.csv?question=why", headers={"Accept": "text/html"})
        assert page.status_code == 503
        assert "data-again" not in page.text  # what asks again takes a page, and no file
        again = client.get("/top_k_results?question=why", headers={"Accept": "text/html"})
        assert "data-again" in again.text


def test_other_formats_are_not_there(client: FlaskClient) -> None:
    assert client.get("/export.xls?question=why").status_code == 404
    assert client.get("/export.?question=why").status_code == 404


def test_the_sentence_of_an_answer_is_what_it_touches() -> None:
    one = make_answer(make_paper(), "", "First one here. It is [[5 days]] long. Last one here.")
    assert sentence_of(one) == "It is 5 days long."
    two = make_answer(make_paper(), "", "First one here. It is [[5 days. Last]] one here.")
    assert sentence_of(two) == "It is 5 days. Last one here."


def test_every_row_has_a_cell_for_each_column(client: FlaskClient) -> None:
    text = client.post("/batch", data={"questions": "why\nnothing\n!", "as": "csv"}).text
    widths = {len(row) for row in csv.reader(io.StringIO(text))}
    assert widths == {len(HEADER)}
