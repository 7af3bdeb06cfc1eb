"""Times the service: a lone question by stages in this process, many over HTTP in a server."""

import random
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path

from tqdm import tqdm

from index.manifest import current_version
from index.passages import PASSAGES, PassageStore
from scripts.benchmark_clients import ANSWERED, Client, Load, Questions, closed_loop, so_many
from scripts.benchmark_processes import Memory, memory_of_family, serving
from scripts.benchmark_table import Table
from service.types import AnswererProtocol, Query

LOOKED_AT = 0.3
"""Seconds that somebody looks at the answers before the slider is moved."""

_STEP = 0.19  # that the slider is moved at least; 0.7 - 0.5 is a little less than 0.2
_TITLES = 4000  # papers whose titles become questions
_LONGEST = 400  # characters of a title
_ASKING = 4  # clients that ask the different questions
_READ = "covidquest_passages_read_sum "  # a line of /metrics


@dataclass(frozen=True, slots=True)
class Took:
    """What one question took, in milliseconds, and how many passages were read for it.

    `again` is the same question once more, `moved` the same at once with another weight.
    """

    encode: float
    search: float
    read: float
    total: float
    again: float
    moved: float
    passages: int


def ask(answerer: AnswererProtocol, query: Query) -> Took:
    """Ask a question for the first time, then again, then with the slider moved."""
    found = answerer.answer(query)
    took = found.took_ms
    return Took(
        encode=took.encode,
        search=took.retrieve,
        read=took.read,
        total=took.total,
        again=_took(answerer, query),
        moved=_took(answerer, _moved(query)),
        passages=len(found.read),
    )


def _moved(query: Query) -> Query:
    """Return the query with its slider moved by two tenths or more, each question's elsewhere."""
    places = [place / 10 for place in range(11) if abs(place / 10 - query.weight) >= _STEP]
    return replace(query, weight=places[zlib.crc32(query.question.encode()) % len(places)])


def _took(answerer: AnswererProtocol, query: Query) -> float:
    started = time.perf_counter()
    answerer.answer(query)
    return 1000 * (time.perf_counter() - started)


def lone_questions(
    answerers: Mapping[str, AnswererProtocol], queries: Sequence[Query]
) -> dict[str, list[Took]]:
    """Ask each answerer all questions, in turns; what the first took is not counted."""
    found: dict[str, list[Took]] = {name: [] for name in answerers}
    for query in tqdm(queries, desc="asking", unit=" questions", mininterval=1):
        for name, answerer in answerers.items():
            found[name].append(ask(answerer, query))
    return {name: asked[1:] for name, asked in found.items()}


def moved_later(answerer: AnswererProtocol, queries: Sequence[Query]) -> list[float]:
    """Return the milliseconds that a moved slider takes once its answers were looked at.

    The answerer reads ahead meanwhile; its models have to be told to.
    """
    took = []
    for query in tqdm(queries, desc="looking", unit=" questions", mininterval=1):
        fresh = replace(query, question=f"{query.question} (study 2)")
        answerer.answer(fresh)
        time.sleep(LOOKED_AT)
        took.append(_took(answerer, _moved(fresh)))
    return took


def titles_as_questions(index: Path) -> list[str]:
    """Return different questions about what an index holds, from all over it, in no order."""
    with closing(PassageStore(current_version(index) / PASSAGES)) as store:
        step = max(1, store.passages // _TITLES)
        titles = {
            title: None
            for first in range(0, store.passages, step)
            for title, _, _ in store.texts(first, first + 1)
        }
    questions = [f"What is known about {title[:_LONGEST]}?" for title in titles if title]
    random.Random(0).shuffle(questions)  # noqa: S311 - the same every time
    return questions


def texts_of(index: Path, most: int) -> list[str]:
    """Return the texts of the first passages of an index."""
    with closing(PassageStore(current_version(index) / PASSAGES)) as store:
        return [text for _, _, text in store.texts(0, most)]


@dataclass(frozen=True, slots=True)
class Served:
    """What a server with one worker did.

    `loads` is what so many clients saw, by their number, and `passages` how many passages were
    read for them a second. `ready` and `later` are the memory of the worker when it was ready, and
    after `different` further questions; `whole` is that of all the server's processes together,
    then.
    """

    ready_after: float
    loads: dict[int, Load]
    passages: dict[int, float]
    ready: Memory
    later: Memory
    whole: Memory


def serve(
    environment: Mapping[str, str],
    questions: Sequence[str],
    clients: Sequence[int],
    *,
    seconds: float,
    different: int,
) -> Served:
    """Start a server, let so many clients ask for so many seconds each, then ask further questions.

    Each number of clients asks the same questions in the same order, but for a mark that keeps
    what was read before from being of use. Raises MeasuringError where the server does not start.
    """
    with serving(environment) as server:
        client = Client(server.url, Questions(questions))
        ready = _worker(memory_of_family(server.pid))
        client.ask()  # the first, which is not counted
        loads, passages = {}, {}
        for number in tqdm(clients, desc="loading", unit=" levels", disable=not clients):
            marked = Questions([f"{text} (cohort {number})" for text in questions])
            before = _passages_read(server.port)
            loads[number] = closed_loop(Client(server.url, marked), number, seconds)
            read = _passages_read(server.port) - before
            passages[number] = read / loads[number].seconds
        so_many(client, _ASKING, different)
        memories = memory_of_family(server.pid)
        return Served(
            server.ready_after,
            loads,
            passages,
            ready,
            _worker(memories),
            sum(memories, start=Memory()),
        )


def fill(table: Table, name: str, served: Served, different: int) -> None:
    """Fill in what a server did."""
    table.put("ready after the start, s", name, served.ready_after)
    for number, load in served.loads.items():
        who = f"{number} client{'s' if number > 1 else ''}"
        table.put(f"{who}: answers a second", name, load.rate)
        table.put(f"{who}: passages read a second", name, served.passages[number])
        times = load.milliseconds(0.5), load.milliseconds(0.95)
        table.put(f"{who}: a question, ms", name, *times)
        table.put(f"{who}: 99 % of questions within, ms", name, load.milliseconds(0.99))
        if others := load.outcomes.total() - load.outcomes[ANSWERED]:
            table.put(f"{who}: not answered", name, others)
    after = f"after {different:,} more questions"
    _memory(table, "worker when ready", name, served.ready)
    _memory(table, f"worker {after}", name, served.later)
    _memory(table, f"whole service {after}", name, served.whole)


def _memory(table: Table, whose: str, name: str, memory: Memory) -> None:
    resident, peak = memory.resident / 1e6, memory.peak / 1e6
    table.put(f"{whose}: resident / peak, MB", name, resident, peak)
    own = memory.proportional / 1e6, memory.anonymous / 1e6
    table.put(f"{whose}: proportional / anonymous, MB", name, *own)


def _passages_read(port: int) -> float:
    """Return how many passages a server has read for the answers that it has given."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        figures = connection.getresponse().read().decode()
    finally:
        connection.close()
    (line,) = (line for line in figures.splitlines() if line.startswith(_READ))
    return float(line.removeprefix(_READ))


def _worker(memories: Sequence[Memory]) -> Memory:
    """Return the memory of the worker: the largest process."""
    return max(memories, key=lambda memory: memory.resident)
