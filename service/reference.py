"""`/openapi.json`, and `/docs`: the same document as a page to read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from flask import Blueprint, Response, render_template
from markupsafe import Markup, escape
from pydantic_core import to_json

from service.openapi import Json, openapi
from service.settings import Settings

_LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
}


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of a schema, as the page tells of it. `link` names the schema of its value."""

    name: str
    kind: str
    link: str
    required: bool
    default: str
    limits: str
    description: str

    @classmethod
    def of(cls, name: str, schema: Json, *, required: bool) -> Self:
        """Describe a field."""
        limits = [said.format(schema[key]) for key, said in _LIMITS.items() if key in schema]
        default = json.dumps(schema["default"]) if _is_plain(schema.get("default")) else ""
        kind, link = _kind(schema)
        return cls(
            name, kind, link, required, default, ", ".join(limits), schema.get("description", "")
        )


def create_reference(settings: Settings) -> Blueprint:
    """Build the routes."""
    pages = Blueprint("reference", __name__)
    document = openapi(settings)
    text = to_json(document, indent=1)

    pages.add_app_template_filter(with_code, "with_code")

    @pages.get("/openapi.json")
    def description() -> Response:
        return Response(text, mimetype="application/json")

    @pages.get("/docs")
    def page() -> str:
        return render_template(
            "docs.html",
            info=document["info"],
            operations=list(_operations(document)),
            schemas={
                name: {"description": schema.get("description", ""), "fields": _rows(schema)}
                for name, schema in document["components"]["schemas"].items()
            },
        )

    return pages


def with_code(text: str) -> Markup:
    """Return a text as HTML, with what stands between backticks as code."""
    parts = (escape(part) for part in text.split("`"))
    code = Markup("<code>{}</code>")
    return Markup().join(code.format(part) if n % 2 else part for n, part in enumerate(parts))


def _operations(document: Json) -> Iterator[Json]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield {
                "method": method.upper(),
                "path": path,
                "id": operation["operationId"],
                "summary": operation["summary"],
                "description": operation["description"],
                "request": _bodies(operation.get("requestBody", {})),
                "example": _example(path, operation, document),
                "responses": [
                    {"status": status, "description": body["description"], "of": _bodies(body)}
                    for status, body in operation["responses"].items()
                ],
            }


def _bodies(body: Json) -> list[tuple[str, list[str]]]:
    """Return the content types of a body, each with the names of its schemas."""
    return [
        (kind, [_named(one) for one in content["schema"].get("oneOf", [content["schema"]])])
        for kind, content in body.get("content", {}).items()
    ]


def _example(path: str, operation: Json, document: Json) -> str:
    """Return a command that sends a request with the required fields that have an example."""
    if "requestBody" not in operation:
        return f"curl http://127.0.0.1:8000{path}"
    name = _named(operation["requestBody"]["content"]["application/json"]["schema"])
    schema = document["components"]["schemas"][name]
    fields = {field: schema["properties"][field] for field in schema["required"]}
    if not all("examples" in field for field in fields.values()):
        return ""
    body = json.dumps({field: fields[field]["examples"][0] for field in fields})
    return (
        f"curl http://127.0.0.1:8000{path} \\\n"
        f"  -H 'Content-Type: application/json' \\\n  -d '{body}'"
    )


def _rows(schema: Json) -> list[FieldRow]:
    required = schema.get("required", [])
    return [
        FieldRow.of(name, field, required=name in required)
        for name, field in schema.get("properties", {}).items()
    ]


def _kind(schema: Json) -> tuple[str, str]:
    """Return a value's type in words, and the name of its schema, "" where it has none."""
    if name := _named(schema):
        return name, name
    if "anyOf" in schema:
        kinds = [_kind(one) for one in schema["anyOf"]]
        return " or ".join(kind for kind, _ in kinds), next((n for _, n in kinds if n), "")
    if "const" in schema:
        return json.dumps(schema["const"]), ""
    if "enum" in schema:
        return " or ".join(json.dumps(value) for value in schema["enum"]), ""
    if schema.get("type") == "array":
        kind, name = _kind(schema.get("items", {}))
        return f"list of {kind}", name
    return str(schema.get("type", "any value")), ""


def _named(schema: Json) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _is_plain(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return value is not None and not isinstance(value, dict)
