"""What a reader's training minimises: the loss of a batch of windows, with a teacher (torch)."""

import argparse
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from models.contracts import FloatArray, IntArray
from models.finetuning import (
    Network,
    distillation_loss,
    load_network,
    logits_of,
    shared_loss,
    span_loss,
)
from models.loading import reader_folder
from models.tensors import fast_in_bfloat16, on_device
from models.windows import Batch
from scripts.reader_lessons import Lesson
from scripts.taught import Taught, keys_of


@dataclass(frozen=True, slots=True)
class Teacher:
    """A larger reader, and its share of the loss; with `taught` it reads each window once."""

    network: Network
    weight: float
    taught: Taught | None = None

    @classmethod
    def load(cls, options: argparse.Namespace, device: str, taught: Taught | None = None) -> Self:
        """Load the teacher that the options name. Raises ModelError."""
        network = load_network(reader_folder(options.teacher), device, new_head=False).eval()
        if device == "cpu" and fast_in_bfloat16(torch.device(device)):
            network = network.bfloat16()
        return cls(network, options.teacher_weight, taught)

    def targets(self, lesson: Lesson) -> tuple[Tensor, Tensor, Tensor]:
        """Return the teacher's start and end logits at the student's tokens, and which it has.

        All have shape (windows, tokens), the student's.
        """
        if lesson.taught is None or lesson.column is None:
            raise ValueError("the lesson was made without a teacher")
        device = next(self.network.parameters()).device
        have = on_device(torch.from_numpy(lesson.column >= 0), device)
        if self.taught is None:
            start, end = self._read(lesson.taught, lesson.column)
        else:
            kept = self._remembered(lesson.batch, lesson.taught, lesson.column, self.taught)
            start, end = on_device(torch.from_numpy(kept), device)
        return start, end, have

    @torch.no_grad()
    def _read(self, windows: Batch, column: IntArray) -> tuple[Tensor, Tensor]:
        start, end = logits_of(self.network, windows)
        places = on_device(torch.from_numpy(column), start.device).clamp(min=0)
        return start.gather(1, places), end.gather(1, places)

    def _remembered(
        self, windows: Batch, theirs: Batch, column: IntArray, taught: Taught
    ) -> FloatArray:
        """Return the same, to half precision, reading what was never read; 0 where it has none.

        Also the first time, so that a run that was stopped goes on with the same numbers.
        """
        keys = keys_of(windows, theirs)
        new = {key: row for row, key in enumerate(keys) if key not in taught}
        if new:
            rows = list(new.values())
            some = Batch(rows, theirs.ids[rows], theirs.type_ids[rows], theirs.mask[rows])
            both = torch.stack(self._read(some, column[rows])).half().cpu().numpy()
            for place, (key, row) in enumerate(new.items()):
                taught.add(key, both[:, place, column[row] >= 0])
        targets = np.zeros((2, *column.shape), np.float32)
        for row, key in enumerate(keys):
            targets[:, row, column[row] >= 0] = taught[key]
        return targets


def loss_of(network: Network, lesson: Lesson, teacher: Teacher | None) -> Tensor:
    """Return the loss of a batch."""
    start, end = logits_of(network, lesson.batch)
    rows = np.stack([lesson.first, lesson.last, lesson.known, lesson.begin, lesson.count])
    first, last, known, begin, count = on_device(torch.from_numpy(rows), start.device)
    loss = span_loss(start, end, first, last, known)
    if max(lesson.sizes) > 1:
        place = torch.arange(start.shape[1], device=start.device)
        read = (place >= begin[:, None]) & (place < (begin + count)[:, None])
        loss = (loss + shared_loss((start, end), first, last, read, lesson.sizes)) / 2
    if teacher is None:
        return loss
    taught_start, taught_end, have = teacher.targets(lesson)
    divergence = (
        distillation_loss(start, taught_start, have) + distillation_loss(end, taught_end, have)
    ) / 2
    return (1 - teacher.weight) * loss + teacher.weight * divergence
