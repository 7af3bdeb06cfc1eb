"""One thread, or two, that compute with the models for all requests, in batches that these share.

Two forward passes of torch side by side take longer than one after the other, so they take turns
here; ONNX Runtime's texts take turns in its own threads, so two batches may be under way. A
request that comes alone is computed at once. What comes while a thread computes is its next
batch: a share of each request in turn, beginning with the nearest deadline, until it is full.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any, Generic, TypeVar

from service.metrics import Metrics
from service.patience import TOO_LONG, ClientGoneError, DeadlineError, Patience, current

In = TypeVar("In")
Out = TypeVar("Out")

_LINGER = 0.002
"""Seconds that a batch with room waits for requests that are on their way to it."""


@dataclass(eq=False, slots=True)
class _Job:
    """What one request wants computed.

    `items` before place `taken` are in a batch already; `left` have no result yet.
    """

    items: Sequence[Any]
    patience: Patience
    results: list[Any]
    left: int
    taken: int = 0
    done: "Future[None]" = field(default_factory=Future)

    def wanted(self) -> bool:
        """Tell whether there is still a point in computing it; if not, whoever waits is told."""
        if self.taken == 0 and not self.done.set_running_or_notify_cancel():
            return False
        try:
            self.patience.check()
        except (DeadlineError, ClientGoneError) as error:
            self.done.set_exception(error)
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Part:
    """The items of a job, from place `begin` to before `end`, that are in one batch."""

    job: _Job
    begin: int
    end: int

    @property
    def items(self) -> Sequence[Any]:
        return self.job.items[self.begin : self.end]

    def finish(self, results: Sequence[Any]) -> None:
        self.job.results[self.begin : self.end] = results
        self.job.left -= len(results)
        if not self.job.left and not self.job.done.done():
            self.job.done.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.job.done.done():
            self.job.done.set_exception(error)


@dataclass(eq=False, slots=True)
class Lane(Generic[In, Out]):
    """One way to compute: `compute` takes at most `most` items, of which a request has `share`."""

    name: str
    compute: Callable[[list[In]], Sequence[Out]]
    most: int
    share: int
    jobs: "deque[_Job]" = field(default_factory=deque)

    def take(self) -> list[_Part]:
        """Take the next batch: by deadline a share of each job, in turn, until it is full."""
        parts: list[_Part] = []
        room = self.most
        self.jobs = deque(sorted(self.jobs, key=lambda job: job.patience.ends))
        while room and self.jobs:
            job = self.jobs.popleft()
            if job.done.done() or not job.wanted():
                continue
            end = min(job.taken + min(self.share, room), len(job.items))
            parts.append(_Part(job, job.taken, end))
            room -= end - job.taken
            job.taken = end
            if end < len(job.items):
                self.jobs.append(job)
        return parts

    def results(self, items: list[In]) -> Sequence[Out]:
        """Compute a batch. Raises RuntimeError where not each item has its result.

        With one too few, each item after it would be given the result of another.
        """
        found = self.compute(items)
        if len(found) != len(items):
            raise RuntimeError(f"{len(found)} results came for {len(items)} {self.name}")
        return found

    @property
    def waiting(self) -> int:
        """How many items wait."""
        return sum(len(job.items) - job.taken for job in self.jobs)


class Batcher:
    """Computes for all threads on its own. Earlier lanes go first: theirs is less work.

    `inside()` tells how many requests there are that may want something computed. Two `threads`
    are for models that share a pool of threads between the batches they are given: while one batch
    is cut into tokens, or its answers are looked for, the next one is computed.
    """

    def __init__(
        self,
        lanes: Sequence[Lane[Any, Any]],
        *,
        inside: Callable[[], int],
        metrics: Metrics,
        threads: int = 1,
    ) -> None:
        """Start the threads; they don't hold up the end of the process."""
        self._lanes = lanes
        self._inside = inside
        self._metrics = metrics
        self._changed = Condition()
        for number in range(1, threads + 1):
            Thread(target=self._run, name=f"models-{number}", daemon=True).start()

    def compute(self, lane: Lane[In, Out], items: Sequence[In]) -> list[Out]:
        """Return the lane's result for each item, in order.

        Raises DeadlineError and ClientGoneError as the request's patience ends, and what the
        lane's function raises.
        """
        patience = current()
        patience.check()
        if not items:
            return []
        job = _Job(items, patience, [None] * len(items), len(items))
        with self._changed:
            lane.jobs.append(job)
            self._metrics.waiting.inc()
            self._changed.notify_all()
        try:
            job.done.result(None if patience.ends == math.inf else patience.left)
        except TimeoutError:
            job.done.cancel()
            raise DeadlineError(TOO_LONG) from None
        finally:
            self._metrics.waiting.dec()
        return job.results

    def _run(self) -> None:
        while True:
            with self._changed:
                while not any(lane.jobs for lane in self._lanes):
                    self._changed.wait()
                self._linger()
                lane = next((lane for lane in self._lanes if lane.jobs), None)
                parts = lane.take() if lane else []  # another thread may have taken all meanwhile
            if lane and parts:
                self._compute(lane, parts)

    def _linger(self) -> None:
        """Wait a moment for requests that are between two steps, where the batch has room."""
        end = time.monotonic() + _LINGER
        *sooner, last = self._lanes
        while (
            not any(lane.jobs for lane in sooner)
            and last.waiting < last.most
            and self._inside() > len(last.jobs)
            and (left := end - time.monotonic()) > 0
        ):
            self._changed.wait(left)

    def _compute(self, lane: Lane[Any, Any], parts: Sequence[_Part]) -> None:
        """Compute one batch. One that fails is computed request by request, to fail only one."""
        items = [item for part in parts for item in part.items]
        self._metrics.batch(lane.name, len(items))
        try:
            results = lane.results(items)
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            if len(parts) == 1:
                with self._changed:
                    parts[0].fail(error)
            else:
                for part in parts:
                    self._compute(lane, [part])
            return
        at = 0
        with self._changed:
            for part in parts:
                part.finish(results[at : at + part.end - part.begin])
                at += part.end - part.begin
