"""How long the request at hand may take, and whether anybody still waits for its answer.

The web application sets it for each request (`service.hooks`); whatever waits for a model or is
about to start work on one asks for it here. Outside a request patience is endless.
"""

import math
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from service.types import BusyError

arrived: ContextVar[float | None] = ContextVar("arrived", default=None)
"""When the request that this thread handles came, on `time.monotonic`'s clock, if that is known."""

TOO_LONG = "This took too long: the service is busy. Try again soon."
"""Said when a deadline has passed."""


class DeadlineError(BusyError):
    """A request could not be answered in its time."""


class ClientGoneError(Exception):
    """Whoever asked has closed the connection: nobody would read the answer."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Patience:
    """When a request must be done, on `time.monotonic`'s clock, and whether its client is gone.

    One that `asks_again` takes a refusal for a reason to wait.
    """

    ends: float = math.inf
    gone: Callable[[], bool] = _never
    asks_again: bool = False

    @property
    def left(self) -> float:
        """The seconds that are left, 0 where there are none."""
        return max(0.0, self.ends - time.monotonic())

    def check(self) -> None:
        """Raise DeadlineError or ClientGoneError where there is no point in going on."""
        if time.monotonic() >= self.ends:
            raise DeadlineError(TOO_LONG)
        if self.gone():
            raise ClientGoneError("The client has closed the connection.")


ENDLESS = Patience()

_current: ContextVar[Patience] = ContextVar("patience", default=ENDLESS)


def current() -> Patience:
    """Return the patience of the request that this thread handles."""
    return _current.get()


def use(patience: Patience) -> None:
    """Set the patience of the request that this thread handles from now on."""
    _current.set(patience)
