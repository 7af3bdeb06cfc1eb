"""Clients that ask a running service questions: closed loops, or arrivals at a rate."""

import json
import math
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from itertools import count
from urllib.parse import urlsplit

ANSWERED = "200"
BUSY = "503"
REFUSED = "refused"
"""No connection was made: the server did not listen any more."""
UNANSWERED = "unanswered"
"""A connection was made and closed without an answer: if the server had accepted it, it is lost."""
TIMED_OUT = "timed out"

_LONGEST = 40.0  # seconds that a client waits for an answer
_PAUSE = 1.0  # seconds that a client waits that was turned away, as Retry-After tells it
_PATH = "/api/v1/answers"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request: when it began, how long it took, in seconds, and its outcome.

    The outcome is the HTTP status as a text, or `REFUSED`, `UNANSWERED` or `TIMED_OUT`.
    """

    began: float
    took: float
    outcome: str


@dataclass(frozen=True, slots=True)
class Load:
    """What some clients saw within `seconds`."""

    seconds: float
    exchanges: tuple[Exchange, ...]

    @property
    def outcomes(self) -> Counter[str]:
        """How many requests had each outcome."""
        return Counter(one.outcome for one in self.exchanges)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.outcomes[ANSWERED] / self.seconds

    def milliseconds(self, share: float, *, answered: bool = True) -> float:
        """Return the time within which that share of the answers came, or of all else.

        NaN where there was none.
        """
        return percentile(
            [1000 * x.took for x in self.exchanges if (x.outcome == ANSWERED) == answered], share
        )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the least of the values that a share of them does not exceed; NaN without values.

    >>> percentile([4, 1, 3, 2], 0.5), percentile(range(1, 101), 0.95), percentile([7], 0.95)
    (2, 95, 7)
    """
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1] if values else math.nan


class Questions:
    """An endless supply of questions, no two the same. Safe to use from threads."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Take questions; when they are used up they come again, with a number behind each.

        Raises ValueError where there is none.
        """
        if not texts:
            raise ValueError("there is no question to ask")
        self._endless = self._all(tuple(dict.fromkeys(texts)))
        self._turn = threading.Lock()

    @staticmethod
    def _all(texts: tuple[str, ...]) -> Iterator[str]:
        yield from texts
        for again in count(2):
            yield from (f"{text} (study {again})" for text in texts)

    def next(self) -> str:
        """Return the next question."""
        with self._turn:
            return next(self._endless)


class Client:
    """Asks a server at `http://host:port`, each time over a new connection."""

    def __init__(self, url: str, questions: Questions) -> None:
        """Take the server's URL, and the questions."""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._questions = questions

    def ask(self, **more: object) -> Exchange:
        """Ask the next question, with further members of the request's body."""
        body = json.dumps({"question": self._questions.next(), **more})
        connection = HTTPConnection(self._host, self._port, timeout=_LONGEST)
        began = time.monotonic()
        try:
            outcome = self._outcome(connection, body)
        finally:
            connection.close()
        return Exchange(began, time.monotonic() - began, outcome)

    @staticmethod
    def _outcome(connection: HTTPConnection, body: str) -> str:
        try:
            connection.connect()
        except OSError:
            return REFUSED
        try:
            connection.request("POST", _PATH, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
        except TimeoutError:
            return TIMED_OUT
        except (OSError, HTTPException):
            return UNANSWERED
        return str(response.status)


def closed_loop(client: Client, clients: int, seconds: float) -> Load:
    """Return what `clients` see that ask again as soon as they have an answer.

    One that is turned away for now waits a second; one that finds nobody listening leaves.
    """
    end = time.monotonic() + seconds

    def ask_on(stopped: threading.Event) -> list[Exchange]:
        found: list[Exchange] = []
        while time.monotonic() < end and not stopped.is_set():
            found.append(client.ask())
            if found[-1].outcome == REFUSED:
                break
            if found[-1].outcome == BUSY:
                stopped.wait(_PAUSE)
        return found

    return _together(ask_on, clients, time.monotonic())


def so_many(client: Client, clients: int, number: int) -> Load:
    """Return what `clients` see that ask `number` questions between them."""
    return _numbered(client, clients, number, apart=0.0)


def at_rate(client: Client, rate: float, seconds: float, most: int = 256) -> Load:
    """Return what comes of `rate` requests a second, whatever the server answers.

    At most `most` are under way at once; beyond that they come late.
    """
    return _numbered(client, most, round(rate * seconds), apart=1 / rate)


def _numbered(client: Client, threads: int, number: int, *, apart: float) -> Load:
    """Return what comes of `number` requests that begin `apart` seconds after each other."""
    start = time.monotonic()
    numbers = iter(range(number))
    turn = threading.Lock()

    def ask_in_time(stopped: threading.Event) -> list[Exchange]:
        found: list[Exchange] = []
        while True:
            with turn:
                place = next(numbers, None)
            if place is None or stopped.wait(max(0.0, start + place * apart - time.monotonic())):
                return found
            found.append(client.ask())

    return _together(ask_in_time, threads, start)


def _together(
    work: Callable[[threading.Event], list[Exchange]], threads: int, start: float
) -> Load:
    """Do the work in so many threads. Where one fails, or we are interrupted, the others stop."""
    stopped = threading.Event()
    with ThreadPoolExecutor(threads) as pool:
        try:
            parts = [pool.submit(work, stopped) for _ in range(threads)]
            found = [exchange for part in parts for exchange in part.result()]
        finally:
            stopped.set()
    return Load(time.monotonic() - start, tuple(sorted(found, key=lambda exchange: exchange.began)))


def is_loopback(url: str) -> bool:
    """Tell whether a URL is of plain HTTP and of this machine.

    >>> is_loopback("http://127.0.0.1:8000"), is_loopback("http://example.org")
    (True, False)
    """
    try:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or parts.port == 0:
            return False
        found = socket.getaddrinfo(parts.hostname, None)
    except (OSError, ValueError):  # no such name; no such port, or no URL
        return False
    return all(address[4][0] in {"127.0.0.1", "::1"} for address in found)
