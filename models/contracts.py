"""What a model must do: the two Protocols that the rest of the application is written against."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int64]

READER, ENCODER = "reader", "encoder"
"""The kinds of models."""


def a(kind: str) -> str:
    """Return a kind of model with its article.

    >>> a(ENCODER), a(READER)
    ('an encoder', 'a reader')
    """
    return f"an {kind}" if kind == ENCODER else f"a {kind}"


class ModelError(Exception):
    """A model could not be loaded or run. The message says what was wrong and how to mend it."""


@dataclass(frozen=True, slots=True)
class Span:
    """The best answer span of one context.

    `start` and `end` are a half-open range of Unicode code points of the context:
    `context[start:end]` is the answer. `start == end` only when the context has no
    valid span at all (an empty context, say).

    `score` is the sum of the start and the end logit of the span minus that of the null
    answer (position 0 of the window), in logits: above 0 the model prefers the span.
    """

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Embedded:
    """What an encoder makes of n texts.

    `vectors` has shape (n, dimension), float32, rows of length 1. `words` holds, for each text,
    the vectors of its words, shape (words, word_dimension), float32. Of a passage they have length
    1; those of a question have the word's weight for length, and the weights sum to 1. Then the
    sum over a question's words of the greatest inner product with a passage's words is a score
    in [-1, 1] (late interaction, see `models.late`). `ranges` tells where each word of a question
    stands in it: shape (words, 2), int64, half-open, in Unicode code points; passages have none.
    """

    vectors: FloatArray
    words: tuple[FloatArray, ...]
    ranges: tuple[NDArray[np.int64], ...] = ()


class Encoder(Protocol):
    """Turns texts into unit vectors whose inner product is their similarity.

    `name` is the `identity` of the weights. `word_dimension` is 0 where an encoder has no vectors
    of words; `words` are empty then.
    """

    name: str
    dimension: int
    word_dimension: int

    def encode_questions(self, texts: Sequence[str]) -> Embedded:
        """Encode questions."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> Embedded:
        """Encode passages."""
        ...


class Reader(Protocol):
    """Marks the answer to a question in each of several contexts."""

    name: str

    def read(self, question: str, contexts: Sequence[str]) -> list[Span]:
        """Return one best span per context, in the order of `contexts`."""
        ...

    def read_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[Span]:
        """Return one best span per pair of a question and a context, in the order of `pairs`.

        Each is that of `read`; passages of several questions share the forward passes.
        """
        ...
