"""What the commands that train a model share: files of questions, the run's folder, the output."""

import argparse
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from files.writing import write_durably
from models.contracts import ModelError
from scripts.arguments import numbered, some_path
from scripts.outputs import refusal

Kind: TypeAlias = Literal["corpus", "contexts", "made"]
"""Of a file of questions: where its passages come from, or that its questions were made up."""

_MOST_PASSES = 100

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
"""What a model that was trained takes over from its base, besides its configuration."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file of questions, how often a run goes through it, and where its passages come from.

    Those of the index (`corpus`), or the file's own; `made` says that it is one of made-up
    questions, which has no answers.
    """

    path: Path
    passes: float
    corpus: bool
    made: bool = False

    @property
    def kind(self) -> Kind:
        """The same in a word."""
        if self.made:
            return "made"
        return "corpus" if self.corpus else "contexts"


def source(*, corpus: bool = False, made: bool = False) -> Callable[[str], Source]:
    """Return an argparse type for FILE or FILE=NUMBER; FILE may hold a "=" where it is there."""

    def parse(text: str) -> Source:
        name, passes = numbered(text)
        if passes is None and ("=" not in text or Path(text).is_file()):
            passes = 1.0
        if passes is None or not 0 < passes <= _MOST_PASSES:
            raise argparse.ArgumentTypeError(
                f"{text!r}: write FILE or FILE=NUMBER, above 0 and at most {_MOST_PASSES}"
            )
        return Source(some_path(name), passes, corpus, made)

    return parse


def expect_to_replace(output: Path, *kept: Path | None) -> None:
    """Raise ModelError now, rather than after a training, where no folder can become `output`.

    Nor may one that holds something else than a model, for it would be lost, one that holds what is
    to be `kept`, which is what the command reads besides, or one in an index.
    """
    if not output.name:
        raise ModelError(f"{output} can't be replaced: name a folder in it")
    if output.exists() and not output.is_dir():
        raise ModelError(f"{output} is a file: name a folder")
    if wrong := refusal(output):
        raise ModelError(wrong)
    for one in filter(None, kept):
        if one.resolve().is_relative_to(output.resolve()):
            raise ModelError(
                f"{one} is needed too, and what is written to {output} would replace it: name "
                "another folder"
            )
    if output.is_dir() and any(output.iterdir()) and not _is_one_model(output):
        raise ModelError(f"{output} holds something else than a model: name another folder")
    _expect_room(output.absolute().parent, output)


def expect_to_keep(work: Path) -> None:
    """Raise ModelError now, rather than after mining, where a run can't keep anything in `work`."""
    if wrong := refusal(work):
        raise ModelError(wrong)
    _expect_room(work.absolute(), work)


def _expect_room(folder: Path, named: Path) -> None:
    """Raise ModelError where nothing can be written to a folder, nor it be made."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        raise ModelError(f"nothing can be written to {there}: name another place than {named}")


def _is_one_model(folder: Path) -> bool:
    """Tell whether a folder holds a model, and no others in folders of its own."""
    others = (path.parent for path in folder.glob("*/**/config.json"))
    return (folder / "config.json").is_file() and not any(
        (other / TOKENIZER_FILES[0]).is_file() for other in others
    )


def same_run(
    options: argparse.Namespace, read: Mapping[str, str], free: Collection[str] = ()
) -> None:
    """Note the arguments of a run in its folder, or see that they are those of the run in it.

    Those named in `free` may differ, and files of questions may lie in another folder; `read` says
    of all that is learnt from, or with, what it holds: a `checksum` or a model's identity. Raises
    ModelError where others do: its checkpoint would go on with other batches. Call it after the
    files of questions were read, so that a wrong file name does not begin a run.
    """
    arguments = {n: _noted(value) for n, value in sorted(vars(options).items()) if n not in free}
    arguments |= read
    noted = options.work / "arguments.json"
    options.work.mkdir(parents=True, exist_ok=True)
    if not noted.is_file():
        write_durably(noted, json.dumps(arguments, indent=2) + "\n")
        return
    try:
        before = dict(json.loads(noted.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ModelError(f"{noted} is damaged: give another --work") from error
    different = [name for name in arguments if before.get(name) != arguments[name]]
    if different:
        raise ModelError(
            f"the run in {options.work} has another {', '.join(different)}: give the same "
            "arguments to go on, or another --work to start afresh"
        )


def checksum(parts: Iterable[object]) -> str:
    """Return a checksum of values, by how they are written."""
    found = hashlib.sha256()
    for part in parts:
        found.update(f"{part!r}\n".encode())
    return found.hexdigest()


def _noted(value: object) -> str:
    """Return an argument's value as it is compared: of a file of questions without its folder."""
    if isinstance(value, list):
        return f"[{', '.join(map(_noted, value))}]"
    return str(replace(value, path=Path(value.path.name)) if isinstance(value, Source) else value)


@contextmanager
def replacing(output: Path) -> Iterator[Path]:
    """Yield a folder to write to, which becomes `output` in the end.

    What `output` held before stays, beside it, until the new one is in its place. Whoever may enter
    the folder may read its files: safetensors lets only the owner read weights.
    """
    temporary, before = (
        output.with_name(f".{output.name}.covidquest-{part}") for part in ("unfinished", "before")
    )
    if before.is_dir() and not output.exists():
        before.rename(output)  # a process was killed between the two renames below
    for folder in (temporary, before):
        shutil.rmtree(folder, ignore_errors=True)
    temporary.mkdir(parents=True)
    yield temporary
    for path in temporary.rglob("*"):
        if path.is_file():
            path.chmod(0o644)
    if output.is_dir():
        output.rename(before)
    temporary.rename(output)
    shutil.rmtree(before, ignore_errors=True)
