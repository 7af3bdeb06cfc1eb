"""The command that times the page."""

import pytest
from playwright.sync_api import Browser

from scripts import benchmark_page
from service.app import create_app
from service.settings import Settings
from tests.browsing import served
from tests.fake_app import FakeAnswerer


def test_each_way_of_asking_has_a_time_a_question(browser: Browser) -> None:
    app = create_app(Settings(), FakeAnswerer())
    with served(app) as service, benchmark_page.bare() as empty:
        beyond = benchmark_page.measure(browser, service, empty, 2)
    assert {way: len(times) for way, times in beyond.items()} == {
        "in the page": 2,
        "loaded": 2,
        "bare": 2,
    }
    assert all(0 < time < 30_000 for times in beyond.values() for time in times)


def test_without_chromium_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert benchmark_page.main([]) == 1
    assert "install the package chromium" in capsys.readouterr().err
