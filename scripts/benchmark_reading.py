"""Times ways to read the same passages with the same weights, in turns, so that noise is shared."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tqdm import tqdm

from scripts.benchmark_baselines import agreement
from scripts.benchmark_clients import percentile
from scripts.haystack_client import Range

_PAUSE = 0.03  # seconds: threads of one library that wait actively shall not slow the next one

Read = Callable[[str, Sequence[str]], tuple[list[Range], float]]
"""A way to read: question and passages to where the answers are, and the seconds that it took."""


@dataclass(frozen=True, slots=True)
class WayFigures:
    """How a way to read did, over some questions of as many passages each.

    `speed` is how many times as fast it is as the one that others are compared with, the median
    over the questions, each of which all ways read within a second or so. `agreement` is the share
    of the passages in which both mark an answer that it marks text in common with that one in.
    """

    p50_ms: float
    p95_ms: float
    passages_per_second: float
    speed: float
    agreement: float


def timed(read: Callable[[str, Sequence[str]], list[Range]]) -> Read:
    """Return a way to read with the time that it took on this side."""

    def with_time(question: str, passages: Sequence[str]) -> tuple[list[Range], float]:
        started = time.perf_counter()
        ranges = read(question, passages)
        return ranges, time.perf_counter() - started

    return with_time


def compare(
    ways: Mapping[str, Read], cases: Sequence[tuple[str, Sequence[str]]], against: str
) -> dict[str, WayFigures]:
    """Read every case in every way, each time beginning with another; compare with `against`."""
    names = list(ways)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    agreements: dict[str, list[float]] = {name: [] for name in names}
    for name in names:  # the first time of each is not counted
        ways[name](*cases[0])
    for number, case in enumerate(tqdm(cases, desc="reading", unit=" questions", mininterval=1)):
        first = number % len(names)
        ranges: dict[str, list[Range]] = {}
        for name in [*names[first:], *names[:first]]:
            time.sleep(_PAUSE)
            ranges[name], took = ways[name](*case)
            seconds[name].append(took)
        for name in names:
            agreements[name].append(agreement(ranges[name], ranges[against]))
    passages = statistics.fmean(len(texts) for _, texts in cases)
    return {
        name: WayFigures(
            p50_ms=1000 * statistics.median(seconds[name]),
            p95_ms=1000 * percentile(seconds[name], 0.95),
            passages_per_second=passages / statistics.median(seconds[name]),
            speed=statistics.median(
                other / own for other, own in zip(seconds[against], seconds[name], strict=True)
            ),
            agreement=statistics.fmean(agreements[name]),
        )
        for name in names
    }
