"""Measures how soon after the service has answered a person sees the first answer, in Chromium.

Each suggested question is typed and asked once. "In the page" is what a browser with JavaScript
does; "loaded" is the same address opened as a page of its own, when the answers are known; "bare"
is a page of one line by another server, which is what the browser needs for itself.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from scripts.arguments import at_least, command, some_path
from scripts.benchmark_processes import MeasuringError, serving
from scripts.screenshots import chromium
from service.questions import QUESTIONS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_BARE = b"<!doctype html><html lang=en><title>Bare</title><p>One line.</p></html>"
_ASKED = """async () => {
  const begun = performance.now();
  const there = new Promise((done) => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector("#cards > .card")) return;
      observer.disconnect();
      done();
    }).observe(document.body, { childList: true, subtree: true });
  });
  document.querySelector("#ask [type=submit]").click();
  await there;
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done))); // it is painted
  const seen = performance.now() - begun;
  const asked = performance.getEntriesByType("resource")
    .findLast((one) => one.name.includes("/top_k_results"));
  return seen - (asked.responseStart - asked.requestStart);
}"""
"""Milliseconds from asking to the first frame with an answer, less those that the service took."""
_PAINTED = """async () => {
  const entry = () => performance.getEntriesByName("first-contentful-paint")[0];
  while (!entry()) await new Promise((done) => setTimeout(done, 2));
  const [opened] = performance.getEntriesByType("navigation");
  return entry().startTime - (opened.responseStart - opened.requestStart);
}"""
"""Milliseconds from opening a page to the first frame with any of it, less the server's."""


class _Bare(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(_BARE)))
        self.end_headers()
        self.wfile.write(_BARE)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def bare() -> Iterator[str]:
    """Serve the page of one line; yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Bare) as server:
        kwargs = {"poll_interval": 0.02}
        Thread(target=server.serve_forever, kwargs=kwargs, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def measure(browser: "Browser", service: str, empty: str, questions: int) -> dict[str, list[float]]:
    """Return the times beyond the service's latency, in milliseconds, by way of asking.

    That is from the request to the first byte of its answer.
    """
    beyond: dict[str, list[float]] = {"in the page": [], "loaded": [], "bare": []}
    for question in QUESTIONS[:questions]:
        with browser.new_context() as context:
            page = context.new_page()
            page.goto(service)
            page.locator("#question").fill(question.text)
            beyond["in the page"].append(page.evaluate(_ASKED))
            other = context.new_page()
            other.goto(page.url)
            beyond["loaded"].append(other.evaluate(_PAINTED))
            third = context.new_page()
            third.goto(empty)
            beyond["bare"].append(third.evaluate(_PAINTED))
    return beyond


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command("benchmark_page", __doc__, as_written=True)
    add = arguments.add_argument
    add(
        "--index",
        type=some_path,
        default=Path("var/sample"),
        help="the index to answer from (default: var/sample)",
    )
    add("--questions", type=at_least(1), default=12, metavar="N", help="how many (default: 12)")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    try:
        index = {"COVIDQUEST_INDEX": str(options.index.absolute())}
        with chromium() as browser, bare() as empty, serving(index) as server:
            beyond = measure(browser, server.url, empty, options.questions)
    except (MeasuringError, RuntimeError) as error:
        print(f"benchmark_page: {error}", file=sys.stderr)
        return 1
    print("milliseconds beyond the service's latency, until an answer is seen")
    for way, times in beyond.items():
        print(f"{way:<12} median {statistics.median(times):4.0f}   worst {max(times):4.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
