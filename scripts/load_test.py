"""Loads a running service on this machine and reports what its clients saw.

`steady`: so many clients ask for a time. `overload`: first the most that the service carries, then
twice as much, then how long until lone questions take as long as before. `stop`: the server's
master gets SIGTERM under load, and requests that were accepted and not answered are counted.
"""

import argparse
import math
import os
import signal
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count

from index.types import CorpusError
from scripts.arguments import at_least, command, some_path
from scripts.benchmark_clients import (
    ANSWERED,
    BUSY,
    TIMED_OUT,
    UNANSWERED,
    Client,
    Load,
    Questions,
    at_rate,
    closed_loop,
    is_loopback,
)
from scripts.benchmark_processes import MeasuringError, Memory, memory_of_family
from scripts.gold_questions import asked_or_suggested

_LONE = 7  # questions that tell how long a lone one takes
_BACK = 1.5  # times as long as before a lone question may take to count as normal again
_IN_A_ROW = 3  # normal ones that are wanted
_RECOVERY_LIMIT = 5.0  # seconds; longer than twice that nobody waits to see
_AT_ONCE = 1000.0  # milliseconds within which nearly all of the surplus must be refused
_STOP_AFTER = 0.4  # of the time, the server is told to stop
_EVERY = 5.0  # seconds between two looks at the memory


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command(
        "load_test", __doc__, example="overload --url http://127.0.0.1:8000 --pid 42"
    )
    add = arguments.add_argument
    add("what", choices=("steady", "overload", "stop"))
    add("--url", default="http://127.0.0.1:8000", help="of this machine (default: %(default)s)")
    add("--pid", type=at_least(1), metavar="PID", help="gunicorn's master, to watch and to stop")
    add("--clients", type=at_least(1), default=8, metavar="N", help="at once (default: 8)")
    add(
        "--seconds",
        type=at_least(1),
        metavar="S",
        help="default: 30; 180 of overload",
    )
    add(
        "--questions",
        type=some_path,
        metavar="FILE",
        help="in the SQuAD format (default: suggested)",
    )
    return arguments


class MemoryWatch:
    """Looks at the memory of a server's processes from time to time, in a thread of its own."""

    def __init__(self, pid: int | None) -> None:
        """Begin to watch; without a process there is nothing to see."""
        self.seen: list[Memory] = []
        self._pid = pid
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while self._pid is not None:
            try:
                self.seen.append(sum(memory_of_family(self._pid), start=Memory()))
            except MeasuringError:  # it has ended, which a test may want
                return
            if self._end.wait(_EVERY):
                return

    def stop(self) -> str:
        """End it; return what was seen, in one line."""
        self._end.set()
        self._thread.join()
        if not self.seen:
            return "memory not watched: give --pid"
        line = ", ".join(f"{memory.resident / 1e6:.0f}" for memory in thinned(self.seen))
        return f"resident MB of all its processes, over time: {line}; last: {self.seen[-1]}"


def thinned(seen: list[Memory], most: int = 10) -> list[Memory]:
    """Return at most `most` of a series, evenly apart, the last among them."""
    step = math.ceil(len(seen) / most)
    return seen[::-1][::step][::-1]


def described(load: Load) -> str:
    """Return what clients saw, in one line."""
    outcomes = ", ".join(f"{name}: {number}" for name, number in sorted(load.outcomes.items()))
    times = [f"p{100 * share:.0f} {load.milliseconds(share):,.0f}" for share in (0.5, 0.95, 0.99)]
    line = (
        f"{load.seconds:.0f} s, {load.rate:.2f} answers a second, {' '.join(times)} ms; {outcomes}"
    )
    others = load.milliseconds(0.95, answered=False)
    return line if math.isnan(others) else f"{line} (95 % of the others within {others:,.0f} ms)"


def steady(client: Client, options: argparse.Namespace) -> bool:
    """Load the server with so many clients; return whether all went well."""
    load = closed_loop(client, options.clients, options.seconds or 30)
    print(described(load))
    return set(load.outcomes) <= {ANSWERED, BUSY}


def overload(client: Client, options: argparse.Namespace) -> bool:
    """Offer twice what the server carries; return whether it bore that as it should."""
    lone = Lone(client, options.texts[:_LONE])
    print(f"a lone question: {1000 * lone.median:,.0f} ms")
    carried = closed_loop(client, options.clients, 20)
    print(f"{options.clients} clients: {described(carried)}")
    if not carried.rate:
        raise MeasuringError("the server answered nothing within 20 s: see its log")
    load = at_rate(client, 2 * carried.rate, options.seconds or 180)
    print(f"{2 * carried.rate:.2f} requests a second: {described(load)}", flush=True)
    last = max(x.began for x in load.exchanges)
    drained = max(x.began + x.took for x in load.exchanges) - last
    back = drained + recovery(lone.is_normal)
    print(
        f"the last of them was answered {drained:.1f} s after it came; "
        f"lone questions take less than {_BACK} times as long as before after {back:.1f} s"
    )
    refused = load.milliseconds(0.95, answered=False)
    at_once = math.isnan(refused) or refused < _AT_ONCE
    return set(load.outcomes) <= {ANSWERED, BUSY} and at_once and back < _RECOVERY_LIMIT


class Lone:
    """Some questions, and how long each takes when nothing else is asked.

    One takes many times as long as another, so each is compared with itself; a number behind it
    keeps it from being answered from the cache.
    """

    def __init__(self, client: Client, texts: Sequence[str]) -> None:
        """Ask each question once. Raises MeasuringError where one is not answered."""
        self._client = client
        self._before = {}
        for text in texts:
            asked = client.ask(question=f"{text} (study 0)")
            if asked.outcome != ANSWERED:
                raise MeasuringError(f"a lone question was not answered: {asked.outcome}")
            self._before[text] = asked.took
        self._turns = (
            (text, f"{text} (study 0{number})") for number in count() for text in self._before
        )

    @property
    def median(self) -> float:
        """The median time, in seconds."""
        return statistics.median(self._before.values())

    def is_normal(self) -> bool:
        """Ask the next one; tell whether it takes about as long as it did before."""
        text, marked = next(self._turns)
        asked = self._client.ask(question=marked)
        return asked.outcome == ANSWERED and asked.took < _BACK * self._before[text]


def recovery(ask: Callable[[], bool]) -> float:
    """Return the seconds until the first of three questions in a row that are normal again."""
    start = time.monotonic()
    first, in_a_row = start, 0
    while in_a_row < _IN_A_ROW and time.monotonic() < start + 2 * _RECOVERY_LIMIT:
        began = time.monotonic()
        if not ask():
            in_a_row = 0
            continue
        first = first if in_a_row else began
        in_a_row += 1
    return first - start if in_a_row == _IN_A_ROW else math.inf


def stop(client: Client, options: argparse.Namespace) -> bool:
    """Tell the server to stop while it is loaded; return whether nothing accepted was lost.

    Raises MeasuringError without a process to tell, or where it ends before it is told, and
    ProcessLookupError or PermissionError where there is none, or it is another user's.
    """
    if options.pid is None:
        raise MeasuringError("stop needs --pid, the process to send SIGTERM to")
    os.kill(options.pid, 0)  # raises here, and not later in the timer's thread
    seconds = options.seconds or 30
    told: list[float] = []

    def tell() -> None:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.kill(options.pid, signal.SIGTERM)
            told.append(time.monotonic())

    timer = threading.Timer(_STOP_AFTER * seconds, tell)
    timer.start()
    try:
        load = closed_loop(client, options.clients, seconds)
    finally:
        timer.cancel()
        timer.join()
    if not told:
        raise MeasuringError(
            f"process {options.pid}, or the server, ended before it was told to stop: see its log"
        )
    lost = load.outcomes[UNANSWERED] + load.outcomes[TIMED_OUT]
    after = [x for x in load.exchanges if x.outcome == ANSWERED and x.began + x.took > told[0]]
    print(f"{described(load)}\n{len(after)} answered after SIGTERM, {lost} accepted and lost")
    return lost == 0


def _client(options: argparse.Namespace) -> Client:
    """Return a client that has had an answer already. Raises MeasuringError without one."""
    if not is_loopback(options.url):
        raise MeasuringError(
            f"{options.url} is not plain HTTP on this machine: a load test stops other people's "
            "services; run it beside the server, as http://127.0.0.1:PORT"
        )
    client = Client(options.url, Questions(options.texts))
    if client.ask().outcome != ANSWERED:
        raise MeasuringError(f"{options.url} does not answer questions: see its /readyz")
    return client


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status: 1 where the server did not bear it well."""
    options = parser().parse_args(argv)
    try:
        options.texts = asked_or_suggested(options.questions)
        client = _client(options)
        watch = MemoryWatch(options.pid)
        well = {"steady": steady, "overload": overload, "stop": stop}[options.what](client, options)
        print(watch.stop())
    except (CorpusError, MeasuringError, ProcessLookupError, PermissionError) as error:
        print(f"load_test: {error}", file=sys.stderr)
        return 1
    print("well borne" if well else "NOT well borne")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
