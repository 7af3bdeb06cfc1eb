"""Which HTTP status an error has, and what a person or a program is told of it (RFC 9457)."""

from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote

from werkzeug.exceptions import HTTPException

from service.background import NotReadyError
from service.feedback import (
    FeedbackFullError,
    FeedbackLostError,
    FeedbackOffError,
    OutdatedAnswerError,
)
from service.patience import ClientGoneError
from service.types import BusyError
from service.validation import FieldProblem, InvalidQueryError

BODY_LIMIT = 64 * 1024
"""The largest request body, in bytes, but for the routes of BODY_LIMITS."""
BODY_LIMITS = {"api.batch": 1024 * 1024, "batch.post": 2 * 1024 * 1024}
"""The largest request bodies of routes that take more, in bytes, by their endpoints.

The page of batches takes twice the largest file, to be able to say which of the two is too large.
Each of the threads may hold a body and two copies of it, and all that has to fit into memory.
"""
RETRY_AFTER = 5
"""Seconds after which a client may ask again while the service is loading or busy."""


class NothingToExportError(Exception):
    """There is no answer that could be exported."""


class MalformedJSONError(Exception):
    """A request's body is not JSON."""


STATUS: dict[type[Exception], tuple[int, str]] = {
    MalformedJSONError: (400, "Bad Request"),
    NothingToExportError: (404, "Nothing to Export"),
    FeedbackOffError: (404, "No Feedback"),
    OutdatedAnswerError: (409, "Conflict"),
    FeedbackFullError: (507, "Insufficient Storage"),
    FeedbackLostError: (503, "Service Unavailable"),
    InvalidQueryError: (422, "Unprocessable Content"),
    NotReadyError: (503, "Service Unavailable"),
    BusyError: (503, "Service Unavailable"),
    ClientGoneError: (499, "Client Closed Request"),  # as nginx calls it; nobody reads it
}
"""Status and title of the service's own errors. Errors of HTTP itself carry theirs."""

_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as its reader sees it."""

    status: int
    title: str
    detail: str
    fields: tuple[FieldProblem, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)


def json_pointer(*names: str | None) -> str:
    """Return the RFC 6901 pointer, as a URI fragment, to a member of a member of an object.

    Names that are None are left out.

    >>> json_pointer("filters", "a/b"), json_pointer(None, ""), json_pointer(None, None)
    ('#/filters/a~1b', '#/', '#')
    """
    given = (name for name in names if name is not None)
    escaped = (name.replace("~", "~0").replace("/", "~1") for name in given)
    return "#" + "".join("/" + quote(name, safe="~") for name in escaped)


def problem_of(error: Exception) -> Problem:
    """Describe an error; of an unexpected one nothing is told but that it happened."""
    if isinstance(error, HTTPException) and error.code is not None:
        detail = _DETAILS.get(error.code, error.description or error.name)
        return Problem(error.code, error.name, detail, headers=_headers(error))
    for kind, (status, title) in STATUS.items():
        if isinstance(error, kind):
            fields = error.problems if isinstance(error, InvalidQueryError) else ()
            later = status == HTTPStatus.SERVICE_UNAVAILABLE
            headers = {"Retry-After": str(RETRY_AFTER)} if later else {}
            return Problem(status, title, str(error), fields, headers)
    return Problem(500, "Internal Server Error", "The service failed to answer. This was logged.")


def _headers(error: HTTPException) -> dict[str, str]:
    kept = {"Allow", "Retry-After"}
    return {name: value for name, value in error.get_headers() if name in kept}
