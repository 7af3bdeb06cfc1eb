"""Cuts texts into tokens and words, each text once. Imports no neural network library.

So that processes which do nothing else start at once.
"""

import os
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.contracts import IntArray
from models.pieces import without_surrogates
from models.words import NO_WORD, words_of

_PART = 1024  # texts that a process cuts at a time: the tokenizer, which it reads anew, costs 50 ms

Row: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int16]]


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """The tokens of n texts, one text after another.

    `ids` and `words` have shape (tokens,): each token, and the number of its word in its text, from
    0, or `NO_WORD`. `lengths`, shape (n,), are the texts' own, in tokens.
    """

    ids: NDArray[np.int32]
    words: NDArray[np.int16]
    lengths: IntArray

    def taken(self, rows: IntArray) -> "Tokens":
        """Return the texts in `rows`, shape (m,), in that order."""
        lengths = self.lengths[rows]
        begins = (np.cumsum(self.lengths) - self.lengths)[rows]
        places = np.repeat(begins - (np.cumsum(lengths) - lengths), lengths)
        places += np.arange(len(places))
        return Tokens(self.ids[places], self.words[places], lengths)

    def padded(self, multiple: int = 1) -> tuple[IntArray, IntArray]:
        """Return ids and words, shape (n, most tokens), padded with 0 and `NO_WORD`.

        The most tokens are those of the longest text, or the next multiple of `multiple`.
        """
        most = -(-int(self.lengths.max(initial=0)) // multiple) * multiple
        held = np.arange(most) < self.lengths[:, None]
        ids, words = np.zeros(held.shape, np.int64), np.full(held.shape, NO_WORD, np.int64)
        ids[held], words[held] = self.ids, self.words
        return ids, words


def _joined(rows: Sequence[Row]) -> Tokens:
    return Tokens(
        np.concatenate([np.empty(0, np.int32), *(ids for ids, _ in rows)]),
        np.concatenate([np.empty(0, np.int16), *(words for _, words in rows)]),
        np.array([len(ids) for ids, _ in rows], np.int64),
    )


def _cut(tokenizer: Tokenizer, texts: Sequence[str], left_out: Collection[str]) -> list[Row]:
    clean = [without_surrogates(text) for text in texts]
    return [
        (
            np.array(encoding.ids, np.int32),
            words_of(encoding, text, left_out).of_token.astype(np.int16),
        )
        for encoding, text in zip(tokenizer.encode_batch(clean), clean, strict=True)
    ]


def _cut_elsewhere(
    tokenizer: str, texts: Sequence[str], left_out: Collection[str]
) -> tuple[NDArray[np.int32], NDArray[np.int16], IntArray]:
    """Do what `_cut` does in a process of its own, one of several: on one core."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    made = _joined(_cut(Tokenizer.from_str(tokenizer), texts, left_out))
    return made.ids, made.words, made.lengths  # three arrays travel faster than thousands


class TokenTable:
    """The tokens of texts, kept: about 1 KB for a passage."""

    def __init__(self, tokenizer: Tokenizer, limit: int, left_out: Collection[str]) -> None:
        """Cut texts after `limit` tokens; the words in `left_out` (lower case) are no words."""
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(limit)
        self._left_out = frozenset(left_out)
        self._rows: dict[str, Row] = {}

    def __len__(self) -> int:
        """Return the number of texts that are known."""
        return len(self._rows)

    @property
    def tokenizer(self) -> str:
        """What cuts the texts, as a tokenizer.json."""
        return str(self._tokenizer.to_str())

    def add(self, texts: Iterable[str], workers: int = 0) -> int:
        """Learn those of the texts that are new, in `workers` processes or in this one.

        Return how many there were.
        """
        new = [text for text in dict.fromkeys(texts) if text not in self._rows]
        parts = [new[at : at + _PART] for at in range(0, len(new), _PART)]
        if workers and len(parts) > 1:
            # not forked: a copy of a process that has threads may wait for a lock for ever
            with ProcessPoolExecutor(
                min(workers, len(parts)), mp_context=get_context("spawn")
            ) as pool:
                same = repeat(self.tokenizer), parts, repeat(self._left_out)
                for part, (ids, words, lengths) in zip(
                    parts, pool.map(_cut_elsewhere, *same), strict=True
                ):
                    ends = np.cumsum(lengths)[:-1]
                    rows = zip(np.split(ids, ends), np.split(words, ends), strict=True)
                    self._rows.update(zip(part, rows, strict=True))
        else:
            for part in parts:
                self._rows.update(
                    zip(part, _cut(self._tokenizer, part, self._left_out), strict=True)
                )
        return len(new)

    def of(self, texts: Sequence[str]) -> Tokens:
        """Return the tokens of texts; those that are new are cut here."""
        self.add(texts)
        return _joined([self._rows[text] for text in texts])
