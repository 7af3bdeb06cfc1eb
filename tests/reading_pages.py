"""Reads the service's page as a test needs it."""

import re
from html.parser import HTMLParser
from urllib.parse import urlencode

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

URL = "/top_k_results"


class Elements(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    def by_id(self, wanted: str) -> dict[str, str | None]:
        (found,) = [attributes for _, attributes in self.found if attributes.get("id") == wanted]
        return found


def options(html: str, name: str, tag: str = "select") -> list[dict[str, str | None]]:
    select = re.search(rf'<{tag} id="{name}".*?</{tag}>', html, re.DOTALL)
    assert select
    return Elements(select[0]).named("option")


def selected(html: str, name: str) -> list[str | None]:
    return [option["value"] for option in options(html, name) if "selected" in option]


def ask(client: FlaskClient, **fields: object) -> TestResponse:
    return client.get(f"{URL}?{urlencode(fields, doseq=True)}")
