"""Trains a question generator: each token of a question is predicted from those before it (torch).

The loss is cross-entropy with smoothed labels (Szegedy et al., "Rethinking the Inception
architecture for computer vision", 2016, section 7) of the question alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from models.contracts import IntArray
from models.question_generation import (
    END,
    PAD,
    QuestionGenerator,
    columns_for,
    padded_left,
)
from models.tensors import fast_in_bfloat16, on_device

_SMOOTHING = 0.1


@dataclass(frozen=True, slots=True)
class QuestionBatch:
    """n passages, and the questions that they answer.

    `ids`, shape (n, columns), has passages in its first `passage` columns, then END and the
    questions, as `QuestionGenerator.forward` takes them. `places`, shape (targets,), are the
    positions in `ids`, read row by row, from which a token is predicted, and `labels`, of the same
    shape, those tokens. All are int64.
    """

    ids: IntArray
    passage: int
    places: IntArray
    labels: IntArray


def batch_of(passages: Sequence[IntArray], questions: Sequence[IntArray]) -> QuestionBatch:
    """Return the batch of n passages and questions, the tokens of each without special ones."""
    read = padded_left(passages)
    passage = read.shape[1]
    columns = passage + columns_for(max(map(len, questions)) + 1)
    ids = np.full((len(read), columns), PAD, dtype=np.int64)
    ids[:, :passage] = read
    ids[:, passage] = END
    places, labels = [], []
    for row, written in enumerate(questions):
        ids[row, passage + 1 : passage + 1 + len(written)] = written
        places.append(row * columns + passage + np.arange(len(written) + 1))
        labels.append(np.append(written, END))
    return QuestionBatch(ids, passage, np.concatenate(places), np.concatenate(labels))


def question_loss(model: QuestionGenerator, batch: QuestionBatch) -> Tensor:
    """Return the mean cross-entropy of the questions' tokens, with smoothed labels.

    Computes in bfloat16 where the device is made for it, and never waits for a GPU.
    """
    device = model.bias.device
    ids, places, labels = (
        on_device(torch.from_numpy(array), device)
        for array in (batch.ids, batch.places, batch.labels)
    )
    narrow = fast_in_bfloat16(device)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=narrow):
        hidden = model(ids, batch.passage).flatten(0, 1)
        logits = model.logits(hidden.index_select(0, places))
    return nn.functional.cross_entropy(logits, labels, label_smoothing=_SMOOTHING)
