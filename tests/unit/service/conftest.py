from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.settings import Settings
from tests.fake_app import FakeAnswerer

if TYPE_CHECKING:
    from service.types import AnswererProtocol


@pytest.fixture
def client() -> FlaskClient:
    return create_app(Settings(), FakeAnswerer()).test_client()


@pytest.fixture
def loading_client(monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """An application whose answerer never comes."""
    never: Future[AnswererProtocol] = Future()
    monkeypatch.setattr("service.app.load_in_background", lambda *_: never)
    return create_app(Settings()).test_client()
