"""The service's own gunicorn.conf.py; the service runs as it is, but with `tests.fake_models`."""

import runpy
from pathlib import Path
from threading import Lock

import service.loading
from tests.fake_models import FakeEncoder, FakeReader

service.loading.preflight = lambda _: None
service.loading.load_models = lambda _: service.loading.Models(
    FakeEncoder(), FakeReader(), "cpu", Lock()
)
globals().update(runpy.run_path(str(Path(__file__).parents[1] / "gunicorn.conf.py")))
