"""A browser for the tests here, and visits to the real service and to applications of fakes."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from service.app import create_app
from service.settings import Settings
from tests.browsing import CHROMIUM, QUIET, Open, Visit, served, visiting
from tests.fake_app import FakeAnswerer
from tests.serving import Server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def visit(server: Server, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Open the page of the real service. A parameter adds to the options of the context."""
    with visiting(server.url, browser, getattr(request, "param", {})) as visit:
        yield visit


@pytest.fixture
def visit_to(browser: Browser) -> Iterator[Open]:
    """Return a function that serves a fake answerer's application and opens its page.

    With `feedback` it has thumbs, which nothing stores; `options` are of the browser's context.
    """
    with ExitStack() as stack:

        def opened(
            answerer: FakeAnswerer | None = None, *, feedback: bool = False, **options: Any
        ) -> Visit:
            app = create_app(Settings(), answerer or FakeAnswerer())
            if feedback:
                app.jinja_env.globals["takes_feedback"] = True
            url = stack.enter_context(served(app))
            return stack.enter_context(visiting(url, browser, options))

        yield opened
