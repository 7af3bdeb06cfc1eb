"""The JSON API under /api/v1. Errors leave as RFC 9457 problem documents."""

import json
import math
from collections.abc import Generator, Iterator
from concurrent.futures import Future
from typing import NoReturn

from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from service.background import answerer_of
from service.batch import Batches, Outcome, outcomes
from service.errors import MalformedJSONError, Problem
from service.feedback import FeedbackOffError, FeedbackStore, feedback_on
from service.origins import refuse_other_sites
from service.replies import NDJSON, FeedbackBody, ProblemBody, batch_line
from service.requests import AnswersRequest, BatchRequest, FeedbackRequest
from service.schemas import AnswersBody
from service.settings import Settings
from service.types import AnswererProtocol, AnswerList
from service.validation import FieldProblem, InvalidQueryError, checked, parse_query


def create_api(
    settings: Settings,
    answerer: Future[AnswererProtocol],
    batches: Batches,
    store: FeedbackStore | None,
) -> Blueprint:
    """Build the routes under /api/v1. Without a store no feedback is taken."""
    api = Blueprint("api", __name__, url_prefix="/api/v1")
    defaults = {"weight": settings.default_weight, "top_k": settings.default_top_k}
    threshold = settings.no_answer_threshold

    @api.post("/answers")
    def answers() -> Response:
        fields = checked(AnswersRequest, defaults | _body())
        found = answerer_of(answerer).answer(fields.query())
        body = AnswersBody.of(found, threshold, include_read=fields.include_read)
        return Response(body.model_dump_json(), mimetype="application/json")

    @api.post("/batch")
    def batch() -> Response:
        fields = checked(BatchRequest, defaults | _body())
        ready = answerer_of(answerer)
        options = {"filters": fields.filters.model_dump()}

        def ask(question: object) -> AnswerList:
            values = {"question": question, **options}
            return ready.answer(parse_query(values, weight=fields.weight, top_k=fields.top_k))

        asked = outcomes(fields.questions, ask)
        lines = (batch_line(outcome, threshold).model_dump_json() + "\n" for outcome in asked)
        return streamed(asked, lines, NDJSON, batches)

    @api.post("/feedback")
    def feedback() -> Response:
        if store is None:
            raise FeedbackOffError(FEEDBACK_OFF)
        refuse_other_sites(request)
        given = checked(FeedbackRequest, _body())
        stored = FeedbackBody(id=store.add(feedback_on(given, answerer_of(answerer))))
        return Response(stored.model_dump_json(), status=201, mimetype="application/json")

    return api


FEEDBACK_OFF = "This service takes no feedback: its setting COVIDQUEST_FEEDBACK names no file."


def problem_response(problem: Problem) -> Response:
    """Send a problem as JSON."""
    body = ProblemBody.of(problem).model_dump_json()
    response = Response(body, problem.status, mimetype="application/problem+json")
    response.headers.update(problem.headers)
    return response


def streamed(
    batch: Generator[Outcome, None, None], parts: Iterator[str], content_type: str, batches: Batches
) -> Response:
    """Send a batch in parts as they come; it ends when its client goes.

    Raises BusyError where there is no place for another batch.
    """
    leave = batches.enter()

    def sent() -> Iterator[str]:
        yield from parts
        leave()  # before the end is sent: then the client may come with the next

    response = Response(sent(), content_type=content_type)
    response.call_on_close(batch.close)
    response.call_on_close(leave)  # also where nobody took all parts
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would keep the parts back
    return response


def _body() -> dict[str, object]:
    """Return the members of the JSON object that was sent."""
    if request.query_string:
        raise BadRequest("The fields belong into the JSON body: this address takes no query (?).")
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("The request's content type must be application/json.")
    values = _parsed(request.get_data())
    if not isinstance(values, dict):
        raise InvalidQueryError((FieldProblem(None, "The body must be a JSON object."),))
    return values


def _parsed(data: bytes) -> object:
    """Return the value of a JSON text. A lone surrogate in it is left for the fields to refuse."""
    try:
        text = data.decode("utf-8-sig")
        return json.loads(text, parse_int=_whole, parse_constant=_no_number)
    except RecursionError:
        raise MalformedJSONError("The body is not JSON: it is nested too deeply.") from None
    except ValueError as error:
        raise MalformedJSONError(f"The body is not JSON: {error}.") from None


_MOST_DIGITS = 300
"""More than any field may have; Python refuses to read thousands."""


def _whole(digits: str) -> float:
    """Return a whole number; one of too many digits as infinite, for the fields to refuse."""
    return int(digits) if len(digits) <= _MOST_DIGITS else math.inf


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is none of its numbers")
