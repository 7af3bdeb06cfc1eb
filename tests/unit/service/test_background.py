import sys
from threading import Event
from types import ModuleType

import pytest

from service.app import create_app
from service.background import NotReadyError, answerer_of, load_in_background
from service.settings import Settings
from service.types import AnswererProtocol
from tests.fake_app import FakeAnswerer


def test_the_answerer_is_there_once_it_is_loaded() -> None:
    go = Event()
    fake = FakeAnswerer()

    def load() -> AnswererProtocol:
        go.wait(10)
        return fake

    future = load_in_background(load, lambda _: None)
    with pytest.raises(NotReadyError, match="being loaded"):
        answerer_of(future)
    go.set()
    future.result(10)
    assert answerer_of(future) is fake


def test_a_failure_is_told_to_who_must_act_on_it() -> None:
    failed: list[BaseException] = []
    told = Event()

    def load() -> AnswererProtocol:
        raise OSError("disk")

    def on_failure(error: BaseException) -> None:
        failed.append(error)
        told.set()

    future = load_in_background(load, on_failure)
    assert told.wait(10)
    assert [str(error) for error in failed] == ["disk"]
    with pytest.raises(NotReadyError, match="could not be loaded"):
        answerer_of(future)


def test_the_application_loads_its_answerer_with_its_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[Settings] = []
    loading = ModuleType("service.loading")

    def load_following(settings: Settings, *_: object) -> AnswererProtocol:
        given.append(settings)
        return FakeAnswerer()

    loading.load_following = load_following  # type: ignore[attr-defined] # a stand-in module
    monkeypatch.setitem(sys.modules, "service.loading", loading)
    settings = Settings(candidates=7)
    client = create_app(settings).test_client()
    ready = Event()
    for _ in range(100):
        if client.get("/readyz").status_code == 200:
            break
        ready.wait(0.02)
    assert client.get("/readyz").json == {"status": "ready"}
    assert given == [settings]
