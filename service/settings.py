"""Every setting of the service: its variable, default, unit and limits, declared once.

`Settings.from_environment(os.environ)` reads them; `settings_table()` documents them.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Self, TypeVar

from service.kinds import (
    ADDRESS,
    FILE,
    FOLDER,
    HOST,
    MODEL,
    SHA256,
    Kind,
    number,
    one_of,
    whole,
)

PREFIX = "COVIDQUEST_"

T = TypeVar("T")


class StartError(Exception):
    """What is set cannot be served. The message is one line: what is wrong and how to mend it."""


@dataclass(frozen=True, slots=True)
class Variable:
    """The environment variable behind a setting; `default` is written as in the documentation."""

    name: str
    default: str
    kind: Kind
    meaning: str
    unit: str


def _setting(
    name: str, default: T, kind: Kind, meaning: str, *, unit: str = "", shown: str = ""
) -> T:
    """Declare a field. `shown` is for readers, where the default itself would not tell them."""
    variable = Variable(name, shown or f"`{default}`", kind, meaning, unit)
    return field(default=default, metadata={"variable": variable})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one service, ready for use. `Settings()` has every default."""

    index: Path = _setting(  # noqa: RUF009 - a field of the dataclass
        "COVIDQUEST_INDEX",
        Path("var/sample"),
        FOLDER,
        "The index that questions are answered from.",
    )
    index_poll: float = _setting(
        "COVIDQUEST_INDEX_POLL",
        5.0,
        number(0, 3600),
        "How often to look for a new version of the index, which is then served without a "
        "restart; 0 never looks.",
        unit="seconds",
    )
    index_url: str = _setting(
        "COVIDQUEST_INDEX_URL",
        "",
        ADDRESS,
        "Where the index is fetched from at the start, packed by `scripts/pack_index.py`. It "
        "goes into `COVIDQUEST_INDEX`; set that too.",
        shown="not fetched",
    )
    index_sha256: str = _setting(
        "COVIDQUEST_INDEX_SHA256",
        "",
        SHA256,
        "The checksum of the file at `COVIDQUEST_INDEX_URL`, needed with it. An index that was "
        "fetched with the same checksum is not fetched again unless it was damaged since.",
        shown="–",
    )
    index_limit: int = _setting(
        "COVIDQUEST_INDEX_LIMIT",
        10_000,
        whole(1, 1_000_000),
        "The largest file that is fetched, and the most that it may unpack to.",
        unit="MB",
    )
    encoder: str = _setting(
        "COVIDQUEST_ENCODER",
        "default",
        MODEL,
        "The model that embeds questions; it must be the one that built the index. "
        'The default ships with the service; "stock" is all-MiniLM-L6-v2.',
    )
    reader: str = _setting(
        "COVIDQUEST_READER",
        "default",
        MODEL,
        "The model that marks answers in passages; the default ships with the service.",
    )
    device: str = _setting(
        "COVIDQUEST_DEVICE",
        "auto",
        one_of("auto", "cpu", "cuda"),
        "Where the models run; auto takes CUDA when there is a device.",
    )
    backend: str = _setting(
        "COVIDQUEST_BACKEND",
        "auto",
        one_of("auto", "onnx", "torch"),
        "What the models run on. `onnx` (ONNX Runtime, 8-bit integers) is for CPUs and needs "
        "no torch. auto takes torch on CUDA; elsewhere it takes ONNX Runtime if the model's "
        "folder has an ONNX file, else torch.",
    )
    candidates: int = _setting(
        "COVIDQUEST_CANDIDATES",
        40,
        whole(1, 500),
        "The most passages retrieved for a question. The reader reads only as many of them as "
        "the answers need. A higher number finds more and takes longer.",
        unit="passages",
    )
    default_weight: float = _setting(
        "COVIDQUEST_DEFAULT_WEIGHT",
        0.7,
        number(0, 1),
        "The reader's share in the final score when a question does not say; "
        "the rest is the retrieval's.",
    )
    default_top_k: int = _setting(
        "COVIDQUEST_DEFAULT_TOP_K",
        5,
        whole(1, 50),
        "How many answers are shown when a question does not say.",
        unit="answers",
    )
    no_answer_threshold: float = _setting(
        "COVIDQUEST_NO_ANSWER_THRESHOLD",
        0.3,
        number(0, 1),
        "Above this probability of no answer the page, the API, exports, batches and "
        "`scripts/ask.py` say that no reliable answer was found.",
    )
    feedback: Path | None = _setting(  # noqa: RUF009 - likewise
        "COVIDQUEST_FEEDBACK",
        None,
        FILE,
        "Where feedback on answers is stored, in SQLite; unset or blank, none is taken.",
        shown="none",
    )
    threads: int = _setting(
        "COVIDQUEST_THREADS",
        0,
        whole(0, 256),
        "Threads that a model's arithmetic uses in each worker; 0 takes all cores. "
        "ONNX Runtime reads one passage on each.",
        unit="threads",
    )
    workers: int = _setting(
        "COVIDQUEST_WORKERS",
        0,
        whole(0, 64),
        "Worker processes; each loads its own copy of the models. "
        "0 has one for each GPU that is visible, and one where there is none.",
        unit="processes",
    )
    web_threads: int = _setting(
        "COVIDQUEST_WEB_THREADS",
        24,
        whole(2, 256),
        "Requests that a worker handles at once. Must be more than `COVIDQUEST_QUEUE`, so that "
        "a thread is free to refuse the surplus; twice as many leave one free also while others "
        "wait for the same answer.",
        unit="threads",
    )
    queue: int = _setting(
        "COVIDQUEST_QUEUE",
        12,
        whole(1, 255),
        "The most questions that a worker computes at once; most of them wait for the models. "
        "A further question gets 503 with Retry-After at once. Who asks the same as another at "
        "the same time waits for that one's answer instead.",
        unit="questions",
    )
    deadline: float = _setting(
        "COVIDQUEST_DEADLINE",
        20.0,
        number(0.1, 600),
        "How long a question may take; one that takes longer gets 503 with Retry-After. A server "
        "that is told to stop has a second more than that to finish, and at least 25 seconds.",
        unit="seconds",
    )
    cache: int = _setting(
        "COVIDQUEST_CACHE",
        500,
        whole(0, 100_000),
        "Questions whose results a worker remembers, about 25 KB each; 0 remembers none.",
        unit="questions",
    )
    host: str | None = _setting(
        "COVIDQUEST_HOST",
        None,
        HOST,
        "The address to listen on. Without `PORT` only this machine can connect; with it, "
        "as platforms and containers set it, other machines can too.",
        shown="`127.0.0.1`, or `0.0.0.0` when `PORT` is set",
    )
    port: int | None = _setting(
        "PORT",
        None,
        whole(1, 65535),
        "The TCP port to listen on.",
        shown="`8000`",
    )
    metrics: str = _setting(
        "COVIDQUEST_METRICS",
        "on",
        one_of("on", "off"),
        "Whether `/metrics` shows figures to whoever asks.",
    )
    read_ahead: str = _setting(
        "COVIDQUEST_READ_AHEAD",
        "on",
        one_of("on", "off"),
        "Whether the service reads the rest of a question's passages while it has nothing else "
        "to do, so that a moved slider need not wait. It never does with several workers on a "
        "CPU, which don't know of each other, or without a cache.",
    )
    log_level: str = _setting(
        "COVIDQUEST_LOG_LEVEL",
        "info",
        one_of("debug", "info", "warning", "error"),
        "The least severe messages that are logged, on standard error.",
    )
    log_format: str = _setting(
        "COVIDQUEST_LOG_FORMAT",
        "text",
        one_of("text", "json"),
        "How a message is logged: as a line for people, or as a line that is a JSON object.",
    )

    @property
    def bind(self) -> str:
        """The address and port to listen on, as gunicorn writes it: `127.0.0.1:8000`."""
        host = self.host or ("0.0.0.0" if self.port else "127.0.0.1")  # noqa: S104 - a platform's router connects from outside
        return f"{f'[{host}]' if ':' in host else host}:{self.port or 8000}"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings; a variable that is unset or blank leaves its default.

        Raises:
            StartError: values out of range, or unknown variables. Names each and what is allowed.

        """
        values: dict[str, object] = {}
        problems: list[str] = []
        for name, variable in VARIABLES.items():
            text = environ.get(variable.name, "").strip()
            if not text:
                continue
            try:
                values[name] = variable.kind.parse(text)
            except ValueError:
                problems.append(f"{variable.name}={text!r} is not {variable.kind.allowed}")
        problems += _lacking_for_url(environ)
        problems += [_unknown(name) for name in sorted(environ) if _is_unknown(name)]
        settings = cls(**values)  # type: ignore[arg-type] # each parsed by its own field's kind
        if settings.queue >= settings.web_threads:
            problems.append(
                f"COVIDQUEST_QUEUE={settings.queue} is not less than "
                f"COVIDQUEST_WEB_THREADS={settings.web_threads}: lower it, or raise the other"
            )
        if problems:
            raise StartError("; ".join(problems))
        return settings


VARIABLES: dict[str, Variable] = {f.name: f.metadata["variable"] for f in fields(Settings)}
"""The variable of each setting, by the name of its field."""

_NAMES = [variable.name for variable in VARIABLES.values()]


def _lacking_for_url(environ: Mapping[str, str]) -> list[str]:
    """Say what must be set beside the address of an index, and is not."""
    given = {name for name, variable in VARIABLES.items() if environ.get(variable.name, "").strip()}
    needed = {"index_sha256": "the file's checksum", "index": "the folder that the index goes into"}
    return [
        f"COVIDQUEST_INDEX_URL needs {VARIABLES[name].name}, {what}"
        for name, what in needed.items()
        if "index_url" in given and name not in given
    ]


_OF_THE_TESTS = "COVIDQUEST_SHARED"  # the folder of a larger corpus, set while they run


def _is_unknown(name: str) -> bool:
    return name.startswith(PREFIX) and name not in _NAMES and name != _OF_THE_TESTS


def _unknown(name: str) -> str:
    known = [known.removeprefix(PREFIX) for known in _NAMES if known.startswith(PREFIX)]
    close = difflib.get_close_matches(name.removeprefix(PREFIX), known, n=1)
    return f"{name} is not a setting" + (f" (did you mean {PREFIX}{close[0]}?)" if close else "")


def settings_table() -> str:
    """Every setting as a row of a Markdown table, for docs/configuration.md."""
    lines = ["| Variable | Default | Unit | Allowed | Meaning |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| `{v.name}` | {v.default} | {v.unit or '–'} | {v.kind.allowed} | {v.meaning} |"
        for v in VARIABLES.values()
    ]
    return "\n".join(lines) + "\n"
