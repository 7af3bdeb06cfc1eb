"""Makes pictures of the page, on phone and desktop, light and dark.

It serves an index on a free port of this machine, and needs Chromium and the package playwright.
`answers.png` (desktop, light) is the one that README.md shows.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from scripts.arguments import command, some_path
from scripts.benchmark_processes import MeasuringError, serving
from scripts.outputs import refusal

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SIZES = {"": (1280, 900), "-phone": (390, 844)}
"""The ends of the pictures' names, and the widths and heights of the windows, in CSS pixels."""
SCHEMES = {"": "light", "-dark": "dark"}
_QUESTION = "What is the median incubation period of COVID-19?"


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    arguments = command("screenshots", __doc__)
    add = arguments.add_argument
    add("--index", type=some_path, default=Path("var/sample"), help="the index to answer from")
    add("--question", default=_QUESTION, help="the question that is asked")
    add("--output", type=some_path, default=Path("docs/images"), help="a folder")
    add("--whole", action="store_true", help="the whole page, not only the window")
    return arguments


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
        if wrong := refusal(options.output):
            raise MeasuringError(wrong)  # noqa: TRY301 - as what cannot be measured
        options.output.mkdir(parents=True, exist_ok=True)
        index = {"COVIDQUEST_INDEX": str(options.index.absolute())}
        with chromium() as browser, serving(index) as server:
            for file in take(browser, server.url, options):
                print(file)
    except OSError as error:
        print(f"screenshots: {options.output} cannot be written to: {error}", file=sys.stderr)
        return 1
    except (MeasuringError, RuntimeError) as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
