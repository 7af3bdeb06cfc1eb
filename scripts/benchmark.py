"""Measures speed and memory of the service, beside the usual ways to read, in one table.

`stages` is a lone question by its stages; `reading` compares the readers with a plain loop over
the passages, one padded batch and Haystack's ExtractiveReader, on the same weights and passages;
`service` starts a server and loads it over HTTP; `floor` tells what reading must cost at least on
this machine; `gpu`, only where it is asked for, times torch's reading on a GPU by its parts, and
compares what it marks with what a CPU does. Cells with two numbers are the median and the 95th
percentile, unless they say else.
"""

import argparse
import json
import os
import platform
import sys
from dataclasses import replace
from pathlib import Path

from index.corpora.squad import read_squad
from index.parallel import cores
from index.types import CorpusError, IndexingError
from models.contracts import ModelError
from scripts.arguments import at_least, command, some_path
from scripts.benchmark_processes import MeasuringError
from scripts.benchmark_service import fill, serve, texts_of, titles_as_questions
from scripts.benchmark_table import Table
from scripts.gold_questions import asked_or_suggested
from scripts.haystack_client import expect_python
from service.loading import fitted_to, load_models, snapshot
from service.settings import Settings, StartError
from service.types import Query

SECTIONS = ("stages", "reading", "service", "floor", "gpu")
BACKENDS = ("onnx", "torch")


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command("benchmark", __doc__, example="--index var/cord19 --only stages reading")
    add = arguments.add_argument
    add(
        "--only",
        nargs="+",
        choices=SECTIONS,
        default=SECTIONS[:-1],
        help="sections (default: all but gpu)",
    )
    add("--index", type=some_path, metavar="DIR", help="default: COVIDQUEST_INDEX, else var/sample")
    add(
        "--backends",
        nargs="+",
        choices=BACKENDS,
        default=BACKENDS,
        help=f"default: {' '.join(BACKENDS)}",
    )
    add(
        "--questions",
        type=some_path,
        metavar="FILE",
        help="questions in the SQuAD format (default: the 30 suggested ones; for the service made "
        "from titles of the index)",
    )
    add("--cases", type=at_least(2), default=21, metavar="N", help="2 or more (default: 21)")
    add("--passages", type=at_least(1), default=20, metavar="N", help="passages (default: 20)")
    add(
        "--many",
        type=at_least(1),
        default=2000,
        metavar="N",
        help="passages that a GPU reads at once (default: 2000)",
    )
    add(
        "--haystack",
        type=some_path,
        metavar="PYTHON",
        help="the Python of an environment with requirements-benchmark.txt",
    )
    add(
        "--clients",
        type=at_least(1),
        nargs="+",
        default=[1, 2, 4, 8, 16],
        metavar="N",
        help="numbers of clients at once (default: 1 2 4 8 16)",
    )
    add("--seconds", type=at_least(1), default=10, metavar="S", help="for each (default: 10)")
    add(
        "--different",
        type=at_least(0),
        default=100,
        metavar="N",
        help="different questions before memory is measured once more (default: 100)",
    )
    add("--json", action="store_true", help="print the numbers as JSON")
    return arguments


def measure(options: argparse.Namespace) -> Table:
    """Run the sections that are wanted."""
    table = Table(options.backends)
    settings = {name: _settings(name, options.index) for name in options.backends}
    if set(options.only) & {"stages", "reading", "floor", "gpu"}:
        _in_this_process(table, options, settings)
    if "service" in options.only:
        index = next(iter(settings.values())).index
        questions = titles_as_questions(index)
        if options.questions is not None:
            questions = [gold.question for gold in read_squad(options.questions)] + questions
        for name in options.backends:
            served = serve(
                _variables(name) | {"COVIDQUEST_INDEX": str(index.resolve())},
                questions,
                options.clients,
                seconds=options.seconds,
                different=options.different,
            )
            fill(table, name, served, options.different)
    return table


def _in_this_process(
    table: Table, options: argparse.Namespace, settings: dict[str, Settings]
) -> None:
    import torch  # noqa: PLC0415 - seconds that --help need not wait

    from scripts import benchmark_sections as sections  # noqa: PLC0415 - likewise

    texts = list(dict.fromkeys(asked_or_suggested(options.questions)))[: options.cases]
    any_settings = next(iter(settings.values()))
    torch.set_num_threads(any_settings.threads or cores())
    models = {name: load_models(own) for name, own in settings.items()}
    cases = []
    if set(options.only) & {"reading", "floor", "gpu"}:
        first = next(iter(models.values()))
        some = snapshot(any_settings, first, fitted_to(any_settings, first))
        for text in texts:
            found = some.retrieve(text, options.passages)
            cases.append(sections.Case(text, [one.passage.text for one, _ in found]))
    if "reading" in options.only:
        sections.reading(
            table,
            {name: own.reader for name, own in models.items()},
            cases,
            weights=any_settings.reader,
            python=options.haystack,
        )
    if "floor" in options.only:
        sections.floor(table, cases, any_settings.reader, options.backends)
    if "gpu" in options.only:
        from scripts import benchmark_gpu  # noqa: PLC0415 - likewise

        benchmark_gpu.fill(
            table,
            "torch",
            cases,
            texts_of(any_settings.index, options.many),
            weights=(any_settings.encoder, any_settings.reader),
        )
    if "stages" in options.only:
        fresh = {
            name: snapshot(settings[name], own, fitted_to(settings[name], own))
            for name, own in models.items()
        }
        weight, top_k = any_settings.default_weight, any_settings.default_top_k
        queries = [Query(text, weight, top_k) for text in texts]
        sections.stages(table, fresh, queries)
        for name, own in models.items():  # one after the other: each would slow the others
            own.start_reading_ahead()
            sections.looking(table, name, fresh[name], queries)
            own.stop_reading_ahead()


def _settings(backend: str, index: Path | None) -> Settings:
    settings = Settings.from_environment(os.environ | _variables(backend))
    return replace(settings, index=index or settings.index)


def _variables(backend: str) -> dict[str, str]:
    return {"COVIDQUEST_BACKEND": backend, "COVIDQUEST_METRICS": "on"}


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    try:
        if options.haystack:
            expect_python(options.haystack)
        table = measure(options)
    except (CorpusError, IndexingError, MeasuringError, ModelError, StartError) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(table.cells(), indent=2))
    else:
        print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}\n")
        print(table.markdown())
    return 0


if __name__ == "__main__":
    sys.exit(main())
