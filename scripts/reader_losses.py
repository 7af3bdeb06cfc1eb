"""What a reader's training minimises: the loss of a batch of windows, with a teacher (torch)."""

import argparse
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from models.finetuning import (
    Network,
    distillation_loss,
    load_network,
    logits_of,
    shared_loss,
    span_loss,
)
from models.loading import reader_folder
from models.tensors import on_device
from scripts.reader_lessons import Lesson


@dataclass(frozen=True, slots=True)
class Teacher:
    """A larger reader, and its share of the loss."""

    network: Network
    weight: float

    @classmethod
    def load(cls, options: argparse.Namespace, device: str) -> Self:
        """Load the teacher that the options name. Raises ModelError."""
        network = load_network(reader_folder(options.teacher), device, new_head=False).eval()
        return cls(network, options.teacher_weight)

    @torch.no_grad()
    def targets(self, lesson: Lesson) -> tuple[Tensor, Tensor, Tensor]:
        """Return the teacher's start and end logits at the student's tokens, and which it has.

        All have shape (windows, tokens), the student's.
        """
        if lesson.taught is None or lesson.column is None:
            raise ValueError("the lesson was made without a teacher")
        start, end = logits_of(self.network, lesson.taught)
        column = on_device(torch.from_numpy(lesson.column), start.device)
        known = column >= 0
        column = column.clamp(min=0)
        return start.gather(1, column), end.gather(1, column), known


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
