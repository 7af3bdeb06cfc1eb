"""The health checks' own commands, run against a small server."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from tests.serving import ROOT

DEAD = "http://127.0.0.1:9"
FILES = ["Dockerfile.cpu", "Dockerfile.gpu", "compose.yaml"]


class Living(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path in {"/healthz", "/readyz"} else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Living) as server:
        serve = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serve.start()
        yield server.server_port
        server.shutdown()


def code_of(name: str) -> str:
    """Return the Python code that a file's health check runs."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if name == "compose.yaml":
        command = yaml.safe_load(text)["x-service"]["healthcheck"]["test"][1:]
    else:
        (found,) = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", text, re.MULTILINE)
        command = json.loads(found)
    program, option, code = command
    assert (program, option) == ("python", "-c")
    return str(code)


@pytest.mark.parametrize("name", FILES)
def test_a_health_check_asks_the_service_and_no_proxy(name: str, port: int) -> None:
    code = code_of(name).replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    proxies = {"http_proxy": DEAD, "HTTP_PROXY": DEAD}
    environment = {k: v for k, v in os.environ.items() if k.lower() != "no_proxy"} | proxies
    for served, good in ((port, True), (9, False)):
        ended = subprocess.run(
            [sys.executable, "-c", code.replace(f":{port}/", f":{served}/")],
            env=environment | {"PORT": str(served)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode == 0) == good, ended.stderr
