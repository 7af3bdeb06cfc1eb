"""The web application: its routes, its errors and the headers of all its answers."""

import logging
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from flask import Flask, Response, jsonify, request
from jinja2 import StrictUndefined
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    HTTPException,
    RequestEntityTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)

from service.api import create_api
from service.background import (
    ANSWERER,
    NotReadyError,
    answerer_of,
    load_in_background,
    loaded,
    stop_server,
)
from service.batch import Batches, most_batches
from service.batch_pages import create_batch_pages
from service.errors import BODY_LIMIT, BODY_LIMITS, problem_of
from service.exports import create_exports
from service.feedback import FeedbackStore
from service.feedback_pages import create_feedback_pages
from service.fetch_progress import FetchProgress
from service.forms import Form
from service.gpus import LostGPUError, is_lost
from service.hooks import add_hooks
from service.logs import harmless
from service.metrics import Metrics
from service.pages import create_pages, render_page
from service.reference import create_reference
from service.settings import Settings
from service.types import AnswererProtocol

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

PASSED_OVER = 16 * 1024 * 1024
"""Bytes of a request body that are taken, and thrown away, to say that it is too large."""

_CHUNK = 64 * 1024
_NO_UTF8 = "The {} has bytes that are no UTF-8: encode its fields so."
_UNREADABLE = "\ufffd"
_NO_HOST = "covidquest.no_host"  # in the environment of a request, its Host header

UNSHARED = "private, no-cache"
"""For whoever asked alone: pages and files hold what was asked, and links to the host that was
named. A browser may go back to one, and asks again otherwise. The static files, which Flask gives
an ETag, and batches, which are stored nowhere, say their own."""

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def create_app(settings: Settings, answerer: AnswererProtocol | None = None) -> Flask:
    """Build the application. Without an answerer it loads one beside its first requests.

    If that fails, the process ends (see `service.background.stop_server`).
    """

    def load() -> AnswererProtocol:
        from service.index_url import fetch_index  # noqa: PLC0415 - imports the index, slowly
        from service.loading import load_following  # noqa: PLC0415 - and the models

        if not settings.index_url:
            return load_following(settings, metrics)
        verified = fetch_index(settings, progress)
        progress.end()
        return load_following(settings, metrics, verified)

    metrics = Metrics()
    progress = FetchProgress()
    future = loaded(answerer) if answerer else load_in_background(load, stop_server, progress.told)
    app = Flask(__name__)
    app.extensions[ANSWERER] = future
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["thousands"] = "{:,}".format
    app.register_blueprint(create_pages(settings, future))
    batches = Batches(most_batches(settings.web_threads, settings.queue))
    feedback = FeedbackStore(settings.feedback) if settings.feedback else None
    app.jinja_env.globals["takes_feedback"] = feedback is not None
    app.register_blueprint(create_api(settings, future, batches, feedback))
    app.register_blueprint(create_exports(settings, future))
    app.register_blueprint(create_batch_pages(settings, future, batches))
    app.register_blueprint(create_feedback_pages(future, feedback))
    app.register_blueprint(create_reference(settings))
    _add_probes(app, future)
    _add_error_handler(app, settings, future)
    add_hooks(app, metrics, settings.deadline, shown=settings.metrics == "on")
    app.before_request(_refuse_broken_address)
    app.before_request(_read_body)

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers.update(SECURITY_HEADERS)
        response.headers.setdefault("Cache-Control", UNSHARED)
        return response

    app.wsgi_app = _with_sane_host(app.wsgi_app)  # type: ignore[method-assign,assignment] # as in Flask
    return app


def _with_sane_host(application: "WSGIApplication") -> "WSGIApplication":
    """Note a host that cannot be one, and leave it out: no address can be made of it."""

    def checked(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            environ.get("HTTP_HOST", "").encode("idna")
        except UnicodeError:
            environ[_NO_HOST] = environ.pop("HTTP_HOST")
        return application(environ, start_response)

    return checked


def _refuse_broken_address() -> None:
    """Refuse a host that is none, and a query that is no UTF-8: it would be taken for another."""
    if _NO_HOST in request.environ or not request.host:
        raise BadRequest("The Host header names no host.")
    _expect_utf8(request.query_string, "address")


def _expect_utf8(fields: bytes, what: str) -> None:
    """Refuse percent-encoded fields that are no UTF-8."""
    try:
        unquote_to_bytes(fields).decode()
    except UnicodeDecodeError:
        raise BadRequest(_NO_UTF8.format(what)) from None


def _expect_utf8_form(body: bytes) -> None:
    """Refuse a form, of either kind, that is no UTF-8."""
    if request.mimetype == "application/x-www-form-urlencoded":
        _expect_utf8(body, "form")
    elif request.mimetype == "multipart/form-data" and _UNREADABLE.encode() not in body:
        fields = (text for pair in request.form.items(multi=True) for text in pair)
        if any(_UNREADABLE in text for text in fields):  # Werkzeug puts it in the place of others
            raise BadRequest(_NO_UTF8.format("form"))


def _read_body() -> None:
    """Read the request's body, for all routes: one that cannot be read is the client's fault."""
    if (coding := request.headers.get("Content-Encoding", "identity").lower()) != "identity":
        raise UnsupportedMediaType(
            f"The request's body is encoded (Content-Encoding: {coding[:40]}). Send it as it is."
        )
    limit = BODY_LIMITS.get(request.endpoint or "", BODY_LIMIT)
    too_large = RequestEntityTooLarge(f"The request is larger than {limit // 1024} KB.")
    announced = request.content_length is not None
    request.max_content_length = limit if announced else limit + 1
    try:
        body = request.get_data()
    except RequestEntityTooLarge:
        _pass_over(request.content_length or 0)
        raise too_large from None
    except ClientDisconnected as error:
        if isinstance(error.__context__, TimeoutError):  # see `service.receiving`
            raise RequestTimeout("The request did not come in time. Send it again.") from None
        raise
    except HTTPException:
        raise
    except Exception as error:  # the server has kinds of its own for broken chunks
        raise BadRequest("The request's body cannot be read.") from error
    if len(body) < (request.content_length or 0):
        raise ClientDisconnected  # the server takes what has come until then for all of it
    if len(body) > limit:
        raise too_large  # Werkzeug cuts a body of unannounced length, in silence
    _expect_utf8_form(body)


def _pass_over(size: int) -> None:
    """Take the rest of a body that is too large, a little at a time, and keep nothing of it.

    A browser that is still sending would not see the answer. One that announces more than
    `PASSED_OVER` does not.
    """
    if size > PASSED_OVER:
        return
    with suppress(TimeoutError):
        while size > 0 and (taken := len(request.environ["wsgi.input"].read(min(size, _CHUNK)))):
            size -= taken


def _add_probes(app: Flask, answerer: Future[AnswererProtocol]) -> None:
    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="ok")

    @app.get("/readyz")
    def readyz() -> Response:
        try:
            answerer_of(answerer)
        except NotReadyError as error:
            response = jsonify(status="not ready", reason=str(error))
            response.status_code = 503
            response.headers.update(problem_of(error).headers)
            return response
        return jsonify(status="ready")


def _add_error_handler(app: Flask, settings: Settings, answerer: Future[AnswererProtocol]) -> None:
    @app.errorhandler(Exception)
    def handle(error: Exception) -> Response:
        problem = problem_of(error)
        if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            if is_lost(error):
                stop_server(LostGPUError(error))
            log.error("cannot answer %s %s", request.method, harmless(request.path), exc_info=error)
        return render_page(settings, answerer, Form.empty(settings), problem=problem)
