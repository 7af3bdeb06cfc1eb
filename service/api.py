"""The JSON API: `POST /api/v1/answers`. Errors leave as RFC 9457 problem documents."""

from concurrent.futures import Future

from flask import Blueprint, Response, request
from pydantic_core import from_json, to_json
from werkzeug.exceptions import UnsupportedMediaType

from service.background import answerer_of
from service.errors import MalformedJSONError, Problem
from service.schemas import AnswersBody
from service.settings import Settings
from service.types import AnswererProtocol, Query
from service.validation import FieldProblem, InvalidQueryError, parse_query


def create_api(settings: Settings, answerer: Future[AnswererProtocol]) -> Blueprint:
    """Build the routes under /api/v1."""
    api = Blueprint("api", __name__, url_prefix="/api/v1")

    @api.post("/answers")
    def answers() -> Response:
        query = _query_of_body(settings)
        found = answerer_of(answerer).answer(query)
        return Response(AnswersBody.of(found).model_dump_json(), mimetype="application/json")

    return api


def problem_response(problem: Problem) -> Response:
    """Send a problem as JSON."""
    response = Response(status=problem.status, mimetype="application/problem+json")
    response.set_data(to_json(problem.as_json()))
    response.headers.update(problem.headers)
    return response


def _query_of_body(settings: Settings) -> Query:
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("The request's content type must be application/json.")
    try:
        values = from_json(request.get_data(), allow_inf_nan=False)
    except ValueError as error:
        raise MalformedJSONError(f"The body is not JSON: {error}.") from None
    if not isinstance(values, dict):
        raise InvalidQueryError((FieldProblem("", "The body must be a JSON object."),))
    return parse_query(values, weight=settings.default_weight, top_k=settings.default_top_k)
