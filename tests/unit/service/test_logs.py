import json
import logging
import logging.config
import sys
import time

import pytest
from gunicorn.http.errors import (
    InvalidHeaderName,
    InvalidHTTPVersion,
    InvalidRequestLine,
    InvalidRequestMethod,
)

from service.logs import JsonFormatter, RequestFilter, configuration, request_id


def record(message: str, *args: object, name: str = "service.app") -> logging.LogRecord:
    made = logging.LogRecord(name, logging.INFO, __file__, 1, message, args or None, None)
    assert RequestFilter().filter(made)
    return made


def written(made: logging.LogRecord) -> dict[str, object]:
    line = JsonFormatter().format(made)
    assert "\n" not in line
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def test_a_message_is_one_line_of_json_with_its_requests_id() -> None:
    token = request_id.set("mine")
    try:
        made = record('two\nlines of "%s"', "µ")
    finally:
        request_id.reset(token)
    found = written(made)
    assert found["message"] == 'two\nlines of "µ"'
    assert (found["request_id"], found["level"], found["logger"]) == ("mine", "info", "service.app")
    assert str(found["time"]).endswith("+00:00")
    assert written(record("outside"))["request_id"] == "-"


def test_a_path_cannot_forge_a_line_nor_hold_a_question() -> None:
    path = "/x\n[2026] [CRITICAL] forged\x1b[31m?question=who am I"
    atoms = {"{x-request-id}o": "a-1", "U": path}
    made = record("%(U)s", atoms, name="gunicorn.access")
    assert made.getMessage() == "/x [2026] [CRITICAL] forged [31m?…"


def test_a_traceback_is_part_of_it() -> None:
    made = record("failed")
    try:
        int("no number")
    except ValueError:
        made.exc_info = sys.exc_info()
    assert "ValueError: invalid literal" in str(written(made)["traceback"])


def test_an_access_has_fields_of_its_own() -> None:
    atoms = {"h": "::1", "m": "GET", "U": "/", "s": "200", "B": 12, "M": 7}
    found = written(record("%(h)s", atoms | {"{x-request-id}o": "mine"}, name="gunicorn.access"))
    assert found["request_id"] == "mine"
    assert (found["path"], found["status"], found["bytes"], found["milliseconds"]) == (
        "/",
        200,
        12,
        7,
    )


def test_gunicorns_messages_lose_the_questions_in_them() -> None:
    made = record("Error handling request GET /?question=secret", name="gunicorn.error")
    assert written(made)["message"] == "Error handling request GET /?…"


@pytest.mark.parametrize(
    "error",
    [
        InvalidHTTPVersion("my secret HTTP/1.1"),
        InvalidRequestMethod("my 'secret'"),
        InvalidHeaderName('my "secret"'),
        InvalidRequestLine("GET /top_k_results?question=secret"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_request_is_logged_without_its_words(error: Exception) -> None:
    made = record(f"Invalid request from ip=::1: {error}", name="gunicorn.error")
    said = str(error).split(": ")[0]
    assert written(made)["message"] == f"Invalid request from ip=::1: {said}: …"


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_configuration_is_one_that_python_takes(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    try:
        logging.config.dictConfig(configuration("warning", form))
        logging.getLogger("anything").warning("heard")
        logging.getLogger("anything").info("not heard")
        logging.getLogger("gunicorn.error").warning("heard")
    finally:
        root.handlers[:] = before[1]
        root.setLevel(before[0])
        for name in ("gunicorn.error", "gunicorn.access"):
            logging.getLogger(name).handlers.clear()
    error = capsys.readouterr().err
    assert error.count("heard") == 2
    assert error.startswith("{" if form == "json" else "[")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_both_forms_tell_the_same_time_and_its_zone(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = record("heard")
    made.created = 1_600_000_000.25
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        formatter = configuration("info", "text")["formatters"]["text"]
        line = formatter["()"](formatter["format"]).format(made)
        stamp = str(written(made)["time"])
    time.tzset()
    assert stamp == "2020-09-13T12:26:40.250+00:00"
    assert line.startswith(f"[{stamp}] [")
    assert line.endswith("[INFO] [-] service.app: heard")
