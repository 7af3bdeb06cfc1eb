"""A browser for the tests here, and visits to the real service and to applications of fakes."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, sync_playwright

from tests.browsing import CHROMIUM, QUIET, Open, Visit, served, visiting
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
    """Return a function that serves an application and opens its page in the browser."""
    with ExitStack() as stack:

        def opened(app: Flask, **options: Any) -> Visit:
            url = stack.enter_context(served(app))
            return stack.enter_context(visiting(url, browser, options))

        yield opened
