"""Turns examples into batches of windows, and batches into a loss (torch)."""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from models.contracts import ModelError
from models.finetuning import (
    Labelled,
    Network,
    distillation_loss,
    labelled,
    load_network,
    logits_of,
    shared_loss,
    span_loss,
)
from models.loading import read_config, reader_folder
from models.windows import Batch, Window, Windower, padded
from scripts.reader_examples import Asked, Draw, Example, drawn


def windower_of(folder: Path, max_length: int) -> Windower:
    """Return what splits texts for the model in `folder`. Raises ModelError without a tokenizer."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelError(f"{folder} has no tokenizer.json: save its tokenizer in the fast format")
    return Windower(Tokenizer.from_file(str(path)), max_length=max_length, stride=0)


class Batches:
    """The windows of one pool of examples after the other, in batches of similar length."""

    def __init__(self, base: Path, asked: Sequence[Asked], options: argparse.Namespace) -> None:
        """Take the sets that draws are made from, and the tokenizer in `base`."""
        self._windower = windower_of(base, options.max_length)
        self._asked = asked
        self._max_tokens: int = options.batch_tokens
        self._pad_id = int(read_config(base).get("pad_token_id") or 0)
        self.texts: list[Example] = []
        self.examples: list[Labelled] = []
        self.ordered: list[list[range]] = []

    def fill(self, draws: Sequence[Draw], seed: int) -> None:
        """Make the examples of a pool and order them; the same draws give the same batches.

        A batch is made of groups of examples, ranges of places, each of one draw.
        """
        self.texts, self.examples = [], []
        groups: list[range] = []
        for draw in draws:
            made = [
                (one, self._labelled(one, draw.seed)) for one in drawn(self._asked[draw.set], draw)
            ]
            if not made or made[0][1] is None:  # without the right one the others teach nothing
                continue
            first = len(self.texts)
            for example, window in made:
                if window is not None:
                    self.texts.append(example)
                    self.examples.append(window)
            groups.append(range(first, len(self.texts)))
        longest = {
            group: max(len(self.examples[place].window.ids) for place in group) for group in groups
        }
        batches: list[list[range]] = []
        for group in sorted(groups, key=lambda group: -longest[group]):
            some = sum(map(len, batches[-1])) + len(group) if batches else 0
            if batches and some * longest[batches[-1][0]] <= self._max_tokens:
                batches[-1].append(group)
            else:
                batches.append([group])
        random.Random(seed).shuffle(batches)  # noqa: S311 - nothing secret
        self.ordered = batches

    def batch(self, members: Sequence[int]) -> Batch:
        """Return the windows of some examples, padded."""
        return padded([self.examples[place].window for place in members], self._pad_id)

    def _labelled(self, example: Example, seed: int) -> Labelled | None:
        windows = self._windower.split(example.question, [example.context])
        if not windows:
            return None
        if example.start == example.end:
            return labelled(windows[seed % len(windows)], 0, 0)
        found = (labelled(window, example.start, example.end) for window in windows)
        return next((one for one in found if one), None)


@dataclass(frozen=True, slots=True)
class Teacher:
    """A larger reader, its tokenizer, and its share of the loss."""

    network: Network
    windower: Windower
    pad_id: int
    weight: float

    @classmethod
    def load(cls, options: argparse.Namespace, device: str) -> Self:
        """Load the teacher that the options name. Raises ModelError."""
        folder = reader_folder(options.teacher)
        network = load_network(folder, device, new_head=False).eval()
        pad_id = int(read_config(folder).get("pad_token_id") or 0)
        return cls(network, windower_of(folder, options.max_length), pad_id, options.teacher_weight)

    @torch.no_grad()
    def targets(
        self, texts: Sequence[Example], examples: Sequence[Labelled], shape: tuple[int, ...]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the teacher's start and end logits at the student's tokens, and which it has.

        All have `shape`, (windows, tokens). A window that the teacher's tokenizer cuts into other
        tokens has none: two vocabularies with the same words agree nearly everywhere.
        """
        windows = [self._own(*pair) for pair in zip(texts, examples, strict=True)]
        start, end = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        known = np.zeros(shape, bool)
        rows = [row for row, window in enumerate(windows) if window is not None]
        if rows:
            own = [window for window in windows if window is not None]
            logits = [
                one.cpu().numpy() for one in logits_of(self.network, padded(own, self.pad_id))
            ]
            for place, row in enumerate(rows):
                theirs, ours = own[place], examples[row].window
                count = len(ours.offsets)
                for target, source in zip((start, end), logits, strict=True):
                    target[row, 0] = source[place, 0]
                    target[row, ours.begin : ours.begin + count] = source[
                        place, theirs.begin : theirs.begin + count
                    ]
                known[row, 0] = True
                known[row, ours.begin : ours.begin + count] = True
        return torch.from_numpy(start), torch.from_numpy(end), torch.from_numpy(known)

    def _own(self, text: Example, example: Labelled) -> Window | None:
        """Return the teacher's window of the same tokens as the student's, where there is one."""
        for window in self.windower.split(text.question, [text.context]):
            if np.array_equal(window.offsets, example.window.offsets):
                return window
        return None


def loss_of(
    network: Network, groups: Sequence[range], batches: Batches, teacher: Teacher | None
) -> Tensor:
    """Return the loss of a batch of groups of examples."""
    members = [place for group in groups for place in group]
    batch = batches.batch(members)
    examples = [batches.examples[place] for place in members]
    start, end = logits_of(network, batch)
    loss = span_loss(start, end, examples)
    sizes = [len(group) for group in groups]
    if max(sizes) > 1:
        loss = (loss + shared_loss(start, end, examples, sizes)) / 2
    if teacher is None:
        return loss
    texts = [batches.texts[place] for place in members]
    taught = [one.to(start.device) for one in teacher.targets(texts, examples, batch.ids.shape)]
    divergence = (
        distillation_loss(start, taught[0], taught[2])
        + distillation_loss(end, taught[1], taught[2])
    ) / 2
    return (1 - teacher.weight) * loss + teacher.weight * divergence
