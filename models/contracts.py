"""What a model must do: the two Protocols that the rest of the application is written against."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float32]


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
    `no_answer_score` is the null answer's own logit sum in the window of the span.
    """

    start: int
    end: int
    score: float
    no_answer_score: float


class Encoder(Protocol):
    """Turns texts into unit vectors whose inner product is their similarity."""

    name: str
    dimension: int

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return shape (len(texts), dimension), float32, each row of length 1."""
        ...


class Reader(Protocol):
    """Marks the answer to a question in each of several contexts."""

    name: str

    def read(self, question: str, contexts: Sequence[str]) -> list[Span]:
        """Return one best span per context, in the order of `contexts`."""
        ...
