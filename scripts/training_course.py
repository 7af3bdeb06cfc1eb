"""How far a run is, how fast it learns there, and what it tells of itself (torch)."""

import json
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from models.training import finite_loss

LOG_SECONDS = 5.0
_WARM_UP = 0.1  # of the steps


def share_done(planned: float, seconds: float, minutes: float | None) -> float:
    """Return the share of a run that is behind, 1 or more at its end.

    A run ends with its plan, of which the share `planned` is behind, or before, where its `minutes`
    are over.

    >>> [share_done(0.25, 30, minutes) for minutes in (None, 1, 0.5)]
    [0.25, 0.5, 1.0]
    """
    return max(planned, seconds / (60 * minutes) if minutes else 0.0)


def rate_at(step: int, steps: int) -> float:
    """Return the share of the greatest learning rate: a linear rise, then a linear fall to 0.

    >>> [rate_at(step, 100) for step in (0, 9, 55, 100)]
    [0.1, 1.0, 0.5, 0.0]
    """
    rise = max(1, round(_WARM_UP * steps))
    return (step + 1) / rise if step < rise else (steps - step) / max(1, steps - rise)


def rate_after(done: float) -> float:
    """Return the same after a share of a run whose steps are not counted, such as one of minutes.

    >>> [rate_after(done) for done in (0.099, 0.55, 1.0)]
    [1.0, 0.5, 0.0]
    """
    return rate_at(round(1000 * done), 1000)


class RunLog:
    """Counts what a run does and keeps its losses, to tell of both now and then.

    `count` is all that was done, `losses` are those of the steps since it told something. They stay
    where they were computed: to look at them is to wait for a GPU.
    """

    count: int
    losses: list[Tensor]

    def __init__(self, folder: Path | None = None, before: float = 0.0) -> None:
        """Begin; rows go to `folder`. The run took `before` seconds until it was stopped."""
        self._folder = folder
        self._told_at = time.monotonic()
        self._began = self._told_at - before
        self.count = self._told = 0
        self.losses = []

    @property
    def seconds(self) -> float:
        """The seconds that the run has taken, also before it was stopped."""
        return time.monotonic() - self._began

    @property
    def speed(self) -> float:
        """What was done a second, since it told something."""
        return (self.count - self._told) / max(time.monotonic() - self._told_at, 1e-9)

    def add(self, count: int, losses: Tensor | None = None) -> None:
        """Count `count` more, and a step's losses, of the same shape each time."""
        self.count += count
        if losses is not None:
            self.losses.append(losses.detach())

    def is_due(self) -> bool:
        """Tell whether it is time to tell something: every few seconds."""
        return time.monotonic() - self._told_at >= LOG_SECONDS

    def mean(self) -> Tensor:
        """Return the losses' mean, of a step's shape. Raises ModelError where it isn't finite."""
        return finite_loss(torch.stack(self.losses).mean(0))

    def tell(self, line: str, row: Mapping[str, object] | None = None) -> None:
        """Print a line, and append a row to the log in the folder if there is one."""
        if self._folder and row:
            with (self._folder / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        print(line, flush=True)
        self._told_at, self._told, self.losses = time.monotonic(), self.count, []

    def tell_pace(self, name: str, done: float, unit: str, more: str = "") -> None:
        """Print how far a run of this name is, and how fast in a unit."""
        self.tell(
            f"{name} {done:6.1%}  {self.count:,} {unit}  {self.seconds:.1f} s  "
            f"{self.speed:,.0f} {unit} a second  {more}".rstrip()
        )
