"""How far the fetching of the index is, for `/readyz` and the log."""

import logging

from service.background import LOADING

log = logging.getLogger(__name__)


class FetchProgress:
    """A `Progress` that remembers where it is. One thread writes it; any may ask."""

    def __init__(self) -> None:
        """Begin with nothing to fetch."""
        self._now: tuple[str, int, int, str] | None = None
        self._trouble = ""  # why the last try failed, until one goes on

    def stage(self, name: str, total: int, done: int, unit: str) -> None:
        """Begin a stage, of which `done` of `total` (0: unknown) are done already."""
        self._now, self._trouble = (name, total, done, unit), ""
        log.info("%s the index: %s", name, _share(total, done, unit))

    def advance(self, count: int) -> None:
        """Go on by `count`."""
        if self._now is not None:
            name, total, done, unit = self._now
            self._now = (name, total, done + count, unit)

    def failed(self, trouble: str) -> None:
        """Tell in the log, and whoever asks, why a try failed and when the next one is."""
        self._trouble = trouble
        log.warning("fetching the index failed: %s", trouble)

    def end(self) -> None:
        """Have the index: what remains is to load it."""
        self._now = None

    def told(self) -> str:
        """Say in a sentence what is being done.

        >>> progress = FetchProgress()
        >>> progress.stage("fetching", 340, 120, "MB")
        >>> progress.told()
        'The index is not there yet: fetching, 120 of 340 MB. Try again in a few seconds.'
        >>> progress.failed("timed out; the next try is in 4 s")
        >>> progress.told()
        'The index is not there yet: fetching, 120 of 340 MB (timed out; the next try is in 4 s).'
        """
        if self._now is None:
            return LOADING
        name, total, done, unit = self._now
        share = _share(total, done, unit)
        rest = f" ({self._trouble})." if self._trouble else ". Try again in a few seconds."
        return f"The index is not there yet: {name}, {share}{rest}"


def _share(total: int, done: int, unit: str) -> str:
    return f"{done:,} of {total:,} {unit}" if total else f"{done:,} {unit}"
