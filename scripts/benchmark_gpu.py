"""Times a reader on a GPU by its parts, beside what the GPU can do, and compares it with a CPU's.

Nothing here needs a GPU: on a CPU the same is measured, which tells little.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch

from models.contracts import Span
from models.encoder import SentenceEncoder
from models.loading import reader_folder
from models.reader import TransformersReader
from models.reading import Forward, Outputs, SpanReader
from models.spans import SpanCandidate
from models.windows import Batch
from scripts.benchmark_clients import percentile
from scripts.benchmark_sections import Case, network_of
from scripts.benchmark_table import Table

_SIDE = 8192  # rows and columns of the matrices whose product tells what the GPU can do
_COMPARED = 200  # passages that are read, and encoded, on a CPU too
_TIMES = 10  # products, or copies, in a row
_TRIES = 3

Shape = tuple[int, int]
"""Windows and tokens of a batch; a GPU may have to plan for one that it has not seen."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What one reading took, in seconds, and what was read.

    `forward` holds both transfers. `lengths` are the tokens of each window, without padding.
    """

    cutting: float
    forward: float
    decoding: float
    shapes: tuple[Shape, ...]
    lengths: tuple[int, ...]

    @property
    def total(self) -> float:
        """Seconds of all."""
        return self.cutting + self.forward + self.decoding


def by_parts(reader: SpanReader, question: str, passages: Sequence[str]) -> Parts:
    """Read passages; the forward passes come one after the other, between the other two parts."""
    batches: list[Batch] = []
    marks: list[float] = []

    def each(forward: Forward, made: Iterable[Batch]) -> list[Outputs]:
        batches.extend(made)
        marks.append(time.perf_counter())
        outputs = [forward(batch) for batch in batches]  # back in the host's memory, so it is over
        marks.append(time.perf_counter())
        return outputs

    timed = copy(reader)
    timed.each = each
    began = time.perf_counter()
    timed.read(question, passages)
    ended = time.perf_counter()
    cut, computed = marks
    return Parts(
        cut - began,
        computed - cut,
        ended - computed,
        tuple((len(batch.ids), batch.ids.shape[1]) for batch in batches),
        tuple(int(length) for batch in batches for length in batch.mask.sum(axis=1)),
    )


def new_and_known(
    reader: SpanReader, cases: Sequence[tuple[str, Sequence[str]]]
) -> tuple[list[Parts], list[Parts]]:
    """Read each case twice: what the first time took where the shape was new, and the second.

    The first case is read once before, so that nothing else is new.
    """
    seen = set(by_parts(reader, *cases[0]).shapes)
    new, known = [], []
    for case in cases:
        first = by_parts(reader, *case)
        if seen.isdisjoint(first.shapes):
            new.append(first)
        seen.update(first.shapes)
        known.append(by_parts(reader, *case))
    return new, known


def in_bulk(reader: SpanReader, question: str, passages: Sequence[str]) -> Parts:
    """Read many passages at once, several times, and return the median; the first is left out."""
    found = [by_parts(reader, question, passages) for _ in range(_TRIES + 1)][1:]
    return sorted(found, key=lambda parts: parts.total)[len(found) // 2]


def product_rate(device: str, side: int) -> float:
    """Return the operations a second of a product of two square matrices in half precision."""
    left, right = (torch.randn(side, side, device=device).half() for _ in range(2))
    return 2 * side**3 / _seconds(device, lambda: left @ right)


def copy_rate(device: str, side: int) -> float:
    """Return the bytes a second of a copy on the device, those read and those written."""
    source = torch.empty(4 * side, side, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _seconds(device, lambda: target.copy_(source))


def _seconds(device: str, work: Callable[[], object]) -> float:
    """Return what it takes once, of several in a row; the fastest of a few tries."""
    found = []
    for _ in range(_TRIES + 1):
        _wait(device)
        started = time.perf_counter()
        for _ in range(_TIMES):
            work()
        _wait(device)
        found.append((time.perf_counter() - started) / _TIMES)
    return min(found)


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize(device)


@dataclass(frozen=True, slots=True)
class Parity:
    """How alike two readers of the same weights are, over some passages.

    `same` is the share of passages in which both mark the same, `chosen` of those in which either
    marks another than its best pair. `score` is the greatest difference of two scores of the best
    pairs, and `states` of what the network's states add to a candidate's sum, where both have it.
    """

    passages: int
    same: float
    chosen: float
    score: float
    states: float


def parity(
    one: TransformersReader, other: TransformersReader, pairs: Sequence[tuple[str, str]]
) -> Parity:
    """Compare two readers by what they mark in each pair of a question and a passage."""
    spans, others = one.read_pairs(pairs), other.read_pairs(pairs)
    candidates, of_other = one.candidates(pairs), other.candidates(pairs)
    both = [*zip(spans, candidates, strict=True), *zip(others, of_other, strict=True)]
    chosen = [_is_chosen(span, found) for span, found in both]
    return Parity(
        passages=len(pairs),
        same=float(np.mean([_place(a) == _place(b) for a, b in zip(spans, others, strict=True)])),
        chosen=float(np.mean(np.logical_or(chosen[: len(pairs)], chosen[len(pairs) :]))),
        score=max(abs(a.score - b.score) for a, b in zip(spans, others, strict=True)),
        states=max(
            (
                abs(gained - there[place])
                for mine, theirs in zip(candidates, of_other, strict=True)
                for there in (_gains(theirs),)
                for place, gained in _gains(mine).items()
                if place in there
            ),
            default=0.0,
        ),
    )


def _place(span: Span | SpanCandidate) -> tuple[int, int]:
    return span.start, span.end


def _is_chosen(span: Span, candidates: Sequence[SpanCandidate]) -> bool:
    return bool(candidates) and _place(span) != _place(candidates[0])


def _gains(candidates: Sequence[SpanCandidate]) -> dict[tuple[int, int], float]:
    return {_place(c): float(np.trace(c.states)) for c in candidates if c.states is not None}


def fill(
    table: Table,
    column: str,
    cases: Sequence[Case],
    many: Sequence[str],
    *,
    weights: tuple[str, str],
    device: str = "cuda",
) -> None:
    """Fill in what torch does on a GPU: reading by its parts, `many` at once, likeness to a CPU.

    `weights` are the encoder's and the reader's. Raises ModelError where there is no GPU.
    """
    encoder, reader = weights
    ours = TransformersReader(reader, device=device)
    count = len(cases[0].passages)
    new, known = new_and_known(ours, cases)
    _parts(table, f"{count} passages of a new shape, ms", column, new)
    _parts(table, f"{count} passages of a known shape, ms", column, known)

    bulk = in_bulk(ours, cases[0].question, many)
    whose = f"{len(many):,} passages at once"
    _parts(table, f"{whose}, ms", column, [bulk])
    table.put(f"{whose}: passages a second", column, len(many) / bulk.total)
    table.put("forward passes alone: passages a second", column, len(many) / bulk.forward)
    if device != "cpu":
        memory = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
        table.put("most memory of the GPU, MB", column, *(size / 1e6 for size in memory))
    rate = network_of(reader_folder(reader)).operations(bulk.lengths) / bulk.forward
    most = product_rate(device, _SIDE)
    table.put("forward passes alone: TFLOP/s", column, rate / 1e12)
    table.put(f"product of two {_SIDE} x {_SIDE} matrices, fp16: TFLOP/s", column, most / 1e12)
    table.put("the forward passes' share of it, %", column, 100 * rate / most)
    table.put("copy: TB/s", column, copy_rate(device, _SIDE) / 1e12)

    pairs = [(case.question, text) for case in cases for text in case.passages][:_COMPARED]
    found = parity(ours, TransformersReader(reader, device="cpu"), pairs)
    those = f"of {len(pairs)} passages"
    table.put(f"{those}, the same span on a CPU in, %", column, 100 * found.same)
    table.put(f"{those}, another span than the best pair in, %", column, 100 * found.chosen)
    table.put("score of the best pair: differs at most by, thousandths", column, 1e3 * found.score)
    table.put("what the states add: differs at most by, thousandths", column, 1e3 * found.states)
    vectors, exact = (
        SentenceEncoder(encoder, device=where).encode_passages([text for _, text in pairs]).vectors
        for where in (device, "cpu")
    )
    least = float((vectors * exact).sum(axis=1).min())
    table.put("encoder: 1 less cosine with a CPU's vector, millionths", column, 1e6 * (1 - least))


def _parts(table: Table, measure: str, column: str, found: Sequence[Parts]) -> None:
    """Fill in the time of some readings, and of their parts; nothing where there is none."""
    for part, of in (
        ("", [one.total for one in found]),
        (": cutting into tokens", [one.cutting for one in found]),
        (": forward passes", [one.forward for one in found]),
        (": decoding", [one.decoding for one in found]),
    ):
        if of:
            times = [1000 * percentile(of, share) for share in (0.5, 0.95)]
            table.put(measure + part, column, *times[: len(of)])
