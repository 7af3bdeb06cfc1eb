"""How gunicorn runs the service. It reads this file by itself when started in this folder."""

import os
from typing import TYPE_CHECKING

from service.settings import Settings, SettingsError

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

try:
    settings = Settings.from_environment(os.environ)
except SettingsError as error:
    raise SystemExit(f"covidquest: cannot start: {error}") from None

bind = settings.bind
workers = settings.workers
worker_class = "gthread"
threads = settings.web_threads
loglevel = settings.log_level
timeout = 60  # seconds without a sign of life from a worker, not of one request
graceful_timeout = 25  # seconds to finish requests in; platforms kill after 30
limit_request_line = 8190  # bytes: a question of 500 emoji is 6000 when percent-encoded
control_socket_disable = True  # nobody here talks to it, and it writes into the home folder


def on_starting(server: "Arbiter") -> None:  # noqa: ARG001 - gunicorn passes it
    """Check the index and the models in the master, where a problem can still stop the start."""
    from service.loading import StartError, preflight  # noqa: PLC0415 - not for reading settings

    try:
        preflight(settings)
    except StartError as error:
        raise SystemExit(f"covidquest: cannot start: {error}") from None
