"""What the service counts and measures of itself, in the format of Prometheus.

With several workers each writes its figures to files that `prometheus_client` adds up, in the
folder that `gunicorn.conf.py` names in PROMETHEUS_MULTIPROC_DIR. Nothing here holds any text of a
question.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import asdict

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from service.patience import ClientGoneError, DeadlineError, current
from service.types import AnswerList, BusyError, Query, Source, TooLateError

log = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_LATEST

SHARED = "PROMETHEUS_MULTIPROC_DIR"

_SECONDS = (0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20)
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
_PASSAGES = (10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 500)


class Metrics:
    """The figures of one process. Make one: in shared files a second would overwrite the first."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._registry = CollectorRegistry()
        if SHARED not in os.environ:
            ProcessCollector(registry=self._registry)  # memory and processor time
        self._requests = self._counter(
            "covidquest_http_requests", "Responses, by route.", "method", "route", "status"
        )
        self._request_seconds = self._histogram(
            "covidquest_http_request_seconds", "Time to a response.", _SECONDS, "route"
        )
        self._stage_seconds = self._histogram(
            "covidquest_stage_seconds", "Time of each step of a question.", _SECONDS, "stage"
        )
        self._read = self._histogram(
            "covidquest_passages_read",
            "Passages that a question's answers needed, read now or before.",
            _PASSAGES,
        )
        self.read_ahead = self._counter(
            "covidquest_passages_read_ahead",
            "Passages that were read while nobody waited, for a slider that may move.",
        )
        self._batches = self._histogram(
            "covidquest_batch_size", "Texts in one call of a model.", _COUNTS, "kind"
        )
        self._lookups = self._counter(
            "covidquest_cache_lookups", "Looks into a cache.", "cache", "result"
        )
        self._rejections = self._counter(
            "covidquest_rejections", "Questions that were not answered.", "reason"
        )
        self.inside = self._gauge("covidquest_requests_inside", "Questions being computed.")
        self.waiting = self._gauge("covidquest_queue_length", "Requests that wait for a model.")
        self._index = self._gauge("covidquest_index_info", "1 for what is served.", "version")
        self._models = self._gauge(
            "covidquest_models_info", "1 for what serves.", "encoder", "reader", "device"
        )
        self._version = ""

    def text(self) -> bytes:
        """Return all figures, those of all workers where there are several."""
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # it has no types
        return generate_latest(registry)

    def responded(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a response."""
        self._requests.labels(method, route, status).inc()
        self._request_seconds.labels(route).observe(seconds)

    def batch(self, kind: str, size: int) -> None:
        """Count a call of a model."""
        self._batches.labels(kind).observe(size)

    def lookups(self, cache: str) -> Callable[[bool], None]:
        """Return what counts a look into a cache, given whether it was a hit."""
        hit, miss = (self._lookups.labels(cache, result) for result in ("hit", "miss"))
        return lambda found: (hit if found else miss).inc()

    def measured(self, answer: Callable[[Query], AnswerList], query: Query) -> AnswerList:
        """Answer a question by `answer`; count, time and log it. Errors are those of `answer`."""
        try:
            found = answer(query)
        except (BusyError, ClientGoneError) as error:
            self._rejections.labels(_reason(error)).inc()
            raise
        took = found.took_ms
        for stage, milliseconds in asdict(took).items():
            self._stage_seconds.labels(stage).observe(milliseconds / 1000)
        self._read.observe(len(found.read))
        log.info(
            "answered in %.0f ms (encode %.0f, retrieve %.0f, read %.0f), %d passages read",
            *(took.total, took.encode, took.retrieve, took.read, len(found.read)),
        )
        return found

    def serving(self, source: Source) -> None:
        """Tell the version of the index and the models that serve from now on."""
        if self._version:
            self._index.labels(self._version).set(0)
        self._version = source.index_version
        self._index.labels(self._version).set(1)
        self._models.labels(source.encoder, source.reader, source.device).set(1)

    def _counter(self, name: str, help_: str, *labels: str) -> Counter:
        return Counter(name, help_, labels, registry=self._registry)

    def _gauge(self, name: str, help_: str, *labels: str) -> Gauge:
        mode = "livemax" if labels else "livesum"
        return Gauge(name, help_, labels, registry=self._registry, multiprocess_mode=mode)  # type: ignore[arg-type] # one of its literals

    def _histogram(
        self, name: str, help_: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(name, help_, labels, buckets=buckets, registry=self._registry)


def _reason(error: BusyError | ClientGoneError) -> str:
    """Return why a question was not answered; what is refused may be asked again."""
    if isinstance(error, ClientGoneError):
        return "client gone"
    if isinstance(error, DeadlineError):
        return "deadline"
    if current().asks_again:
        return "asked again"
    return "too slow" if isinstance(error, TooLateError) else "queue full"
