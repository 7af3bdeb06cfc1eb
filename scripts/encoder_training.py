"""The loop that trains an encoder: a plan, batch by batch, with checkpoints and a log (torch)."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from index.types import CorpusError
from models import contrastive
from models.contrastive import TrainedEncoder
from models.tensors import on_device
from models.token_table import Tokens, TokenTable
from models.training import Training
from scripts.encoder_pairs import PairSet
from scripts.encoder_plan import TextBatch, drawn_batch, excluded, planned_batches
from scripts.training_course import RunLog, rate_after, rate_at, share_done


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
        self._plan = planned_batches([(some.pairs, some.passes) for some in sets], size, seed)
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
        return drawn_batch(self._pairs[number], places, self._seed + step)


def train(
    model: TrainedEncoder,
    lessons: EncoderLessons,
    options: argparse.Namespace,
    anchor: TrainedEncoder | None,
) -> None:
    """Train to the end of the plan or of the time, from the checkpoint where there is one.

    The three losses are added; the distance from the `anchor`, an encoder whose vectors are to be
    stayed near to, counts as much as the options say.

    Raises CorpusError where there is no batch to learn from, and ModelError where a loss overflows.
    """
    if not len(lessons):
        raise CorpusError(
            "there is nothing to learn: a batch has two questions of a file at least; give more "
            "questions, or more PASSES"
        )
    training = Training(model, contrastive.optimizer_of(model, options.rate), options.work)
    step, steps = int(training.progress.get("step", 0)), len(lessons)
    lessons.prepare(step, options.num_workers)
    log = RunLog(options.work, training.progress.get("seconds", 0.0))
    while step < steps and (done := share_done(step / steps, log.seconds, options.minutes)) < 1:
        lesson = lessons[step]
        left_out = on_device(torch.from_numpy(lesson.excluded), model.cosine_scale.device)
        losses = contrastive.batch_loss(model, lesson.questions, lesson.passages, left_out, anchor)
        share = rate_after(done) if options.minutes else rate_at(step, steps)
        training.learn(losses[0] + losses[1] + options.anchor_weight * losses[2], share)
        log.add(len(lesson.passages.lengths), torch.stack(losses))
        step += 1
        if log.is_due():
            _tell(log, step, steps)
        training.keep({"step": step, "seconds": log.seconds})
    if log.losses:
        _tell(log, step, steps)
    training.keep({"step": step, "seconds": log.seconds}, at_once=True)


def _tell(log: RunLog, step: int, steps: int) -> None:
    vectors, words, anchor = log.mean().tolist()
    row = {
        "step": step,
        "of": steps,
        "loss of vectors": round(vectors, 4),
        "loss of words": round(words, 4),
        "distance from the anchor": round(anchor, 4),
        "seconds": round(log.seconds),
        "passages a second": round(log.speed),
    }
    log.tell(
        f"step {step:,} of {steps:,}  vectors {vectors:.3f}  words {words:.3f}  "
        f"anchor {anchor:.3f}  {row['seconds']:,} s  {row['passages a second']:,} passages/s",
        row,
    )
