"""Makes pictures of the page, on phone and desktop, light and dark.

It serves an index on a free port of this machine, and needs Chromium and the package playwright.
`answers.png` (desktop, light) is the one that README.md shows.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SIZES = {"": (1280, 900), "-phone": (390, 844)}
"""The ends of the pictures' names, and the widths and heights of the windows, in CSS pixels."""
SCHEMES = {"": "light", "-dark": "dark"}
_QUESTION = "What is the median incubation period of COVID-19?"
_LOADING = 120  # seconds until the service must be ready


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    parse = argparse.ArgumentParser(prog="python -m scripts.screenshots", description=__doc__)
    parse.add_argument("--index", default="var/sample", help="the index to answer from")
    parse.add_argument("--question", default=_QUESTION, help="the question that is asked")
    parse.add_argument("--output", type=Path, default=Path("docs/images"), help="a folder")
    parse.add_argument("--whole", action="store_true", help="the whole page, not only the window")
    return parse


@contextmanager
def serving(index: str) -> Iterator[str]:
    """Serve an index; yield the address when it is ready. Raises RuntimeError when it never is."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    changes = {"PORT": str(port), "COVIDQUEST_HOST": "127.0.0.1", "COVIDQUEST_INDEX": index}
    command = [sys.executable, "-m", "gunicorn", "service.wsgi:application"]
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, env=os.environ | changes, stderr=log) as process,  # noqa: S603 - our own command
    ):
        address = f"http://127.0.0.1:{port}"
        try:
            if not _ready(address, process):
                log.seek(0)
                raise RuntimeError(
                    f"the service does not start: {log.read().decode(errors='replace')}"
                )
            yield address
        finally:
            process.terminate()


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start Chromium; yield it. Raises RuntimeError where it is not installed."""
    path = shutil.which("chromium")
    if path is None:
        raise RuntimeError("Chromium is not installed: install the package chromium")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - few commands need it

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


def _ready(address: str, process: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + _LOADING
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/readyz"):  # noqa: S310 - our own address
                return True
        except urllib.error.URLError:  # not listening yet, or loading
            time.sleep(0.2)
    return False


def take(browser: "Browser", address: str, options: argparse.Namespace) -> Iterator[Path]:
    """Take the pictures of the first page and of the answers; yield their files."""
    asked = f"/top_k_results?{urlencode({'question': options.question})}#resultsView"
    for size, (width, height) in SIZES.items():
        for dark, scheme in SCHEMES.items():
            page = browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme=scheme,  # type: ignore[arg-type] # one of its literals
                reduced_motion="reduce",
            )
            for name, path in (("home", "/"), ("answers", asked)):
                page.goto(address + path)
                file = options.output / f"{name}{size}{dark}.png"
                page.screenshot(path=file, full_page=options.whole)
                yield file
            page.close()


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        with chromium() as browser, serving(options.index) as address:
            for file in take(browser, address, options):
                print(file)
    except OSError as error:
        print(f"screenshots: {options.output} cannot be written to: {error}", file=sys.stderr)
        return 1
    except RuntimeError as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
