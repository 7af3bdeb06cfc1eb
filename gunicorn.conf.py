"""How gunicorn runs the service. It reads this file by itself when started in this folder."""

import errno
import os
import resource
import shlex
import shutil
import socket
import sys
import tempfile
from importlib.util import find_spec
from typing import TYPE_CHECKING

from service import gpus
from service.allocation import few_arenas
from service.logs import ACCESS_FORMAT, configuration
from service.settings import Settings, StartError

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker


def connections(threads: int) -> int:
    """Return how many clients may be connected to a worker, so that files are left for the rest.

    A thread needs a few while it answers, the index, the models and the log some dozens.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 1000
    if files != resource.RLIM_INFINITY:
        most = min(most, files - 4 * threads - 100)
    return max(most, threads + 1)


if {"-D", "--daemon"} & {*sys.argv, *shlex.split(os.environ.get("GUNICORN_CMD_ARGS", ""))}:
    raise SystemExit(
        "covidquest: cannot start: --daemon is not supported: nobody would see what goes wrong. "
        "Let systemd or a container keep it running"
    )
try:
    settings = Settings.from_environment(os.environ)
except StartError as error:
    raise SystemExit(f"covidquest: cannot start: {error}") from None

bind = settings.bind
on_cpu = settings.device == "cpu" or settings.backend == "onnx" or find_spec("torch") is None
visible = () if on_cpu else gpus.visible(os.environ)
workers = settings.workers or max(1, len(visible))
worker_class = "service.worker.Worker"
threads = settings.web_threads
worker_connections = connections(threads)
loglevel = settings.log_level
logconfig_dict = configuration(settings.log_level, settings.log_format)
access_log_format = ACCESS_FORMAT
timeout = 60  # seconds without a sign of life from a worker, not of one request
# Seconds to finish requests in; platforms kill after 30, and by default none takes longer than 20.
graceful_timeout = int(max(25, settings.deadline + 1))
# Seconds that an idle connection stays open: longer than proxies keep theirs (Caddy 120, Heroku
# 90), so that it is they who close it, and no request comes to one that is being closed.
keepalive = 130
sendfile = False  # its wait for a client that reads nothing has no end, and counts as 0 bytes
limit_request_line = 8190  # bytes: a question of 500 emoji is 6000 when percent-encoded
# None: what a proxy does not take away, a client could send, and so be let in where it keeps others
# out (SCRIPT_NAME). X-Forwarded-Proto is believed all the same, from `forwarded_allow_ips`.
forwarder_headers = ""
control_socket_disable = True  # nobody here talks to it, and it writes into the home folder

# Threads of the models that wait for each other sleep. By default they spin, and on a machine
# that has other work to do one question then took twice as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Likewise those of NumPy's library, which would share products of a tenth of a millisecond: on a
# machine that had other work these took a hundred times as long. Read when NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

few_arenas()


def child_exit(server: "Arbiter", worker: "Worker") -> None:  # noqa: ARG001 - as gunicorn calls it
    """Forget what a worker that ended was doing; what it counted stays."""
    if workers > 1:
        from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 - see below

        mark_process_dead(worker.pid)


def worker_exit(server: "Arbiter", worker: "Worker") -> None:  # noqa: ARG001 - as gunicorn calls it
    """Let no thread of a worker compute on while the interpreter takes itself apart."""
    from service.background import pause  # noqa: PLC0415 - it imports what reads the settings above
    from service.reading_ahead import stop_all  # noqa: PLC0415 - the worker has it, not the master

    stop_all()
    pause()


def on_exit(server: "Arbiter") -> None:  # noqa: ARG001 - as gunicorn calls it
    """Remove the files of the workers' figures."""
    if workers > 1:
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def pre_fork(server: "Arbiter", worker: "Worker") -> None:
    """Choose the GPU of a worker that is about to begin."""
    worker.gpu = gpus.free(visible, [other.gpu for other in server.WORKERS.values()])


def post_fork(server: "Arbiter", worker: "Worker") -> None:  # noqa: ARG001 - as gunicorn calls it
    """Show a worker its own GPU and no other, before it imports what would use them."""
    if worker.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = worker.gpu


def on_starting(server: "Arbiter") -> None:
    """Check address, index and models in the master, where a problem can still stop the start.

    Several workers write their figures to files, so that /metrics tells those of all. The library
    looks at the variable when it is imported, so nothing before this may import it.
    """
    if workers > 1:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="covidquest-metrics-")
    import service.background  # noqa: F401, PLC0415 - what it notes is shared by all workers
    from service.feedback import FeedbackError, FeedbackStore  # noqa: PLC0415 - likewise
    from service.loading import preflight  # noqa: PLC0415 - not for reading settings

    if problem := unsupported(server):
        on_exit(server)
        raise SystemExit(f"covidquest: cannot start: {problem}")
    if settings.device == settings.backend == "auto" and (
        warning := gpus.missing(os.environ, visible)
    ):
        server.log.warning(warning)
    try:
        if not (server.master_pid or "LISTEN_FDS" in os.environ):  # else the sockets are inherited
            for address in server.cfg.address:
                refuse_taken(address)
        preflight(settings)
        if settings.feedback:
            FeedbackStore(settings.feedback).prepare()
    except (FeedbackError, StartError, OSError) as error:
        on_exit(server)
        raise SystemExit(f"covidquest: cannot start: {error}") from None


def unsupported(server: "Arbiter") -> str:
    """Return which option of gunicorn's, that overrules this file, does harm here; "" for none."""
    if server.cfg.preload_app:
        return "--preload is not supported: what loads the models does not survive a fork"
    if server.cfg.workers != workers:
        return "set COVIDQUEST_WORKERS instead of gunicorn's --workers"
    if server.cfg.threads != threads:
        return "set COVIDQUEST_WEB_THREADS instead of gunicorn's --threads"
    if server.cfg.settings["worker_class"].get() != worker_class:
        return "--worker-class is not supported: with another one, slow clients hold up everybody"
    return ""


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
        mend = "set PORT to another"
        if error.errno == errno.EADDRNOTAVAIL:
            mend = "set COVIDQUEST_HOST to an address of this machine, or to 0.0.0.0"
        raise OSError(f"cannot listen on {where} ({error.strerror}): {mend}") from None
