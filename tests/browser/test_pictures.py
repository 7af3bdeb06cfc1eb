"""The command that makes the pictures."""

from pathlib import Path

from playwright.sync_api import Browser

from scripts import screenshots
from service.app import create_app
from service.settings import Settings
from tests.browsing import served
from tests.fake_app import FakeAnswerer


def test_each_size_and_scheme_has_its_picture(browser: Browser, tmp_path: Path) -> None:
    options = screenshots.parser().parse_args(["--output", str(tmp_path)])
    with served(create_app(Settings(), FakeAnswerer())) as address:
        files = list(screenshots.take(browser, address, options))
    assert {file.name for file in files} == {
        f"{page}{size}{scheme}.png"
        for page in ("home", "answers")
        for size in ("", "-phone")
        for scheme in ("", "-dark")
    }
    widths = {int.from_bytes(file.read_bytes()[16:20], "big") for file in files}
    assert widths == {390, 1280}
    assert len({file.read_bytes() for file in files}) == len(files)
