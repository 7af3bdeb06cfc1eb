"""The sections of the benchmark: each fills some rows of its table."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import torch

from models.contracts import ModelError, Reader
from models.loading import read_config, reader_folder
from models.tokenizer import load_tokenizer
from models.windows import Windower
from scripts.benchmark_baselines import PlainReading, ours
from scripts.benchmark_clients import percentile
from scripts.benchmark_floor import Network, matrix_rates
from scripts.benchmark_reading import Read, compare, timed
from scripts.benchmark_service import LOOKED_AT, lone_questions, moved_later
from scripts.benchmark_table import Table
from scripts.haystack_client import Range, haystack
from service.types import AnswererProtocol, Query

READING = "reading {} passages, ms"
_LOOP, _BATCH = "plain loop", "padded batch"


class Case(NamedTuple):
    """A question and the passages that are read for it."""

    question: str
    passages: Sequence[str]


def stages(
    table: Table, answerers: Mapping[str, AnswererProtocol], queries: Sequence[Query]
) -> None:
    """Fill in what a lone question takes, by stage, and what it takes the next time."""
    for name, asked in lone_questions(answerers, queries).items():
        for measure, field in (
            ("encode, ms", "encode"),
            ("search, ms", "search"),
            ("read, ms", "read"),
            ("total, ms", "total"),
            ("passages read for a question", "passages"),
            ("the question again, ms", "again"),
            ("the slider moved at once, ms", "moved"),
        ):
            values = [float(getattr(one, field)) for one in asked]
            table.put(measure, name, percentile(values, 0.5), percentile(values, 0.95))


def looking(table: Table, name: str, answerer: AnswererProtocol, queries: Sequence[Query]) -> None:
    """Fill in what a moved slider takes that was read ahead for."""
    values = moved_later(answerer, queries)
    measure = f"the slider moved {LOOKED_AT:g} s later, ms"
    table.put(measure, name, percentile(values, 0.5), percentile(values, 0.95))


def reading(
    table: Table,
    readers: Mapping[str, Reader],
    cases: Sequence[Case],
    *,
    weights: str,
    python: Path | None,
) -> None:
    """Fill in what reading takes, for our readers and for others with the same weights.

    `python` is the Python of an environment with Haystack; without it there is no such column.
    """
    folder = reader_folder(weights)
    plain = PlainReading(folder)
    with ExitStack() as stack:
        ways: dict[str, Read] = {name: timed(_marking(reader)) for name, reader in readers.items()}
        ways |= {_LOOP: timed(plain.one_at_a_time), _BATCH: timed(plain.one_padded_batch)}
        against = _LOOP
        if python:
            other = stack.enter_context(haystack(python, folder, torch.get_num_threads()))
            against = f"Haystack {other.version}"
            ways[against] = other.read
        found = compare(ways, cases, against)
    count = len(cases[0].passages)
    for name, figures in found.items():
        table.put(READING.format(count), name, figures.p50_ms, figures.p95_ms)
        table.put("passages a second", name, figures.passages_per_second)
        table.put(f"times as fast as {against}", name, figures.speed)
        table.put(f"passages with the answer of {against}, %", name, 100 * figures.agreement)


def _marking(reader: Reader) -> Callable[[str, Sequence[str]], list[Range]]:
    return lambda question, passages: ours(reader.read(question, passages))


def floor(table: Table, cases: Sequence[Case], weights: str, columns: Sequence[str]) -> None:
    """Fill in the least that reading can take here, and how much of these columns' time it is."""
    folder = reader_folder(weights)
    network = network_of(folder)
    windower = Windower(load_tokenizer(folder))
    operations = [network.operations([len(w.ids) for w in windower.split(*case)]) for case in cases]
    needed = sum(operations) / len(operations)
    measure = READING.format(len(cases[0].passages))
    for kind, rate in matrix_rates(torch.get_num_threads()).items():
        least = 1000 * needed / rate
        table.put("operations for it, thousand million", f"floor in {kind}", needed / 1e9)
        table.put("thousand million operations a second", f"floor in {kind}", rate / 1e9)
        table.put(measure, f"floor in {kind}", least)
        for column in columns:
            if took := table.get(measure, column):
                table.put(f"of it the floor in {kind}, %", column, 100 * least / took[0])


def network_of(folder: Path) -> Network:
    """Return the sizes of the network in a model's folder."""
    config = read_config(folder)
    named = (  # the second ones are DistilBERT's
        ("num_hidden_layers", "n_layers"),
        ("hidden_size", "dim"),
        ("intermediate_size", "hidden_dim"),
    )
    try:
        return Network(*(config.get(one) or config[other] for one, other in named))
    except KeyError as error:
        raise ModelError(f"{folder / 'config.json'} does not tell {error}") from error
