from pathlib import Path

import pytest

from scripts import screenshots
from tests.browsing import CHROMIUM


def test_the_options_have_defaults_that_the_readme_relies_on() -> None:
    options = screenshots.parser().parse_args([])
    assert options.output == Path("docs/images")
    assert options.index == Path("var/sample")
    assert not options.whole


def test_without_chromium_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert screenshots.main([]) == 1
    assert "install the package chromium" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert screenshots.main(["--output", str(tmp_path / "file")]) == 1
    assert f"{tmp_path / 'file'} cannot be written to" in capsys.readouterr().err


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_service_that_does_not_start_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--index", str(tmp_path / "none"), "--output", str(tmp_path)]
    assert screenshots.main(options) == 1
    assert "the server did not get ready" in capsys.readouterr().err
