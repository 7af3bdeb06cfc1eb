"""The loop that trains a reader: its plan, batch by batch, with checkpoints and a log (torch)."""

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import torch

from index.types import CorpusError
from models.finetuning import Network, optimizer_of
from models.training import Training, finite_loss
from scripts.reader_lessons import Lesson, Lessons
from scripts.reader_losses import Teacher, loss_of
from scripts.training_plan import rate_after

_LOG_STEPS = 50


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: whole pools, batches of the one after them, examples read, and seconds.

    `planned` is the share of the plan that is behind: some of what is planned gives no example.
    """

    pools: int = 0
    batches: int = 0
    examples: int = 0
    planned: float = 0.0
    seconds: float = 0.0

    @classmethod
    def of(cls, saved: Mapping[str, float]) -> Self:
        """Return what a checkpoint says; nothing is behind where there is none."""
        if not saved:
            return cls()
        pools, batches, examples = (int(saved[name]) for name in ("pools", "batches", "examples"))
        return cls(pools, batches, examples, saved["planned"], saved["seconds"])

    def done(self, minutes: float | None) -> float:
        """Return the share of the run that is behind, 1 or more at its end.

        A run ends with its plan, or before, where its `minutes` are over.
        """
        return max(self.planned, self.seconds / (60 * minutes) if minutes else 0.0)


def train(
    network: Network, lessons: Lessons, options: argparse.Namespace, teacher: Teacher | None
) -> None:
    """Train to the end of the plan or of the time, from the checkpoint where there is one.

    Raises CorpusError where no example can be learnt, and ModelError where the loss overflows.
    """
    folder: Path = options.work
    training = Training(network, optimizer_of(network, options.rate), folder)
    progress = Progress.of(training.progress)
    began = 0.0
    losses: list[torch.Tensor] = []
    for lesson, after in _steps(lessons, progress, options.processes):
        if not began:  # now: the first windows may have taken a minute to make
            began = time.monotonic() - progress.seconds
        done = progress.done(options.minutes)
        if done >= 1:
            break
        loss = loss_of(network, lesson, teacher)
        training.learn(loss, rate_after(done))
        losses.append(loss.detach())  # read when they are logged: a GPU is not waited for
        progress = replace(
            after,
            examples=progress.examples + len(lesson.first),
            seconds=time.monotonic() - began,
        )
        if len(losses) == _LOG_STEPS:
            mean = finite_loss(torch.stack(losses).mean()).item()
            _log(folder, progress, mean, options.minutes)
            losses = []
        training.keep(asdict(progress))
    if losses:
        _log(folder, progress, finite_loss(torch.stack(losses).mean()).item(), options.minutes)
    if not progress.examples:
        raise CorpusError(
            f"there is nothing to learn: no answer fits into a window of {options.max_length} "
            "tokens; give other questions, or a greater --max-length"
        )
    training.keep(asdict(progress), at_once=True)


def _steps(
    lessons: Lessons, progress: Progress, processes: int
) -> Iterator[tuple[Lesson, Progress]]:
    """Yield each batch that is left of a run, and how far the plan is after it."""
    first, skipped = progress.pools, progress.batches
    for pool, some in enumerate(lessons.in_order(first, processes), first):
        for number in range(skipped if pool == first else 0, len(some)):
            behind = lessons.share(pool, (number + 1) / len(some))
            last = number + 1 == len(some)
            after = Progress(pool + last, 0 if last else number + 1, planned=behind)
            yield some[number], after


def _log(folder: Path, progress: Progress, loss: float, minutes: float | None) -> None:
    row = {
        "examples": progress.examples,
        "done": round(min(progress.done(minutes), 1), 4),  # the last step may end late
        "loss": round(loss, 4),
        "seconds": round(progress.seconds),
    }
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(
        f"{row['done']:.1%}  {row['examples']:,} examples  loss {row['loss']:.3f}  "
        f"{row['seconds']:,} s",
        flush=True,
    )
