"""Goes over to each new version of the index while requests are answered."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import Protocol

from index.filters import Facets
from index.types import AlteredError, MisfitError, Passage
from models.contracts import FloatArray
from service.background import log_failure
from service.metrics import Metrics
from service.types import AnswererProtocol, AnswerList, Query, Source

log = logging.getLogger(__name__)

_TRIES = 6
"""How often a snapshot is tried that fails because the next version came while it was taken."""
_FIRST_PAUSE, _LONGEST_PAUSE = 30.0, 600.0
"""Seconds until a version is tried again that could not be opened, as for want of memory."""


class Snapshot(AnswererProtocol, Protocol):
    """An answerer from one version of the index, which never changes."""

    source: Source


class Following:
    """Answers each question from the version of the index that is current when it comes.

    A question is answered by one snapshot from start to end. A snapshot that was replaced is let
    go, and its files are closed, when the last question that it answers is done: nothing else
    refers to it. A version that cannot be opened is told once, and the one before goes on; it is
    tried again unless that is for nothing: its files were altered, or are for another service.
    """

    def __init__(
        self,
        pointer: Path,
        take: Callable[[], Snapshot],
        *,
        every: float,
        metrics: Metrics,
    ) -> None:
        """Take the first snapshot, and look at `pointer` every so many seconds; 0 never does.

        `pointer` is the file that names the current version and is replaced with each, `take`
        returns a snapshot of that version. What is served and answered is counted in `metrics`.
        Raises what `take` does.
        """
        self._metrics = metrics
        self._pointer = pointer
        self._take = take
        self._again = math.inf  # when to look though nothing has changed
        self._pause = _FIRST_PAUSE
        self._reason = ""  # why the version that is seen could not be opened
        self._seen = _mark(pointer)  # before the snapshot: what comes meanwhile is seen later
        self._snapshot = self._taken()
        self._tell()
        if every:
            thread = Thread(target=self._watch, args=(every,), name="following", daemon=True)
            thread.start()

    @property
    def facets(self) -> Facets:
        """The names that there are to filter by, in the version that is current."""
        return self._snapshot.facets

    def answer(self, query: Query) -> AnswerList:
        """Answer one question. Raises BusyError when too many are waiting."""
        return self._metrics.measured(self._snapshot.answer, query)

    def sentence_vectors(self, texts: Sequence[str]) -> FloatArray:
        """Return a unit vector a text. Raises BusyError when too many are waiting."""
        return self._snapshot.sentence_vectors(texts)

    def passage(self, passage_id: int) -> tuple[Passage, Source]:
        """Return a passage, and what answers now. Raises KeyError where the index has none such."""
        return self._snapshot.passage(passage_id)

    def look(self) -> None:
        """Go over to the current version, if `pointer` was replaced since the last look.

        Also if it is time to try it again.
        """
        mark = _mark(self._pointer)
        if mark != self._seen:
            self._pause, self._reason = _FIRST_PAUSE, ""
        elif time.monotonic() < self._again:
            return
        self._seen, self._again = mark, math.inf
        serving = self._snapshot.source.index_version
        if _text(self._pointer) == serving:
            return
        try:
            self._snapshot = self._taken()
        except Exception as error:  # noqa: BLE001 - whatever it is, the version before is served
            if repr(error) != self._reason:
                log_failure(logging.ERROR, f"still serving index version {serving}", error)
            self._reason = repr(error)
            if _may_pass(error):
                self._again = time.monotonic() + self._pause
                self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        else:
            self._tell()

    def _tell(self) -> None:
        log.info("serving index version %s", self._snapshot.source.index_version)
        self._metrics.serving(self._snapshot.source)

    def _taken(self) -> Snapshot:
        for _ in range(_TRIES - 1):
            mark = _mark(self._pointer)
            try:
                return self._take()
            except Exception:
                if _mark(self._pointer) == mark:
                    raise
        return self._take()

    def _watch(self, every: float) -> None:
        while True:
            time.sleep(every)
            self.look()


def _may_pass(error: BaseException | None) -> bool:
    """Tell whether what failed may succeed later: damage, which checksums tell, and misfits don't.

    What the system would not give comes in many forms from the libraries that open files.
    """
    while error is not None:
        if isinstance(error, AlteredError | MisfitError):
            return False
        error = error.__cause__
    return True


def _mark(pointer: Path) -> tuple[int, int] | None:
    """Return what tells one `pointer` from the next, without reading it; None without one."""
    try:
        found = pointer.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _text(pointer: Path) -> str:
    try:
        return pointer.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
