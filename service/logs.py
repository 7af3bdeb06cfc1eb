"""How the service logs: lines for people or JSON, each with the id of its request.

No question is logged: of an address the query is left out, where the page's form sends its fields.
"""

import json
import logging
import re
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

NO_REQUEST = "-"
request_id: ContextVar[str] = ContextVar("request_id", default=NO_REQUEST)
"""The id of the request that this thread handles."""

_ACCESS = "gunicorn.access"
_QUERY = re.compile(r"\?.*", re.DOTALL)
_QUOTED = re.compile(r"""['"].*""", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TEXT = "[%(asctime)s] [%(process)d] [%(levelname)s] [%(request_id)s] %(name)s: %(message)s"

ACCESS_FORMAT = '%(h)s "%(m)s %(U)s %(H)s" %(s)s %(B)s bytes %(M)s ms'
"""What gunicorn logs of a request: its address without the query, and no referrer."""

_ACCESS_FIELDS = {
    "client": "h",
    "method": "m",
    "path": "U",
    "status": "s",
    "bytes": "B",
    "milliseconds": "M",
}


def harmless(path: str) -> str:
    """Return a request's decoded path as it may be logged: one line, without a question.

    A `?` that was percent-encoded is part of the path.

    >>> harmless("/a?question=b"), harmless("/a" + chr(10) + "b")
    ('/a?…', '/a b')
    """
    return _CONTROL.sub(" ", _QUERY.sub("?…", path))


class RequestFilter(logging.Filter):
    """Gives each record the id of its request, and cuts questions out of gunicorn's messages."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record."""
        id_ = request_id.get()
        if record.name == _ACCESS and isinstance(record.args, Mapping):
            id_ = str(record.args["{x-request-id}o"])
            if isinstance(record.args, MutableMapping):
                record.args["U"] = harmless(str(record.args["U"]))
        elif record.name.startswith("gunicorn") and "request" in str(record.msg):
            message = record.getMessage()
            if message.startswith("Invalid request"):  # a question with spaces is no address
                message = _QUOTED.sub("…", message)
            record.msg, record.args = _QUERY.sub("?…", message), ()
        record.request_id = id_
        return True


class TextFormatter(logging.Formatter):
    """Writes a record as a line for people, and its traceback below."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - as logging calls it
        """Return when it was, as in JSON: who reads logs of two machines compares them."""
        return _time(record)


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        made: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "request_id": getattr(record, "request_id", NO_REQUEST),
        }
        if record.name == _ACCESS and isinstance(record.args, Mapping):
            made |= {name: _number(record.args[atom]) for name, atom in _ACCESS_FIELDS.items()}
        else:
            made["message"] = record.getMessage()
        if record.exc_info:
            made["traceback"] = self.formatException(record.exc_info)
        return json.dumps(made, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    """Return when a record was made, in UTC and with that zone, whatever the machine's is."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _number(value: Any) -> Any:  # noqa: ANN401 - gunicorn gives some numbers as texts
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def configuration(level: str, form: str) -> dict[str, Any]:
    """Return the configuration for `logging.config.dictConfig`, which gunicorn takes, too.

    `form` is "text" or "json".
    """
    logger = {"level": level.upper(), "handlers": ["console"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request": {"()": RequestFilter}},
        "formatters": {
            "text": {"()": TextFormatter, "format": _TEXT},
            "json": {"()": JsonFormatter},
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "filters": ["request"],
                "formatter": form,
            }
        },
        "root": {"level": level.upper(), "handlers": ["console"]},
        "loggers": {
            "gunicorn.error": logger,
            _ACCESS: logger,
            "faiss.loader": {"level": "WARNING"},  # it tells of each instruction set that it tries
        },
    }
