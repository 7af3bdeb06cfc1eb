"""Turns examples into batches of windows, and batches into a loss (torch)."""

import argparse
import os
import pickle
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

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
from models.loading import longest_window, read_config, reader_folder
from models.onnx.tokens import load_tokenizer, pad_id
from models.tensors import on_device
from models.windows import Batch, IntArray, Window, Windower, padded
from scripts.reader_examples import Asked, Example, Plan, drawn, thinned

POOL = 2048
"""Draws whose windows are sorted by length together."""

_MULTIPLE = 8  # of tokens: what the fast kernels of a GPU are made for


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """A batch of windows and what is to be learnt of it, ready for a model; holds no tensors.

    `first`, `last` and `known`, shape (windows,), are as `models.finetuning.span_loss` takes them;
    `begin` and `count`, likewise, say where the tokens of the context are. `sizes` are those of
    `models.finetuning.shared_loss`. `taught` are the same windows in the teacher's tokens, and
    `column`, shape (windows, tokens), holds the teacher's token of each of ours, or -1.
    """

    batch: Batch
    first: IntArray
    last: IntArray
    known: IntArray
    begin: IntArray
    count: IntArray
    sizes: tuple[int, ...]
    taught: Batch | None = None
    column: IntArray | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """What turns texts into the windows of one model."""

    windower: Windower
    pad_id: int

    @classmethod
    def of(cls, folder: Path, max_length: int) -> Self:
        """Return that of the model in `folder`, which may read fewer tokens. Raises ModelError."""
        most = longest_window(read_config(folder), max_length)
        windower = Windower(load_tokenizer(folder), max_length=most, stride=0)
        return cls(windower, pad_id(folder))


class Lessons(Dataset[list[Lesson]]):
    """The batches of a run, pool by pool of draws; the same draws give the same batches.

    Raises ModelError for a model without a tokenizer.
    """

    def __init__(
        self,
        base: Path,
        asked: Sequence[Asked],
        plan: Plan,
        options: argparse.Namespace,
    ) -> None:
        """Take the sets that the plan's draws are made from, and the tokenizer in `base`."""
        self._own = Tokens.of(base, options.max_length)
        # the teacher's template may have one more special token: room for it beside the same text
        self._theirs = (
            Tokens.of(reader_folder(options.teacher), options.max_length + 1)
            if options.teacher
            else None
        )
        self._asked = asked
        self._plan = plan
        self._pool = POOL
        self._max_tokens: int = options.batch_tokens
        self._thin: float = options.drop_words

    def __len__(self) -> int:
        """Return the number of pools."""
        return len(range(0, len(self._plan), self._pool))

    def __getitem__(self, pool: int) -> list[Lesson]:
        """Return the batches of a pool, shuffled."""
        groups = []
        for draw in self._plan.part(pool * self._pool, (pool + 1) * self._pool):
            made = [
                (text, self._labelled(text, draw.seed))
                for one in drawn(self._asked[draw.set], draw)
                for text in [thinned(one, self._thin, draw.seed)]
            ]
            if not made or made[0][1] is None:  # without the right one the others teach nothing
                continue
            groups.append([(text, window) for text, window in made if window is not None])
        lessons = [self._lesson(some) for some in in_batches(groups, self._max_tokens)]
        random.Random(pool).shuffle(lessons)  # noqa: S311 - nothing secret
        return lessons

    def in_order(self, first: int, processes: int) -> Iterator[list[Lesson]]:
        """Yield the batches of each pool from the one numbered `first`.

        They are made by so many other processes, or here, where that is 0.
        """
        yield from DataLoader(
            _Sent(self) if processes else self,
            batch_size=None,
            sampler=range(first, len(self)),
            num_workers=processes,
            collate_fn=_as_it_is,
            worker_init_fn=_alone,
            # not forked: a copy of this process would have locks that its threads hold
            multiprocessing_context="spawn" if processes else None,
            prefetch_factor=2 if processes else None,
        )

    def share(self, pool: int, done: float) -> float:
        """Return the share of the whole plan that ends with this share of a pool."""
        before = pool * self._pool
        inside = min(self._pool, len(self._plan) - before)
        return (before + inside * done) / len(self._plan)

    def _labelled(self, example: Example, seed: int) -> Labelled | None:
        windows = self._own.windower.split(example.question, [example.context])
        if not windows:
            return None
        if example.start == example.end:
            return labelled(windows[seed % len(windows)], 0, 0)
        found = (labelled(window, example.start, example.end) for window in windows)
        return next((one for one in found if one), None)

    def _lesson(self, groups: Sequence[Sequence[tuple[Example, Labelled]]]) -> Lesson:
        made = [pair for group in groups for pair in group]
        batch = padded([one.window for _, one in made], self._own.pad_id, _MULTIPLE)
        taught = column = None
        if self._theirs is not None:
            taught, column = lined_up(made, self._theirs, batch.ids.shape)
        return Lesson(
            batch,
            np.array([one.first for _, one in made]),
            np.array([one.last for _, one in made]),
            np.array([text.known for text, _ in made]).astype(np.int64),
            np.array([one.window.begin for _, one in made]),
            np.array([len(one.window.offsets) for _, one in made]),
            tuple(map(len, groups)),
            taught,
            column,
        )


class _Sent(Dataset[list[Lesson]]):
    """Lessons that are written once for all the processes that they are sent to.

    There may be a million draws and the texts that they are made from: to write them anew for
    each process takes longer than the first of a GPU's batches.
    """

    def __init__(self, lessons: Lessons) -> None:
        self._lessons = lessons
        self._written: bytes | None = None

    def __getitem__(self, pool: int) -> list[Lesson]:
        return self._lessons[pool]

    def __reduce__(self) -> tuple[Callable[[bytes], object], tuple[bytes]]:
        if self._written is None:
            self._written = pickle.dumps(self._lessons)
        return pickle.loads, (self._written,)


def _as_it_is(lessons: list[Lesson]) -> list[Lesson]:
    return lessons


def _alone(_: int) -> None:
    """Let a process that makes lessons use one core: there is one for each."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def in_batches(
    groups: Sequence[list[tuple[Example, Labelled]]], max_tokens: int
) -> list[list[list[tuple[Example, Labelled]]]]:
    """Return groups of windows that stay together in batches of at most so many tokens each.

    The longest come first. A group that is longer is a batch of its own.
    """
    longest = [max(len(one.window.ids) for _, one in group) for group in groups]
    batches: list[list[list[tuple[Example, Labelled]]]] = []
    most = rows = 0
    for place in sorted(range(len(groups)), key=lambda place: -longest[place]):
        group = groups[place]
        if batches and (rows + len(group)) * most <= max_tokens:
            batches[-1].append(group)
            rows += len(group)
        else:
            batches.append([group])
            most, rows = longest[place], len(group)
    return batches


def lined_up(
    made: Sequence[tuple[Example, Labelled]], tokens: Tokens, shape: tuple[int, ...]
) -> tuple[Batch, IntArray]:
    """Return windows as another model's tokens, and which of those each of ours is.

    `shape` is that of ours, (windows, tokens). A window that the other tokenizer cuts into other
    tokens has none of ours: two vocabularies with the same words agree nearly everywhere.
    """
    column = np.full(shape, -1, np.int64)
    windows = []
    for row, (text, example) in enumerate(made):
        ours = example.window
        some = tokens.windower.split(text.question, [text.context])
        same = [window for window in some if np.array_equal(window.offsets, ours.offsets)]
        if same:
            count = len(ours.offsets)
            column[row, 0] = 0
            column[row, ours.begin : ours.begin + count] = same[0].begin + np.arange(count)
        windows.append(same[0] if same else some[0] if some else _empty())
    return padded(windows, tokens.pad_id, _MULTIPLE), column


def _empty() -> Window:
    ids = np.zeros(1, np.int64)
    return Window(0, ids, ids, 1, np.zeros((0, 2), np.int64))


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
