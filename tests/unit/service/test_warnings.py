"""What warns of answers goes with them, wherever they go."""

import csv
import io
import json
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.settings import Settings
from service.types import Answer
from tests.fake_app import ANSWERS, FakeAnswerer, make_answer, make_paper

KINDS = ("ris", "bib", "csv", "json")
UNRELIABLE = "No reliable answer found in these papers."
NONE_LIKELY = "None of the answers is likely to be right."
POOR = tuple(replace(answer, reader_score=0.0, retrieval_score=0.09) for answer in ANSWERS[:2])


@pytest.mark.parametrize(
    ("answers", "question", "warning"),
    [(ANSWERS, "Sure?", ""), (ANSWERS, "unsure?", UNRELIABLE), (POOR, "Sure?", NONE_LIKELY)],
    ids=["reliable", "unreliable", "unlikely"],
)
def test_every_file_has_the_warning(
    answers: tuple[Answer, ...], question: str, warning: str
) -> None:
    client = create_app(Settings(), FakeAnswerer(answers)).test_client()

    def told(kind: str) -> str:
        return client.get(f"/export.{kind}", query_string={"question": question}).text

    rows = list(csv.DictReader(io.StringIO(told("csv").removeprefix("\ufeff"))))
    assert {row["warning"] for row in rows} == {warning}
    assert {row["problem"] for row in rows} == {""}
    assert json.loads(told("json"))["warning"] == (warning or None)
    note = f"{warning} Answer to".lstrip()
    for kind, beginning in (("ris", "N1  - "), ("bib", "  annote = {")):
        assert f"{beginning}{note} “{question}”" in told(kind)


def test_the_threshold_of_the_warning_is_the_services() -> None:
    client = create_app(Settings(no_answer_threshold=0.95), FakeAnswerer()).test_client()
    assert UNRELIABLE not in client.get("/export.ris?question=unsure").text


def test_every_file_has_the_marks_of_an_answer() -> None:
    doubtful = make_answer(make_paper(journal="medRxiv"), "", "It may not last [[5 days]] in mice.")
    client = create_app(Settings(), FakeAnswerer((doubtful,))).test_client()
    told = {kind: client.get(f"/export.{kind}?question=why").text for kind in KINDS}
    (row,) = csv.DictReader(io.StringIO(told["csv"]))
    assert row["cautions"] == "Negated; Hedged; Animals; Preprint"
    marks = ["Negated", "Hedged", "Animals", "Preprint"]
    assert json.loads(told["json"])["answers"][0]["cautions"] == marks
    for kind in ("ris", "bib"):
        assert "Marked Negated, Hedged, Animals, Preprint. Answer to “why”: “5 days”" in told[kind]


def test_marks_of_the_question_go_everywhere() -> None:
    answer = make_answer(make_paper(title="RETRACTED: Gout"), "", "It lasts [[5 days]].")
    client = create_app(Settings(), FakeAnswerer((answer,))).test_client()
    question = "What is the dose for COVID-19 in Peru?"
    names = ["Retracted", "COVID-19 not named", "Not named", "Not a dose"]
    told = {
        kind: client.get(f"/export.{kind}", query_string={"question": question}).text
        for kind in KINDS
    }
    (row,) = csv.DictReader(io.StringIO(told["csv"].removeprefix("\ufeff")))
    assert row["cautions"] == "; ".join(names)
    assert json.loads(told["json"])["answers"][0]["cautions"] == names
    for kind in ("ris", "bib"):
        assert f"Marked {', '.join(names)}. Answer to" in told[kind]
    api = client.post("/api/v1/answers", json={"question": question}).json
    assert api
    assert api["answers"][0]["cautions"] == names
    line = client.post("/api/v1/batch", json={"questions": [question]}).text
    assert json.loads(line)["result"]["answers"][0]["cautions"] == names
    shown = "Retracted · COVID-19 not named · Not named: “Peru” · Not a dose: “5 days”"
    assert shown in client.post("/batch", data={"questions": question}).text
    page = client.get("/top_k_results", query_string={"question": question}).text
    assert "Not named: <q>Peru</q>" in page
    assert 'class="mark grave"' in page


def test_how_likely_an_answer_is_goes_with_it_at_any_weight() -> None:
    answers = tuple(
        replace(answer, reader_score=score, retrieval_score=0.9 - score)
        for answer, score in zip(ANSWERS, (0.6, 0.3, 0.1), strict=False)
    )
    client = create_app(Settings(), FakeAnswerer(answers)).test_client()
    for weight in ("0", "1"):
        asked = {"question": "Why?", "weight": weight}
        rows = list(csv.DictReader(io.StringIO(client.get("/export.csv", query_string=asked).text)))
        assert {row["chance"] for row in rows} == {"likely", "possible", "doubtful"}
        body = {"questions": ["Why?"], "weight": int(weight)}
        line = client.post("/api/v1/batch", json=body).text
        told = {
            one["chance"]: one["scores"]["reader"] for one in json.loads(line)["result"]["answers"]
        }
        assert told == {"likely": 0.6, "possible": 0.3, "doubtful": 0.1}
    shown = client.post("/batch", data={"questions": "Why?", "weight": "0"}).text
    assert '<tr role="row" class="doubtful">' in shown
    asked = {"question": "unsure?"}  # where no reliable answer was found none has a word
    row = next(csv.DictReader(io.StringIO(client.get("/export.csv", query_string=asked).text)))
    assert row["chance"] == ""
    told = client.post("/api/v1/answers", json=asked).json
    assert told
    assert [one["chance"] for one in told["answers"]] == [None] * 3


def test_what_the_words_of_a_question_lack_goes_with_its_answers(client: FlaskClient) -> None:
    asked = {"question": "How long is the peroid of xylitol?"}
    row = next(csv.DictReader(io.StringIO(client.get("/export.csv", query_string=asked).text)))
    assert row["did_you_mean"] == "How long is the period of xylitol?"
    assert row["unknown_words"] == "xylitol"
    shown = client.post("/batch", data={"questions": asked["question"]}).text
    assert "No paper here has the word “xylitol”." in shown
    assert "Did you mean “How long is the period of xylitol?”?" in shown


def test_the_api_warns_as_the_page_does(client: FlaskClient) -> None:
    warning = UNRELIABLE
    told = client.post("/api/v1/answers", json={"question": "unsure?"}).json
    assert told
    assert told["warning"] == warning
    batch = client.post("/api/v1/batch", json={"questions": ["unsure?"]})
    assert json.loads(batch.text)["result"]["warning"] == warning
