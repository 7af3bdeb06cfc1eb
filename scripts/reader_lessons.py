"""Turns examples into batches of windows, in other processes if wanted.

Without torch, which those processes would wait for.
"""

import argparse
import os
import pickle
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np

from index.parallel import in_order
from index.types import CorpusError
from models.contracts import IntArray
from models.labels import Labelled, labelled
from models.loading import longest_window, read_config, reader_folder
from models.tokenizer import load_tokenizer, pad_id, translation
from models.windows import Batch, Window, Windower, padded
from scripts.reader_examples import Asked, Example, Plan, drawn, thinned

POOL = 2048
"""Draws whose windows are sorted by length together."""

_AHEAD = 3  # pools of each process
_REMEMBERED = 200_000  # words whose tokens each process knows
_NONE = Window(0, np.zeros(1, np.int64), np.zeros(1, np.int64), 1, np.zeros((0, 2), np.int64))
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
class WindowMaker:
    """What turns texts into the windows of one model."""

    windower: Windower
    pad_id: int

    @classmethod
    def of(cls, folder: Path, max_length: int) -> Self:
        """Return that of the model in `folder`, which may read fewer tokens. Raises ModelError."""
        most = longest_window(read_config(folder), max_length)
        windower = Windower(
            load_tokenizer(folder), max_length=most, stride=0, remembered=_REMEMBERED
        )
        return cls(windower, pad_id(folder))


class Lessons:
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
        self._own = WindowMaker.of(base, options.max_length)
        self._theirs = self._alike = None
        if options.teacher:
            teacher = reader_folder(options.teacher)
            # its template may have one more special token: room for it beside the same text
            self._theirs = WindowMaker.of(teacher, options.max_length + 1)
            self._alike = translation(load_tokenizer(base), load_tokenizer(teacher))
        self._asked = asked
        self._plan = plan
        self._size = POOL
        self._max_tokens: int = options.batch_tokens
        self._thin: float = options.drop_words

    def __len__(self) -> int:
        """Return the number of pools."""
        return len(range(0, len(self._plan), self._size))

    def pool(self, pool: int) -> list[Lesson]:
        """Return the batches of a pool, shuffled."""
        groups = []
        for draw in self._plan.part(pool * self._size, (pool + 1) * self._size):
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

        They are made by so many other processes, or here, where that is 0. Raises CorpusError
        where one of the processes is killed.
        """
        pools = range(first, len(self))
        if not processes:
            yield from map(self.pool, pools)
            return
        # written once for all: there may be a million draws, and the texts that they are made from
        begin = partial(_learn_from, pickle.dumps(self))
        try:
            yield from in_order(_made, pools, processes, ahead=_AHEAD, begin=begin)
        except BrokenExecutor as error:
            raise CorpusError(
                "a process that makes windows was killed, perhaps for want of memory: the same "
                "command with fewer --processes goes on"
            ) from error

    def share(self, pool: int, done: float) -> float:
        """Return the share of the whole plan that ends with this share of a pool."""
        before = pool * self._size
        inside = min(self._size, len(self._plan) - before)
        return (before + inside * done) / len(self._plan)

    def _labelled(self, example: Example, seed: int) -> Labelled | None:
        windows = self._own.windower.split(example.question, [example.context])
        if not windows:
            return None
        if example.start == example.end:
            return labelled(windows[seed % len(windows)], 0, 0)
        found = (labelled(window, example.start, example.end) for window in windows)
        return next((one for one in found if one), None)

    def _taught(self, text: Example, ours: Window) -> Window | None:
        """Return a window in the teacher's tokens, None where it cuts the text into others.

        Two vocabularies with the same words agree nearly everywhere.
        """
        if self._theirs is None:
            return None
        if self._alike is not None:
            question, context = (self._alike[ids] for ids in self._own.windower.texts_of(ours))
            return self._theirs.windower.joined(question, context, ours.offsets)
        some = self._theirs.windower.split(text.question, [text.context])
        return next((one for one in some if np.array_equal(one.offsets, ours.offsets)), None)

    def _lesson(self, groups: Sequence[Sequence[tuple[Example, Labelled]]]) -> Lesson:
        made = [pair for group in groups for pair in group]
        batch = padded([one.window for _, one in made], self._own.pad_id, _MULTIPLE)
        taught = column = None
        if self._theirs is not None:
            ours = [one.window for _, one in made]
            theirs = [self._taught(text, one.window) for text, one in made]
            taught = padded([one or _NONE for one in theirs], self._theirs.pad_id, _MULTIPLE)
            column = lined_up(ours, theirs, batch.ids.shape)
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


_sent: list[Lessons] = []  # in a process that makes windows: what it makes them from


def _learn_from(written: bytes) -> None:
    """Begin a process that makes windows. It uses one core: there is one for each."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _sent.append(pickle.loads(written))  # noqa: S301 - what this program has written


def _made(pool: int) -> list[Lesson]:
    return _sent[0].pool(pool)


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
    ours: Sequence[Window], theirs: Sequence[Window | None], shape: tuple[int, int]
) -> IntArray:
    """Return which token of another model's window each of ours is, or -1; of shape `shape`.

    That is (windows, tokens) of our batch. Both windows have the same tokens of a context; the
    first of each stands for no answer.
    """
    column = np.full(shape, -1, np.int64)
    for row, (own, other) in enumerate(zip(ours, theirs, strict=True)):
        if other is not None:
            count = len(own.offsets)
            column[row, 0] = 0
            column[row, own.begin : own.begin + count] = other.begin + np.arange(count)
    return column
