"""The service's own gunicorn.conf.py, beside a stand-in for the module that loads index and models.

`FAKE_FAILURE` makes one of its two functions fail: `preflight` or `load_following`. Every answer
takes `FAKE_SECONDS`. A client has `FAKE_UNREAD` seconds to begin to read what it asked for,
`FAKE_REQUEST` to ask, and `FAKE_BODY` to send the rest of a large request.
"""

import os
import runpy
import sys
from pathlib import Path
from types import ModuleType

import service.worker
from service.settings import Settings, StartError
from service.types import AnswererProtocol
from tests.fake_app import FakeAnswerer


def preflight(settings: Settings) -> None:
    if os.environ.get("FAKE_FAILURE") == "preflight":
        raise StartError(f"{settings.index} is not an index")


def load_following(settings: Settings, *_: object) -> AnswererProtocol:
    if os.environ.get("FAKE_FAILURE") == "load_following":
        raise StartError(f"{settings.index} cannot be read")
    return FakeAnswerer(seconds=float(os.environ.get("FAKE_SECONDS", "0")))


loading = ModuleType("service.loading")
vars(loading).update(preflight=preflight, load_following=load_following)
sys.modules["service.loading"] = loading
service.worker.REQUEST = float(os.environ.get("FAKE_REQUEST", service.worker.REQUEST))
service.worker.BODY = float(os.environ.get("FAKE_BODY", service.worker.BODY))
service.worker.UNREAD = int(os.environ.get("FAKE_UNREAD", service.worker.UNREAD))
globals().update(runpy.run_path(str(Path(__file__).parents[1] / "gunicorn.conf.py")))
