import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import fields, replace
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.feedback import (
    Feedback,
    FeedbackError,
    FeedbackFullError,
    FeedbackStore,
)
from service.settings import Settings
from tests.fake_app import ANSWERS, SOURCE, FakeAnswerer
from tests.making import a_feedback, read_feedback

URL = "/api/v1/feedback"
FIRST = ANSWERS[0]
GIVEN = {
    "verdict": "up",
    "note": "Just what I wanted.",
    "question": "How long?",
    "passage_id": FIRST.passage.id,
    "cord_uid": "ug7v899j",
    "start": FIRST.start,
    "end": FIRST.end,
    "answer": FIRST.text,
    "weight": 0.6,
    "reader_score": 0.94,
    "retrieval_score": 0.81,
    "index_version": SOURCE.index_version,
}
STORED = a_feedback()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feedback.sqlite"


@pytest.fixture
def taking(path: Path) -> FlaskClient:
    """An application that takes feedback, as the master has prepared it."""
    FeedbackStore(path).prepare()
    return create_app(Settings(feedback=path), FakeAnswerer()).test_client()


def test_feedback_is_stored_with_what_it_is_about(taking: FlaskClient, path: Path) -> None:
    response = taking.post(URL, json=GIVEN)
    assert (response.status_code, response.json) == (201, {"id": 1})
    (found,) = read_feedback(path)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\dZ", found.time)
    assert replace(found, time="") == Feedback(
        time="",
        verdict="up",
        note="Just what I wanted.",
        question="How long?",
        passage_id=FIRST.passage.id,
        cord_uid="ug7v899j",
        section="Findings",
        context=FIRST.passage.text,
        start=FIRST.start,
        end=FIRST.end,
        answer=FIRST.text,
        weight=0.6,
        reader_score=0.94,
        retrieval_score=0.81,
        index_version=SOURCE.index_version,
        encoder=SOURCE.encoder,
        reader=SOURCE.reader,
    )


def test_nothing_about_the_person_is_stored(taking: FlaskClient, path: Path) -> None:
    headers = {"User-Agent": "secret-agent", "Cookie": "id=secret", "X-Forwarded-For": "10.9.8.7"}
    response = taking.post(URL, json=GIVEN, headers=headers)
    assert response.status_code == 201
    assert "Set-Cookie" not in response.headers
    stored = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"Just what I wanted." in stored
    for secret in (b"secret", b"10.9.8.7", b"127.0.0.1"):
        assert secret not in stored
    assert path.stat().st_mode & 0o077 == 0  # nor may others on the machine read it


def form_of(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's form."""
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
    return {name: unescape(value) for name, value in hidden}


AS_FORM = {name: str(value) for name, value in GIVEN.items()}
ANSWERS_PAGE = "/top_k_results?question=How+long%3F&weight=0.3&sources=PMC"


def test_a_form_leads_to_thanks_and_back_to_the_answers(taking: FlaskClient, path: Path) -> None:
    headers = {"Referer": f"http://localhost{ANSWERS_PAGE}#a17"}
    response = taking.post("/feedback", data=AS_FORM | {"verdict": "down"}, headers=headers)
    assert response.status_code == 303
    thanks = taking.get(response.headers["Location"])
    assert "Thank you" in thanks.text
    assert f'<a href="{ANSWERS_PAGE.replace("&", "&amp;")}">Back to the answers</a>' in thanks.text
    (found,) = read_feedback(path)
    assert (found.verdict, found.weight, found.answer) == ("down", 0.6, FIRST.text)


@pytest.mark.parametrize(("emoji", "leads_back"), [(100, True), (420, False)])
def test_thanks_have_an_address_that_the_server_takes(
    taking: FlaskClient, emoji: int, leads_back: bool
) -> None:
    back = f"/top_k_results?{urlencode({'question': emoji * '😀'})}"
    response = taking.post("/feedback", data=AS_FORM | {"back": back})
    assert response.status_code == 303
    address = response.headers["Location"]
    assert len(address) < 8100  # of gunicorn's 8,190 for the whole line
    assert (unescape(back) in taking.get(address).text) == leads_back


def test_a_long_note_is_told_in_place_and_not_lost(taking: FlaskClient, path: Path) -> None:
    note = "\r\n<b>word</b> " + "x" * 4987
    headers = {"Referer": f"http://localhost{ANSWERS_PAGE}"}
    response = taking.post("/feedback", data=AS_FORM | {"note": note}, headers=headers)
    assert response.status_code == 422
    page = unescape(response.text)
    assert "The note has 4999 characters; at most 2000 are possible: shorten it." in page
    assert f'<textarea id="note" name="note" rows="12">\n{note}</textarea>' in page
    kept = form_of(response.text)
    sent = {name: text for name, text in AS_FORM.items() if name not in {"note", "verdict"}}
    assert kept == sent | {"back": ANSWERS_PAGE}
    assert read_feedback(path) == []
    shorter = kept | {"verdict": "up", "note": "x" * 2000}
    assert taking.post("/feedback", data=shorter).status_code == 303


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"verdict": "maybe"}, 422, "The verdict must be up or down."),
        ({"note": 5}, 422, "The note must be a text"),
        ({"question": "?!"}, 422, "The question contains no word."),
        ({"weight": 7}, 422, "The weight must be a number from 0 to 1."),
        ({"reader_score": "0.5"}, 422, "reader_score must be as the answer has it"),
        ({"passage_id": -1}, 422, "passage_id must be as the answer has it"),
        ({"passage_id": 10**40}, 422, "passage_id must be as the answer has it"),
        ({"ip": "10.9.8.7"}, 422, "The field ip is unknown."),
        ({"passage_id": 123_456}, 409, "does not have this answer"),
        ({"cord_uid": "other"}, 409, "does not have this answer"),
        ({"start": FIRST.start + 1}, 409, "does not have this answer"),
        ({"end": FIRST.start}, 409, "does not have this answer"),
        ({"end": 10_000}, 409, "does not have this answer"),
        ({"answer": "six days"}, 409, "does not have this answer"),
        ({"index_version": "2020"}, 409, "does not have this answer"),
    ],
    ids=repr,
)
def test_what_is_no_answer_of_the_index_is_not_stored(
    taking: FlaskClient, path: Path, change: dict[str, object], status: int, said: str
) -> None:
    response = taking.post(URL, json=GIVEN | change)
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    assert said in response.text
    assert read_feedback(path) == []


def test_a_note_may_have_lines_but_nothing_that_a_terminal_would_obey(
    taking: FlaskClient, path: Path
) -> None:
    refused = taking.post(URL, json=GIVEN | {"note": "one\x1b[31m"})
    assert refused.status_code == 422
    assert "The note contains control characters." in refused.text
    taking.post(URL, json=GIVEN | {"note": " one\r\n\ttwo "})
    assert [one.note for one in read_feedback(path)] == ["one\n\ttwo"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Origin": "http://localhost"}, 201),
        ({"Origin": "https://localhost"}, 201),  # behind a proxy that ends TLS
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://another.name"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
    ],
    ids=repr,
)
def test_other_sites_cannot_send_feedback(
    taking: FlaskClient, path: Path, headers: dict[str, str], status: int
) -> None:
    assert taking.post(URL, json=GIVEN, headers=headers).status_code == status
    form = taking.post("/feedback", data=AS_FORM, headers=headers)
    assert form.status_code == (303 if status == 201 else status)
    assert len(read_feedback(path)) == (2 if status == 201 else 0)


def test_only_what_can_be_mended_is_offered_again(taking: FlaskClient) -> None:
    """What another site made up is never behind a button of ours."""
    for changes, headers, status in (
        ({}, {"Sec-Fetch-Site": "cross-site"}, 403),
        ({"answer": "made up"}, {}, 409),
    ):
        response = taking.post("/feedback", data=AS_FORM | changes, headers=headers)
        assert (response.status_code, response.mimetype) == (status, "text/html")
        assert "This was not stored" in response.text
        assert "<form" not in response.text


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/top_k_results", "javascript:alert(1)", ""]
)
def test_the_way_back_leads_nowhere_else(taking: FlaskClient, back: str) -> None:
    sent_by = (back, "https://evil.example/top_k_results?a=b", "http://[")
    for headers in ({}, *({"Referer": address} for address in sent_by)):
        page = taking.get("/feedback/thanks", query_string={"back": back}, headers=headers).text
        assert '<a href="/top_k_results">Back to the answers</a>' in page


def test_without_the_setting_there_is_no_feedback(client: FlaskClient) -> None:
    assert 'action="/feedback"' not in client.get("/top_k_results?question=why").text
    response = client.post(URL, json=GIVEN)
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")
    assert "COVIDQUEST_FEEDBACK names no file" in response.text
    assert client.post("/feedback", data={}).status_code == 404


def test_a_full_store_refuses_and_keeps_what_it_has(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.feedback.MOST_BYTES", 16 * 4096)
    store = FeedbackStore(path)
    large = [replace(STORED, note="\N{MICROBE}" * 2000)] * 100
    with pytest.raises(FeedbackFullError, match="no room for more feedback"):
        list(map(store.add, large))
    kept = read_feedback(path)
    assert 1 <= len(kept) < 20
    assert path.stat().st_size <= 16 * 4096
    client = create_app(Settings(feedback=path), FakeAnswerer()).test_client()
    response = client.post(URL, json=GIVEN | {"note": "\N{MICROBE}" * 2000})
    assert (response.status_code, response.mimetype) == (507, "application/problem+json")
    assert read_feedback(path) == kept


@pytest.mark.parametrize(("free", "status"), [(50_000, 507), (500_000, 503)])
def test_a_disk_that_others_filled_is_full_too(
    taking: FlaskClient, monkeypatch: pytest.MonkeyPatch, free: int, status: int
) -> None:
    """SQLite then cannot make the files beside its own, and only tells that it failed."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE

    def connect(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("service.feedback.sqlite3.connect", connect)
    monkeypatch.setattr("service.feedback.shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    response = taking.post(URL, json=GIVEN)
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")


def test_a_file_that_another_keeps_is_busy(
    taking: FlaskClient, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.feedback._WAIT", 0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for response in (taking.post(URL, json=GIVEN), taking.post("/feedback", data=AS_FORM)):
            assert response.status_code == 503
            assert int(response.headers["Retry-After"]) > 0
            assert "in use. Try again soon" in response.text
    assert taking.post(URL, json=GIVEN).status_code == 201


def test_many_threads_may_store_at_once(path: Path) -> None:
    stores = [FeedbackStore(path), FeedbackStore(path)]
    with ThreadPoolExecutor(8) as threads:
        numbers = list(threads.map(lambda n: stores[n % 2].add(STORED), range(40)))
    assert sorted(numbers) == list(range(1, 41))
    assert len(read_feedback(path)) == 40


def test_a_store_is_opened_again(path: Path) -> None:
    FeedbackStore(path).add(STORED)
    assert FeedbackStore(path).add(STORED) == 2
    assert read_feedback(path) == [STORED, STORED]


def test_a_file_that_was_moved_away_is_made_anew(path: Path, tmp_path: Path) -> None:
    store = FeedbackStore(path)
    assert [store.add(STORED), store.add(STORED)] == [1, 2]
    path.rename(tmp_path / "archive.sqlite")
    assert store.add(STORED) == 1


def test_threads_that_find_no_file_make_one(path: Path) -> None:
    store = FeedbackStore(path)
    for _ in range(10):
        with ThreadPoolExecutor(8) as threads:
            numbers = list(threads.map(lambda _: store.add(STORED), range(16)))
        assert sorted(numbers) == list(range(1, 17))
        for file in path.parent.glob("*.sqlite*"):
            file.unlink()


def test_a_worker_begins_although_the_file_cannot_be_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = tmp_path / "volume" / "feedback.sqlite"  # whose folder was there when the master began
    client = create_app(Settings(feedback=gone), FakeAnswerer()).test_client()
    assert client.get("/top_k_results?question=why").status_code == 200
    response = client.post(URL, json=GIVEN)
    assert (response.status_code, response.mimetype) == (503, "application/problem+json")
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"feedback cannot be stored in {gone} (")
    gone.parent.mkdir()
    assert client.post(URL, json=GIVEN).status_code == 201


def test_a_folder_that_may_not_be_looked_into_any_more_is_told(
    taking: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("service.feedback.Path.exists", refused)
    assert taking.post(URL, json=GIVEN).status_code == 503


def test_a_place_that_cannot_be_written_is_told_with_its_cure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "text.sqlite").write_text("This is no database. " * 100)
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE feedback (id INTEGER PRIMARY KEY)")
    before = (tmp_path / "text.sqlite").stat()
    nowhere = tmp_path / "typo" / "f.sqlite"
    for place in (tmp_path, tmp_path / "file" / "f.sqlite", tmp_path / "text.sqlite", nowhere):
        with pytest.raises(FeedbackError, match=r"set COVIDQUEST_FEEDBACK to a file .*unset"):
            FeedbackStore(place).prepare()
    assert not nowhere.parent.exists()
    assert (tmp_path / "text.sqlite").stat().st_mtime_ns == before.st_mtime_ns
    with pytest.raises(FeedbackError, match="another version: move it away"):
        FeedbackStore(other).prepare()


def test_a_database_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    other = tmp_path / "users.sqlite"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY)")
    before = other.read_bytes()
    with pytest.raises(FeedbackError, match="a database of something else: set COVIDQUEST_FEED"):
        FeedbackStore(other).prepare()
    assert other.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["users.sqlite"]
    with pytest.raises(FeedbackError, match=r"/dev/null \(it is no file\)"):
        FeedbackStore(Path("/dev/null")).prepare()


def test_a_file_that_broke_while_it_was_used_is_told_and_logged_in_a_line(
    taking: FlaskClient, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(b"This is no database. " * 1000)
    for response in (taking.post(URL, json=GIVEN), taking.post("/feedback", data=AS_FORM)):
        assert response.status_code == 503
        assert "Feedback cannot be stored at the moment." in response.text
    path.unlink()
    path.mkdir()
    assert taking.post(URL, json=GIVEN).status_code == 503
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 3
    for line, why in zip(said, ("not a database", "not a database", "it is no file"), strict=True):
        assert line.startswith(f"feedback cannot be stored in {path} (")
        assert why in line
    assert not any(record.exc_info for record in caplog.records)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs Linux's /proc")
def test_a_file_system_that_is_read_only_is_told() -> None:
    with pytest.raises(FeedbackError, match="cannot be stored in /proc/self/feedback"):
        FeedbackStore(Path("/proc/self/feedback.sqlite")).prepare()


def test_the_table_has_the_columns_of_feedback(path: Path) -> None:
    FeedbackStore(path).prepare()
    with closing(sqlite3.connect(path)) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(feedback)")]
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert columns == ["id", *(field.name for field in fields(Feedback))]
