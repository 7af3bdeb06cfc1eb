"""The service's own gunicorn.conf.py; the service runs as it is, but with `tests.fake_models`.

`FAKE_SECONDS` is how long the reader takes for a passage, `FAKE_LOADING` how long it takes to load
the models, and `FAKE_UNTOLD` for how long a worker does not tell so.
"""

import os
import runpy
import time
from pathlib import Path

import service.background
import service.loading
import service.worker
from service.metrics import Metrics
from service.settings import Settings
from service.shared_models import SharedModels
from tests.fake_models import FakeEncoder, SlowReader


def load_models(settings: Settings, metrics: Metrics) -> SharedModels:
    time.sleep(float(os.environ.get("FAKE_LOADING", "0")))
    reader = SlowReader(float(os.environ.get("FAKE_SECONDS", "0")))
    return SharedModels(FakeEncoder(), reader, device="cpu", queue=settings.queue, metrics=metrics)


service.background.PAUSE = 1.0
service.loading.preflight = lambda _: None
service.loading.load_models = load_models
service.worker.LOADING = float(os.environ.get("FAKE_UNTOLD", service.worker.LOADING))
globals().update(runpy.run_path(str(Path(__file__).parents[1] / "gunicorn.conf.py")))
