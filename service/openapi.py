"""`/openapi.json`: the API as a document (OpenAPI 3.1), made from the types that check requests.

Source: the OpenAPI Specification 3.1.1; its schemas are JSON Schema 2020-12, as pydantic writes it.
"""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from service.replies import (
    NDJSON,
    BatchAnswered,
    BatchFailed,
    FeedbackBody,
    HealthBody,
    ProblemBody,
    ReadyBody,
)
from service.requests import AnswersRequest, BatchRequest, FeedbackRequest
from service.schemas import AnswersBody
from service.settings import Settings

Json = dict[str, Any]

_REQUESTS: tuple[type[BaseModel], ...] = (AnswersRequest, BatchRequest, FeedbackRequest)
_RESPONSES: tuple[type[BaseModel], ...] = (
    AnswersBody,
    BatchAnswered,
    BatchFailed,
    FeedbackBody,
    HealthBody,
    ReadyBody,
    ProblemBody,
)
_JSON = "application/json"
_PROBLEM = "application/problem+json"

_ERRORS = {
    400: "The body is not JSON, or the address has a query.",
    403: "The request was started by a page of another web site.",
    404: "This service takes no feedback (its setting COVIDQUEST_FEEDBACK).",
    409: "The index that is served now does not have this answer. Ask again.",
    413: "The body is too large.",
    415: "The content type is not application/json, or the body has a Content-Encoding.",
    422: "Some fields are wrong; `errors` points at each.",
    503: "The service is loading or busy. Ask again after `Retry-After` seconds.",
    507: "There is no room for more feedback.",
}
_USUAL = (400, 413, 415, 422, 503)


def openapi(settings: Settings) -> Json:
    """Return the document of the API that a service with these settings has."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CovidQuest",
            "version": "1",
            "summary": "Answers to questions, in the words of COVID-19 research papers.",
            "description": "Every error is a problem document (RFC 9457). A field that is not "
            'documented here is refused, and so is a value of another type: `"5"` is no number. '
            "Texts are counted in Unicode code points. Schemas cannot say that a question needs a "
            "word, a date must be of the calendar, and the last not before the first.",
        },
        "servers": [{"url": "/"}],
        "paths": _paths(figures=settings.metrics == "on"),
        "components": {"schemas": _schemas(settings)},
    }


def _paths(*, figures: bool) -> Json:
    answers = _operation(
        "askQuestion",
        "Answer a question",
        "Returns at most `top_k` answers, best first, at most one per passage.",
        request=AnswersRequest,
        response=_content(_JSON, AnswersBody),
        errors=_USUAL,
    )
    batch = _operation(
        "askQuestions",
        "Answer many questions",
        "Returns a line of JSON for each question, in their order and as soon as it is answered. "
        "A question that cannot be answered has a `problem` on its line, and does not end the "
        "batch. Whoever closes the connection stops it.",
        request=BatchRequest,
        response=_content(NDJSON, BatchAnswered, BatchFailed),
        errors=_USUAL,
    )
    feedback = _operation(
        "judgeAnswer",
        "Say whether an answer is a good one",
        "Stores the verdict with question, passage and answer, and nothing about the person. The "
        "answer must be one of the index that is served now.",
        request=FeedbackRequest,
        response=_content(_JSON, FeedbackBody),
        status=201,
        errors=(*_USUAL, 403, 404, 409, 507),
    )
    health = _operation(
        "isAlive",
        "Whether the process lives",
        "For a supervisor that restarts what hangs.",
        response=_content(_JSON, HealthBody),
    )
    ready = _operation(
        "isReady",
        "Whether questions are answered",
        "For a router that sends requests to what is ready.",
        response=_content(_JSON, ReadyBody),
    )
    ready["responses"]["503"] = {
        "description": "Not yet, and why.",
        "content": _content(_JSON, ReadyBody),
    }
    metrics = _operation(
        "readMetrics",
        "Figures of the service",
        "In the text format of Prometheus.",
        response={"text/plain": {"schema": {"type": "string"}}},
    )
    paths = {
        "/api/v1/answers": {"post": answers},
        "/api/v1/batch": {"post": batch},
        "/api/v1/feedback": {"post": feedback},
        "/healthz": {"get": health},
        "/readyz": {"get": ready},
    }
    return {**paths, "/metrics": {"get": metrics}} if figures else paths


def _operation(
    name: str,
    summary: str,
    description: str,
    *,
    response: Json,
    request: type[BaseModel] | None = None,
    status: int = 200,
    errors: tuple[int, ...] = (),
) -> Json:
    operation: Json = {"operationId": name, "summary": summary, "description": description}
    if request:
        operation["requestBody"] = {"required": True, "content": _content(_JSON, request)}
    operation["responses"] = {
        str(status): {"description": "Done.", "content": response},
        **{
            str(code): {"description": _ERRORS[code], "content": _content(_PROBLEM, ProblemBody)}
            for code in sorted(errors)
        },
    }
    return operation


def _content(kind: str, *models: type[BaseModel]) -> Json:
    """Return the content of a body: of one model, or of any of several on each line."""
    references = [{"$ref": f"#/components/schemas/{model.__name__}"} for model in models]
    schema = references[0] if len(references) == 1 else {"oneOf": references}
    return {kind: {"schema": schema}}


def _schemas(settings: Settings) -> Json:
    """Return the schemas of all bodies. What a request may leave out has its default there."""
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in _REQUESTS),
        *((model, "serialization") for model in _RESPONSES),
    ]
    _, made = models_json_schema(modes, ref_template="#/components/schemas/{model}")
    schemas: Json = made["$defs"]
    defaults = {"weight": settings.default_weight, "top_k": settings.default_top_k}
    for model in (AnswersRequest, BatchRequest):
        schema = schemas[model.__name__]
        schema["required"] = [name for name in schema["required"] if name not in defaults]
        for name, value in defaults.items():
            schema["properties"][name]["default"] = value
    return schemas
