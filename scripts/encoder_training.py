"""The loop that trains an encoder: a plan, batch by batch, with checkpoints and a log (torch)."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from index.types import CorpusError
from models import contrastive
from models.contrastive import TrainedEncoder
from models.tensors import on_device
from models.token_table import Tokens, TokenTable
from models.training import Training, finite_loss
from scripts.encoder_pairs import PairSet
from scripts.training_plan import TextBatch, drawn, excluded, planned, rate_after, rate_at

_LOG_SECONDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class EncoderLesson:
    """A batch, ready for the model; `excluded` has shape (questions, passages)."""

    questions: Tokens
    passages: Tokens
    excluded: NDArray[np.bool_]


class EncoderLessons:
    """The batches of a run, in order; the same arguments give the same ones."""

    def __init__(
        self,
        sets: Sequence[PairSet],
        size: int,
        seed: int,
        tables: tuple[TokenTable, TokenTable],
    ) -> None:
        """Plan batches of `size` questions; `tables` cut questions and passages."""
        self._pairs = [some.pairs for some in sets]
        self._plan = planned([(some.pairs, some.passes) for some in sets], size, seed)
        self._seed = seed
        self._questions, self._passages = tables

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._plan)

    def prepare(self, first: int, workers: int) -> None:
        """Cut all texts of the batches from `first` on, in `workers` processes.

        Without, a batch's are cut when it is wanted.
        """
        if workers:
            began = time.monotonic()
            batches = [self._drawn(step) for step in range(first, len(self))]
            count = self._questions.add((t for one in batches for t in one.questions), workers)
            count += self._passages.add((t for one in batches for t in one.passages), workers)
            print(f"tokens of {count:,} texts: {time.monotonic() - began:.1f} s", flush=True)

    def __getitem__(self, step: int) -> EncoderLesson:
        """Return a batch."""
        batch = self._drawn(step)
        number, places = self._plan[step]
        some = [self._pairs[number][place] for place in places]
        return EncoderLesson(
            self._questions.of(batch.questions),
            self._passages.of(batch.passages),
            excluded(some, batch.passages),
        )

    def _drawn(self, step: int) -> TextBatch:
        number, places = self._plan[step]
        return drawn(self._pairs[number], places, self._seed + step)


@dataclass(frozen=True, slots=True)
class Aims:
    """How a model is trained.

    `rate` is the greatest learning rate; a run ends after `minutes` if its plan is longer, its
    rate at 0. The three losses are added: the distance from the `anchor`, an encoder whose vectors
    are to be stayed near to, counts `near`.
    """

    rate: float
    minutes: float | None = None
    anchor: TrainedEncoder | None = None
    near: float = 0.0

    def share(self, step: int, steps: int, seconds: float) -> float | None:
        """Return the share of the rate that a step has, or None where the time is over."""
        if self.minutes is None:
            return rate_at(step, steps)
        done = max(step / steps, seconds / (60 * self.minutes))
        return rate_after(done) if done < 1 else None


def train(
    model: TrainedEncoder, lessons: EncoderLessons, folder: Path, aims: Aims, workers: int = 0
) -> None:
    """Train to the end of the plan or of the time, from the checkpoint in `folder` if any.

    Raises CorpusError where there is no batch to learn from, and ModelError where a loss overflows.
    """
    if not len(lessons):
        raise CorpusError(
            "there is nothing to learn: a batch has two questions of a file at least; give more "
            "questions, or more PASSES"
        )
    training = Training(model, contrastive.optimizer_of(model, aims.rate), folder)
    step, steps = int(training.progress.get("step", 0)), len(lessons)
    lessons.prepare(step, workers)
    log = _Log(folder, steps, time.monotonic() - training.progress.get("seconds", 0.0))
    while step < steps and (share := aims.share(step, steps, log.seconds)) is not None:
        lesson = lessons[step]
        left_out = on_device(torch.from_numpy(lesson.excluded), model.cosine_scale.device)
        losses = contrastive.batch_loss(
            model, lesson.questions, lesson.passages, left_out, aims.anchor
        )
        training.learn(losses[0] + losses[1] + aims.near * losses[2], share)
        log.add(torch.stack(losses).detach(), len(lesson.passages.lengths))
        step += 1
        log.write(step, last=step == steps)
        training.keep({"step": step, "seconds": log.seconds})
    log.write(step, last=True)
    training.keep({"step": step, "seconds": log.seconds}, at_once=True)


class _Log:
    """Tells how a run goes every few seconds, for each time a GPU has to be waited for."""

    def __init__(self, folder: Path, steps: int, began: float) -> None:
        self._file = folder / "log.jsonl"
        self._steps = steps
        self._began = began
        self._written = time.monotonic()
        self._losses: list[Tensor] = []
        self._passages = 0

    @property
    def seconds(self) -> float:
        """The seconds that the run has taken, also before it was stopped."""
        return time.monotonic() - self._began

    def add(self, losses: Tensor, passages: int) -> None:
        """Count a step: its three losses, shape (3,), where they were computed."""
        self._losses.append(losses)
        self._passages += passages

    def write(self, step: int, *, last: bool) -> None:
        if not self._losses or not (last or time.monotonic() - self._written >= _LOG_SECONDS):
            return
        vectors, words, anchor = finite_loss(torch.stack(self._losses).mean(0)).tolist()
        speed = self._passages / max(time.monotonic() - self._written, 1e-6)
        row = {
            "step": step,
            "of": self._steps,
            "loss of vectors": round(vectors, 4),
            "loss of words": round(words, 4),
            "distance from the anchor": round(anchor, 4),
            "seconds": round(self.seconds),
            "passages a second": round(speed),
        }
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(
            f"step {step:,} of {self._steps:,}  vectors {vectors:.3f}  words {words:.3f}  "
            f"anchor {anchor:.3f}  {row['seconds']:,} s  {row['passages a second']:,} passages/s",
            flush=True,
        )
        self._written, self._losses, self._passages = time.monotonic(), [], 0
