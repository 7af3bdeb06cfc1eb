"""Batches and feedback with a real server, whose answerer needs no models."""

import csv
import http.client
import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from service.batch import most_batches
from service.settings import Settings
from tests.making import read_feedback
from tests.serving import COMMAND, FAKE, LIMIT, Server, run, serving

API = "/api/v1/batch"
MULTIPART = "multipart/form-data; boundary=xxx"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feedback") / "feedback.sqlite"


@pytest.fixture(scope="module")
def slow(store: Path) -> Iterator[Server]:
    """Return a server that takes a fifth of a second for each answer."""
    changes = {"FAKE_SECONDS": "0.2", "COVIDQUEST_FEEDBACK": str(store)}
    with serving(*FAKE, limit=LIMIT, **changes) as running:
        yield running
        assert running.stop() == 0
        assert "Traceback" not in running.logged()


def streaming(server: Server, questions: list[str]) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)
    body = json.dumps({"questions": questions})
    connection.request("POST", API, body, {"Content-Type": "application/json"})
    return connection


def asked(server: Server, name: str) -> int:
    return len(re.findall(rf"asked {name}", server.logged()))


def test_answers_come_one_by_one(slow: Server) -> None:
    connection = streaming(slow, ["first?", "bad \a", *(f"more {n}?" for n in range(38))])
    try:
        response = connection.getresponse()
        lines = [json.loads(response.readline()) for _ in range(2)]
        assert asked(slow, "more") < 34  # the first are here before the last are asked
        lines += [json.loads(line) for line in response]
    finally:
        connection.close()
    assert [line["number"] for line in lines] == list(range(1, 41))
    assert ["problem" in line for line in lines] == [False, True, *[False] * 38]


def test_a_batch_ends_when_its_client_goes(slow: Server) -> None:
    connection = streaming(slow, [f"left {n}?" for n in range(100)])
    response = connection.getresponse()
    response.readline()
    response.close()
    connection.close()
    before, now = -1, asked(slow, "left")
    end = time.monotonic() + LIMIT
    while before != now and time.monotonic() < end:
        time.sleep(1)  # five answers' time
        before, now = now, asked(slow, "left")
    assert 1 <= now < 50


def test_batches_leave_threads_for_others(slow: Server) -> None:
    most = most_batches(Settings().web_threads, Settings().queue)
    running = [streaming(slow, [f"long {n}?" for n in range(40)]) for _ in range(most)]
    try:
        for connection in running:
            connection.getresponse()
        refused = slow.post_json({"questions": ["Why?"]}, API)
        assert (refused.status, refused.kind) == (503, "application/problem+json")
        assert refused.headers["Retry-After"]
        assert slow.get("/healthz").status == 200
        assert slow.post_json({"question": "Why?"}).status == 200
    finally:
        for connection in running:
            connection.close()
    end = time.monotonic() + LIMIT
    while slow.post_json({"questions": ["Why?"]}, API).status == 503:
        assert time.monotonic() < end
        time.sleep(0.2)


def multipart(data: bytes, name: str, questions: str = "") -> bytes:
    text = f'--xxx\r\nContent-Disposition: form-data; name="questions"\r\n\r\n{questions}\r\n'
    file = f'--xxx\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return text.encode() + file.encode() + data + b"\r\n--xxx--\r\n"


def test_a_large_file_is_told_and_the_pasted_text_is_kept(slow: Server) -> None:
    body = multipart(b"x" * 3 * 2**19, "large.csv", "Kept question?")
    reply = slow.request("POST", "/batch", body, MULTIPART)
    assert reply.status == 422
    assert "The file has 1.5 MB; at most 1 MB are possible." in reply.text
    assert "Kept question?</textarea>" in reply.text


@pytest.mark.parametrize(("file", "pasted"), [(4, 600_000), (3 * 2**20, 9), (15 * 2**20, 9)])
def test_what_is_too_much_to_read_is_told_on_the_page(slow: Server, file: int, pasted: int) -> None:
    body = multipart(b"x" * file, "some.csv", "x" * pasted)
    reply = slow.request("POST", "/batch", body, MULTIPART)
    assert reply.status == 413
    assert "This is more than can be read at once." in reply.text
    assert 'id="questions"' in reply.text


def test_a_csv_in_latin_1_is_answered_as_a_file(slow: Server) -> None:
    data = "question;n\nOù est-il?;1\n".encode("latin-1")
    reply = slow.request("POST", "/batch", multipart(data, "latin.csv"), MULTIPART)
    assert reply.status == 200
    assert "it was read as Windows-1252" in reply.text
    assert "Où est-il?" in reply.text
    body = multipart(data, "latin.csv").replace(
        b"--xxx--", b'--xxx\r\nContent-Disposition: form-data; name="as"\r\n\r\ncsv\r\n--xxx--'
    )
    reply = slow.request("POST", "/batch", body, MULTIPART)
    assert reply.kind == "text/csv"
    rows = list(csv.DictReader(io.StringIO(reply.body.decode("utf-8-sig"))))
    assert [row["question"] for row in rows] == ["Où est-il?"] * len(rows)


def test_feedback_goes_from_a_form_to_the_store(slow: Server, store: Path) -> None:
    found = slow.post_json({"question": "How long?"}).json()
    answer = found["answers"][0]
    sent = {
        "verdict": "up",
        "question": found["question"],
        "passage_id": answer["passage"]["id"],
        "cord_uid": answer["paper"]["cord_uid"],
        "weight": found["weight"],
        "reader_score": answer["scores"]["reader"],
        "retrieval_score": answer["scores"]["retrieval"],
        "index_version": found["index"]["version"],
        **{name: answer[name] for name in ("start", "end", "answer")},
    }
    reply = slow.request("POST", "/feedback", urlencode(sent).encode(), FORM)
    assert reply.status == 303
    assert "Thank you" in slow.get(reply.headers["Location"]).text
    assert [one.question for one in read_feedback(store)] == ["How long?"]


def test_a_store_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    ended = run(COMMAND + FAKE, COVIDQUEST_FEEDBACK=str(tmp_path), COVIDQUEST_LOG_LEVEL="error")
    assert ended.returncode == 1
    said = f"covidquest: cannot start: feedback cannot be stored in {tmp_path}"
    assert ended.stderr.startswith(said)
    assert ended.stderr.count("\n") == 1
