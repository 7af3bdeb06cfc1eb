"""What the application does around every request: its id, its patience, its figures."""

import re
import select
import socket
import time
from uuid import uuid4

from flask import Flask, Response, abort, g, request

from service import patience
from service.logs import NO_REQUEST, request_id
from service.metrics import CONTENT_TYPE, Metrics
from service.patience import Patience, arrived

ID_HEADER = "X-Request-ID"

_HALF_CLOSED = getattr(select, "POLLRDHUP", 0)  # where there is no Linux
_METHODS = {"GET", "HEAD", "POST", "OPTIONS"}  # what a client makes up is not counted by name
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}", re.ASCII)


def add_hooks(app: Flask, metrics: Metrics, deadline: float, *, shown: bool) -> None:
    """Give each request an id and `deadline` seconds, and count it.

    Whether the figures are `shown`, at /metrics, is for the operator to say.
    """

    @app.before_request
    def begin() -> None:
        g.arrived = arrived.get() or time.monotonic()
        given = request.headers.get(ID_HEADER, "")
        request_id.set(given if _SANE_ID.fullmatch(given) else uuid4().hex)
        connection = request.environ.get("gunicorn.socket")
        patience.use(Patience(g.arrived + deadline, lambda: is_closed(connection)))

    @app.after_request
    def count(response: Response) -> Response:
        response.headers[ID_HEADER] = request_id.get()
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in _METHODS else "other"
        metrics.responded(method, route, response.status_code, time.monotonic() - g.arrived)
        return response

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        patience.use(patience.ENDLESS)
        request_id.set(NO_REQUEST)

    @app.get("/metrics")
    def figures() -> Response:
        if not shown:
            abort(404)
        return Response(metrics.text(), content_type=CONTENT_TYPE)


def is_closed(connection: object) -> bool:
    """Tell whether the other end of a socket was closed; False for what is no plain socket."""
    if type(connection) is not socket.socket:
        return False
    if _HALF_CLOSED:  # seen also behind what was sent and not read
        poller = select.poll()
        try:
            poller.register(connection, _HALF_CLOSED)
        except ValueError:
            return True
        return bool(poller.poll(0))
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False  # open, and nothing more was sent
    except OSError:
        return True
