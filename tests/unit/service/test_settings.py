from pathlib import Path

import pytest

from service.settings import VARIABLES, Settings, StartError, settings_table


def test_an_empty_environment_gives_every_default() -> None:
    assert Settings.from_environment({"PATH": "/bin"}) == Settings()


def test_blank_variables_count_as_unset() -> None:
    assert Settings.from_environment({"COVIDQUEST_INDEX": " ", "PORT": ""}) == Settings()


def test_every_setting_is_read() -> None:
    settings = Settings.from_environment(
        {
            "COVIDQUEST_INDEX": "some/index",
            "COVIDQUEST_INDEX_POLL": "0.5",
            "COVIDQUEST_INDEX_URL": "https://example.org/index.tar?key=1",
            "COVIDQUEST_INDEX_SHA256": "AB" * 32,
            "COVIDQUEST_INDEX_LIMIT": "500",
            "COVIDQUEST_ENCODER": "org/encoder",
            "COVIDQUEST_READER": "some/reader",
            "COVIDQUEST_DEVICE": "CPU",
            "COVIDQUEST_BACKEND": "onnx",
            "COVIDQUEST_CANDIDATES": "30",
            "COVIDQUEST_DEFAULT_WEIGHT": "0.7",
            "COVIDQUEST_DEFAULT_TOP_K": "50",
            "COVIDQUEST_NO_ANSWER_THRESHOLD": "1",
            "COVIDQUEST_FEEDBACK": "some/feedback.sqlite",
            "COVIDQUEST_THREADS": "2",
            "COVIDQUEST_WORKERS": "3",
            "COVIDQUEST_WEB_THREADS": "8",
            "COVIDQUEST_QUEUE": "7",
            "COVIDQUEST_DEADLINE": "2.5",
            "COVIDQUEST_CACHE": "0",
            "COVIDQUEST_HOST": "::1",
            "PORT": "9000",
            "COVIDQUEST_LOG_LEVEL": "Debug",
            "COVIDQUEST_LOG_FORMAT": "json",
        }
    )
    assert settings == Settings(
        index=Path("some/index"),
        index_poll=0.5,
        index_url="https://example.org/index.tar?key=1",
        index_sha256="ab" * 32,
        index_limit=500,
        encoder="org/encoder",
        reader="some/reader",
        device="cpu",
        backend="onnx",
        candidates=30,
        default_weight=0.7,
        default_top_k=50,
        no_answer_threshold=1.0,
        feedback=Path("some/feedback.sqlite"),
        threads=2,
        workers=3,
        web_threads=8,
        queue=7,
        deadline=2.5,
        cache=0,
        host="::1",
        port=9000,
        log_level="debug",
        log_format="json",
    )


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("COVIDQUEST_DEVICE", "tpu", "one of auto, cpu, cuda"),
        ("COVIDQUEST_CANDIDATES", "0", "a whole number from 1 to 500"),
        ("COVIDQUEST_CANDIDATES", "501", "a whole number from 1 to 500"),
        ("COVIDQUEST_CANDIDATES", "3.5", "a whole number from 1 to 500"),
        ("COVIDQUEST_CANDIDATES", "1_0", "a whole number from 1 to 500"),
        ("COVIDQUEST_CANDIDATES", "\u0661\u0660", "a whole number from 1 to 500"),
        ("COVIDQUEST_INDEX_POLL", "1_0", "a number from 0 to 3600"),
        ("COVIDQUEST_INDEX_POLL", "\u0661", "a number from 0 to 3600"),
        ("COVIDQUEST_INDEX_POLL", "inf", "a number from 0 to 3600"),
        ("COVIDQUEST_INDEX_POLL", "-1", "a number from 0 to 3600"),
        ("COVIDQUEST_DEFAULT_WEIGHT", "nan", "a number from 0 to 1"),
        ("COVIDQUEST_DEFAULT_WEIGHT", "1.01", "a number from 0 to 1"),
        ("COVIDQUEST_DEFAULT_TOP_K", "51", "a whole number from 1 to 50"),
        ("COVIDQUEST_WORKERS", "two", "a whole number from 0 to 64"),
        ("COVIDQUEST_WEB_THREADS", "1", "a whole number from 2 to 256"),
        ("COVIDQUEST_QUEUE", "0", "a whole number from 1 to 255"),
        ("COVIDQUEST_DEADLINE", "0", "a number from 0.1 to 600"),
        ("COVIDQUEST_CACHE", "-1", "a whole number from 0 to 100000"),
        ("COVIDQUEST_LOG_FORMAT", "xml", "one of text, json"),
        ("COVIDQUEST_INDEX_SHA256", "ab", "a SHA-256: 64 hexadecimal digits"),
        ("COVIDQUEST_HOST", "not an address", "an IP address or localhost"),
        ("PORT", "65536", "a whole number from 1 to 65535"),
        ("COVIDQUEST_LOG_LEVEL", "loud", "one of debug, info, warning, error"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(name: str, text: str, allowed: str) -> None:
    with pytest.raises(StartError) as error:
        Settings.from_environment({name: text})
    assert str(error.value) == f"{name}={text!r} is not {allowed}"


@pytest.mark.parametrize(
    ("text", "weight"), [("+.5", "0.5"), ("1.", "1.0"), ("5E-1", "0.5"), ("-0.0", "0.0")]
)
def test_a_number_is_written_as_usual(text: str, weight: str) -> None:
    settings = Settings.from_environment({"COVIDQUEST_DEFAULT_WEIGHT": text})
    assert str(settings.default_weight) == weight


@pytest.mark.parametrize(
    "url",
    [
        "index.tar",
        "ftp://host/index.tar",
        "https://host",
        "file://host/x",
        "https:///x",
        "s3://b/x",
    ],
)
def test_an_index_is_fetched_from_https_http_or_a_file(url: str) -> None:
    with pytest.raises(StartError, match="is not an address that begins with https://"):
        Settings.from_environment(
            {
                "COVIDQUEST_INDEX_URL": url,
                "COVIDQUEST_INDEX_SHA256": "0" * 64,
                "COVIDQUEST_INDEX": "there",
            }
        )


def test_the_address_of_an_index_needs_its_checksum_and_a_folder() -> None:
    with pytest.raises(StartError) as error:
        Settings.from_environment({"COVIDQUEST_INDEX_URL": "file:///srv/index.tar"})
    assert str(error.value) == (
        "COVIDQUEST_INDEX_URL needs COVIDQUEST_INDEX_SHA256, the file's checksum; "
        "COVIDQUEST_INDEX_URL needs COVIDQUEST_INDEX, the folder that the index goes into"
    )


def test_an_unknown_variable_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(StartError, match=r"did you mean COVIDQUEST_DEFAULT_TOP_K\?"):
        Settings.from_environment({"COVIDQUEST_DEFAULT_TOPK": "5"})
    with pytest.raises(StartError, match=r"^COVIDQUEST_XYZZY\d+ is not a setting$"):
        Settings.from_environment({"COVIDQUEST_XYZZY12345": "5"})


@pytest.mark.parametrize(("queue", "threads"), [("12", "12"), ("200", ""), ("", "4")])
def test_a_thread_must_be_left_to_refuse_the_surplus(queue: str, threads: str) -> None:
    with pytest.raises(StartError, match=r"QUEUE=\d+ is not less than COVIDQUEST_WEB_THREADS="):
        Settings.from_environment({"COVIDQUEST_QUEUE": queue, "COVIDQUEST_WEB_THREADS": threads})


def test_all_problems_are_reported_at_once_on_one_line() -> None:
    with pytest.raises(StartError) as error:
        Settings.from_environment(
            {"PORT": "http", "COVIDQUEST_THREADS": "-1", "COVIDQUEST_INDX": "x\ny"}
        )
    message = str(error.value)
    assert "\n" not in message
    assert all(name in message for name in ("PORT", "COVIDQUEST_THREADS", "COVIDQUEST_INDX"))


@pytest.mark.parametrize(
    ("host", "port", "bind"),
    [
        (None, None, "127.0.0.1:8000"),
        (None, 5000, "0.0.0.0:5000"),
        ("127.0.0.1", 5000, "127.0.0.1:5000"),
        ("::", None, "[::]:8000"),
    ],
)
def test_only_a_given_port_opens_the_service_to_other_machines(
    host: str | None, port: int | None, bind: str
) -> None:
    assert Settings(host=host, port=port).bind == bind


def test_defaults_are_allowed_values() -> None:
    for name, variable in VARIABLES.items():
        default = getattr(Settings(), name)
        assert default in (None, "") or variable.kind.parse(str(default)) == default


def test_the_documentation_has_the_table_of_settings() -> None:
    page = Path(__file__).parents[3] / "docs" / "configuration.md"
    assert settings_table() in page.read_text(encoding="utf-8")
