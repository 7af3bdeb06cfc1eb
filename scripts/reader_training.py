"""The loop that trains a reader: its plan, batch by batch, with checkpoints and a log (torch)."""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Self

from index.types import CorpusError
from models.finetuning import Network
from models.tensors import fast_in_bfloat16
from models.training import Training, adamw
from scripts.reader_lessons import Lesson, Lessons
from scripts.reader_losses import Teacher, loss_of
from scripts.training_course import RunLog, rate_after, share_done

_LOG_STEPS = 50


@dataclass(frozen=True, slots=True)
class RunProgress:
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


def train(
    network: Network, lessons: Lessons, options: argparse.Namespace, teacher: Teacher | None
) -> None:
    """Train to the end of the plan or of the time, from the checkpoint where there is one.

    Raises CorpusError where no example can be learnt, and ModelError where the loss overflows.
    """
    device = next(network.parameters()).device
    narrow = device.type == "cpu" and fast_in_bfloat16(device)
    training = Training(network, adamw(network, options.rate), options.work, narrow=narrow)
    progress = RunProgress.of(training.progress)
    said = teacher.taught.write if teacher and teacher.taught is not None else None
    log: RunLog | None = None
    for lesson, after in _steps(lessons, progress, options.processes):
        # only now: the first windows may have taken a minute to make
        log = log or RunLog(options.work, progress.seconds)
        done = share_done(progress.planned, progress.seconds, options.minutes)
        if done >= 1:
            break
        loss = loss_of(training.computes, lesson, teacher)
        training.learn(loss, rate_after(done))
        log.add(len(lesson.first), loss)
        progress = replace(
            after, examples=progress.examples + len(lesson.first), seconds=log.seconds
        )
        if len(log.losses) == _LOG_STEPS:
            _tell(log, progress, options.minutes)
        training.keep(asdict(progress), before=said)
    if log and log.losses:
        _tell(log, progress, options.minutes)
    if not progress.examples:
        raise CorpusError(
            f"there is nothing to learn: no answer fits into a window of {options.max_length} "
            "tokens; give other questions, or a greater --max-length"
        )
    training.keep(asdict(progress), at_once=True, before=said)


def _steps(
    lessons: Lessons, progress: RunProgress, processes: int
) -> Iterator[tuple[Lesson, RunProgress]]:
    """Yield each batch that is left of a run, and how far the plan is after it."""
    first, skipped = progress.pools, progress.batches
    for pool, some in enumerate(lessons.in_order(first, processes), first):
        for number in range(skipped if pool == first else 0, len(some)):
            behind = lessons.share(pool, (number + 1) / len(some))
            last = number + 1 == len(some)
            after = RunProgress(pool + last, 0 if last else number + 1, planned=behind)
            yield some[number], after


def _tell(log: RunLog, progress: RunProgress, minutes: float | None) -> None:
    done = share_done(progress.planned, progress.seconds, minutes)
    row = {
        "examples": progress.examples,
        "done": round(min(done, 1), 4),  # the last step may end late
        "loss": round(log.mean().item(), 4),
        "seconds": round(progress.seconds),
    }
    log.tell(
        f"{row['done']:.1%}  {row['examples']:,} examples  loss {row['loss']:.3f}  "
        f"{row['seconds']:,} s",
        row,
    )
