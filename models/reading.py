"""Reads contexts with any backend: split, compute, decode. Imports no neural network library."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from models.boundaries import trimmed
from models.citation_marks import only_citation
from models.contracts import FloatArray, ModelError, Span
from models.span_choice import CANDIDATES, SpanChoice
from models.spans import Logits, SpanCandidate, best_span, candidates
from models.windows import ENOUGH, Batch, Window, Windower, batches

_LEAST = 0.0
"""Where no span of a context scores so much the best is left as it is: hardly any is right."""

_MOST_TOKENS = 60  # of an answer

_LOWER = """
    a an and are as at be by for from had has have how in is it its long many much of on or so such
    than that the their there these they this those to was well were what when where which who
    whose why with
"""
_FUNCTION_WORDS = {*_LOWER.split(), *_LOWER.title().split()} - {"A"}  # of blood, hepatitis, ...

Outputs: TypeAlias = tuple[FloatArray, ...]
"""Start and end logits, float32 of shape (windows, tokens), and perhaps states of the tokens, of
shape (windows, tokens, width), as `models.spans.Logits` has them."""

Forward: TypeAlias = Callable[[Batch], Outputs]
"""Runs a network on a batch."""

Each: TypeAlias = Callable[[Forward, Iterable[Batch]], Iterable[Outputs]]
"""Calls a `Forward` with each batch and returns what it made of them in their order, as `map`."""


class SpanReader(ABC):
    """A `Reader` on top of a network, which a backend runs in `_forward`.

    `name` is the `identity` of its weights. What is nothing but a citation's mark, or function
    words ("as long"), is no answer, where there is another span.
    """

    def __init__(
        self,
        name: str,
        windower: Windower,
        *,
        pad_id: int,
        max_batch_tokens: int,
        enough_tokens: int = ENOUGH,
        each: Each = map,
        choice: SpanChoice | None = None,
    ) -> None:
        """Take what cuts texts into windows, and `choice`, which chooses among the best spans.

        `max_batch_tokens` bounds the tokens of one forward pass, padding included, and one that
        has `enough_tokens` is not padded much to have more. `each` may run several passes at once.
        """
        self.name = name
        self.windower = windower
        self.each = each
        self._pad_id = pad_id
        self._max_batch_tokens = max_batch_tokens
        self._enough_tokens = enough_tokens
        self._choice = choice

    @abstractmethod
    def _forward(self, batch: Batch) -> Outputs:
        """Run the network on a batch; states are multiplied by the choice's projection, if any."""

    def read(self, question: str, contexts: Sequence[str]) -> list[Span]:
        """Return one best span per context, in the order of `contexts`.

        Raises ModelError where the network returns a logit that is not a finite number.
        """
        return self.read_pairs([(question, context) for context in contexts])

    def read_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[Span]:
        """Return one best span per pair of a question and a context, in the order of `pairs`.

        Windows of all questions share the forward passes. Errors are those of `read`.
        """
        return [
            self._chosen(question, context, *read)
            for (question, context), read in zip(pairs, self._read(pairs), strict=True)
        ]

    def candidates(self, pairs: Sequence[tuple[str, str]]) -> list[list[SpanCandidate]]:
        """Return the spans that a choice is made from for each pair, best first."""
        return [
            self._candidates(context, *read)
            for (_, context), read in zip(pairs, self._read(pairs), strict=True)
        ]

    def _chosen(
        self, question: str, context: str, windows: Sequence[Window], logits: Sequence[Logits]
    ) -> Span:
        best = best_span(context, windows, logits, max_answer_tokens=_MOST_TOKENS)
        if best.start == best.end:
            return best
        start, end = self._edges(question, context, windows, logits, best)
        start, end = trimmed(context, start, end)
        return replace(best, start=start, end=end)

    def _edges(
        self,
        question: str,
        context: str,
        windows: Sequence[Window],
        logits: Sequence[Logits],
        best: Span,
    ) -> tuple[int, int]:
        """Return the edges of the span that is chosen, where a choice is made, else of the best."""
        choice = self._choice if best.score >= _LEAST else None
        if choice is None and not _says_nothing(context, best.start, best.end):
            return best.start, best.end
        found = self._candidates(context, windows, logits)
        found = [one for one in found if not _says_nothing(context, one.start, one.end)] or found
        chosen = choice.best(question, context, found) if choice else found[0]
        return chosen.start, chosen.end

    def _candidates(
        self, context: str, windows: Sequence[Window], logits: Sequence[Logits]
    ) -> list[SpanCandidate]:
        return candidates(context, windows, logits, max_answer_tokens=_MOST_TOKENS, most=CANDIDATES)

    def _read(
        self, pairs: Sequence[tuple[str, str]]
    ) -> Iterator[tuple[list[Window], list[Logits]]]:
        """Yield the windows of each pair, and their logits."""
        windows: list[Window] = []
        members: list[list[int]] = [[] for _ in pairs]
        for question, places in _by_question(pairs).items():
            for window in self.windower.split(question, [pairs[place][1] for place in places]):
                members[places[window.context]].append(len(windows))
                windows.append(window)
        logits = self._logits(windows)
        for places in members:
            yield [windows[place] for place in places], [logits[place] for place in places]

    def _logits(self, windows: Sequence[Window]) -> list[Logits]:
        """Return the logits of each window, in the order of `windows`."""
        found: dict[int, Logits] = {}
        made = list(
            batches(
                windows,
                max_tokens=self._max_batch_tokens,
                pad_id=self._pad_id,
                enough_tokens=self._enough_tokens,
            )
        )
        for batch, outputs in zip(made, self.each(self._forward, made), strict=True):
            for place, *own in zip(batch.members, *outputs, strict=True):
                length = len(windows[place].ids)
                found[place] = Logits(*(some[:length] for some in own))
                if not all(np.isfinite(some).all() for some in own):
                    raise ModelError(
                        "the reader's logits are not finite numbers: its weights are damaged, or "
                        "too large for half precision (run it on the CPU)"
                    )
        return [found[place] for place in range(len(windows))]


def _by_question(pairs: Sequence[tuple[str, str]]) -> dict[str, list[int]]:
    """Return the places of each question's pairs: a question is tokenized once."""
    places: dict[str, list[int]] = {}
    for place, (question, _) in enumerate(pairs):
        places.setdefault(question, []).append(place)
    return places


def _says_nothing(context: str, start: int, end: int) -> bool:
    """Tell whether a span is a citation's mark, or nothing but function words."""
    words = context[start:end].split()
    return only_citation(context, start, end) or all(word in _FUNCTION_WORDS for word in words)
