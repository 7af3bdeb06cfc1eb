"""The service's own gunicorn.conf.py; the service runs as it is, but with `tests.fake_models`.

`FAKE_SECONDS` is how long the reader takes for a passage.
"""

import os
import runpy
from pathlib import Path

import service.background
import service.loading
from service.metrics import Metrics
from service.settings import Settings
from service.shared_models import SharedModels
from tests.fake_models import FakeEncoder, SlowReader


def load_models(settings: Settings, metrics: Metrics) -> SharedModels:
    reader = SlowReader(float(os.environ.get("FAKE_SECONDS", "0")))
    return SharedModels(FakeEncoder(), reader, device="cpu", queue=settings.queue, metrics=metrics)


service.background.PAUSE = 1.0
service.loading.preflight = lambda _: None
service.loading.load_models = load_models
globals().update(runpy.run_path(str(Path(__file__).parents[1] / "gunicorn.conf.py")))
