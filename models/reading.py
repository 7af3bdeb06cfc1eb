"""Reads contexts with any backend: split, compute, decode. Imports no neural network library."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from models.contracts import FloatArray, ModelError, Span
from models.spans import Logits, best_span
from models.windows import ENOUGH, Batch, Window, Windower, batches

Forward: TypeAlias = Callable[[Batch], tuple[FloatArray, FloatArray]]
"""Runs a network: a batch to its start and end logits, float32 of shape (windows, tokens)."""


@dataclass(frozen=True, slots=True)
class SpanReading:
    """How a backend's `forward` becomes a `Reader`.

    `max_batch_tokens` bounds the tokens of one forward pass, padding included, and one that has
    `enough_tokens` is not padded much to have more; `max_answer_tokens` bounds an answer.
    """

    windower: Windower
    forward: Forward
    pad_id: int
    max_batch_tokens: int
    max_answer_tokens: int
    enough_tokens: int = ENOUGH

    def read(self, question: str, contexts: Sequence[str]) -> list[Span]:
        """Return one best span per context, in the order of `contexts`.

        Raises ModelError where the network returns a logit that is not a finite number.
        """
        windows = self.windower.split(question, contexts)
        logits = self._logits(windows)
        members: list[list[int]] = [[] for _ in contexts]
        for place, window in enumerate(windows):
            members[window.context].append(place)
        return [
            best_span(
                context,
                [windows[place] for place in places],
                [logits[place] for place in places],
                max_answer_tokens=self.max_answer_tokens,
            )
            for context, places in zip(contexts, members, strict=True)
        ]

    def _logits(self, windows: Sequence[Window]) -> list[Logits]:
        """Return the logits of each window, in the order of `windows`."""
        found: dict[int, Logits] = {}
        for batch in batches(
            windows,
            max_tokens=self.max_batch_tokens,
            pad_id=self.pad_id,
            enough_tokens=self.enough_tokens,
        ):
            starts, ends = self.forward(batch)
            for place, start, end in zip(batch.members, starts, ends, strict=True):
                length = len(windows[place].ids)
                found[place] = Logits(start[:length], end[:length])
                if not np.isfinite(found[place]).all():
                    raise ModelError(
                        "the reader's logits are not finite numbers: its weights are damaged, or "
                        "too large for half precision (run it on the CPU)"
                    )
        return [found[place] for place in range(len(windows))]
