"""How gunicorn runs the service. It reads this file by itself when started in this folder."""

import os
import socket
from typing import TYPE_CHECKING

from service.allocation import few_arenas
from service.gpus import VISIBLE, free_place, own_gpu
from service.settings import Settings, SettingsError

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

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

# Threads of the models that wait for each other sleep. By default they spin, and on a machine
# that has other work to do one question then took twice as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Likewise those of NumPy's library, which would share products of a tenth of a millisecond: on a
# machine that had other work these took a hundred times as long. Read when NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

few_arenas()


def pre_fork(server: "Arbiter", worker: "Worker") -> None:
    """Give a new worker a place of its own, that of one that ended if there was one."""
    worker.place = free_place({other.place for other in server.WORKERS.values()})


def post_fork(server: "Arbiter", worker: "Worker") -> None:  # noqa: ARG001 - as gunicorn calls it
    """Let a worker see one GPU, before anything in it looks for one."""
    if gpu := own_gpu(worker.place, os.environ):
        os.environ[VISIBLE] = gpu


def on_starting(server: "Arbiter") -> None:
    """Check address, index and models in the master, where a problem can still stop the start."""
    from service.loading import StartError, preflight  # noqa: PLC0415 - not for reading settings

    try:
        if not (server.master_pid or "LISTEN_FDS" in os.environ):  # else the sockets are inherited
            for address in server.cfg.address:
                refuse_taken(address)
        preflight(settings)
    except (StartError, OSError) as error:
        raise SystemExit(f"covidquest: cannot start: {error}") from None


def refuse_taken(address: object) -> None:
    """Raise OSError where nothing can listen on a TCP address; gunicorn would try five times."""
    if not isinstance(address, tuple):
        return  # a Unix socket or an open file
    try:
        with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        where = "{}:{}".format(*address)
        raise OSError(f"cannot listen on {where} ({error.strerror}): set PORT to another") from None
