"""Visits pages in a browser, as a test needs it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Flask
from playwright.sync_api import Browser, Locator, Page, expect
from werkzeug.serving import WSGIRequestHandler, make_server

from service.types import AnswerList, Query
from tests.fake_app import FakeAnswerer
from tests.serving import LIMIT

CHROMIUM = shutil.which("chromium")
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

expect.set_options(timeout=1000 * LIMIT)


@dataclass
class WaitingAnswerer(FakeAnswerer):
    """Answers when it is let, but at once what does not wait."""

    go: Event = field(default_factory=Event)
    waits: Callable[[Query], bool] = lambda _: True

    def answer(self, query: Query) -> AnswerList:
        if self.waits(query):
            assert self.go.wait(LIMIT)
        return super().answer(query)


@dataclass
class Visit:
    """A page with what it asked the network for and what it complained about."""

    page: Page
    home: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(1000 * LIMIT)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(self.home)

    @property
    def question(self) -> Locator:
        """The field for a question."""
        return self.page.get_by_label("Ask the COVID-19 papers")

    @property
    def cards(self) -> Locator:
        """The answers that are shown."""
        return self.page.locator("#cards > .card")

    def enter(self, question: str) -> None:
        """Ask with the return key, and wait for nothing."""
        self.question.fill(question)
        self.question.press("Enter")

    def ask(self, question: str) -> None:
        """Ask with the button, and wait for the answers, or for what is wrong."""
        self.question.fill(question)
        self.page.get_by_role("button", name="Ask", exact=True).click()
        expect(self.page.locator("#results, [role=alert]").first).to_contain_text(
            question.strip() or "cannot be asked"
        )

    def open(self, **fields: object) -> None:
        """Open the address of some answers."""
        address = f"{self.home}/top_k_results?{urlencode(fields, doseq=True)}#resultsView"
        self.page.goto(address)

    @property
    def pages_asked(self) -> int:
        """How often the server was asked for answers."""
        return sum("/top_k_results" in request for request in self.requests)

    @property
    def order(self) -> list[int]:
        """The passages of the answers that are shown, in their order."""
        cards = "[...document.querySelectorAll('#cards > .card')]"
        return list(self.page.evaluate(f"{cards}.map((card) => Number(card.dataset.id))"))

    def slide(self, weight: float) -> None:
        """Move the slider, and wait until the server has been asked what it had to be."""
        self.page.get_by_role("slider").fill(f"{weight:g}")
        expect(self.page.locator("#status")).to_contain_text(f"weight {weight:.1f}.")
        expect(self.page.locator("#resultsView")).not_to_have_attribute("aria-busy", "true")

    def assert_fits(self) -> None:
        """Check that the page is no wider than the window."""
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= self.page.evaluate("document.documentElement.clientWidth")


@contextmanager
def visiting(url: str, browser: Browser, options: dict[str, Any]) -> Iterator[Visit]:
    """Open a page; in the end it must have been silent and have kept to its own host."""
    with browser.new_context(**({"viewport": DESKTOP} | options)) as context:
        visit = Visit(context.new_page(), url)
        yield visit
        hosts = {urlsplit(one).netloc for one in visit.requests} - {""}  # that of a blob
        assert hosts == {urlsplit(url).netloc}
        assert visit.complaints == []


class _Silent(WSGIRequestHandler):
    def log(self, *_: object, **__: object) -> None:
        """Log nothing: a test's output is its failure."""


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an application on a free port; yield its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


Open = Callable[..., Visit]
