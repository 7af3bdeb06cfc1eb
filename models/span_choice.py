"""Chooses among a reader's best spans of a context by more than its logits.

A linear model of `models.span_features` and of the network's last hidden states at a span's first
and last token and in the mean of its tokens, fitted by scripts/fit_spans.py to which spans are
right; docs/decisions/0025 tells what it gives. It lies in the reader's folder and is of these
weights alone.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np

from files.writing import write_durably
from models.contracts import FloatArray, ModelError
from models.span_features import FEATURES, span_features
from models.spans import SpanCandidate

SPAN_CHOICE = "span_choice.json"
"""The name of the file in a reader's folder."""

CANDIDATES = 8
"""So many spans are chosen from."""

STATES = ("first", "last", "mean")
"""Where the hidden states are taken from: the rows of a candidate's `states`."""

_AGAIN = "fit it again (python -m scripts.fit_spans) or remove it"


@dataclass(frozen=True, slots=True)
class SpanChoice:
    """The weight of each feature. `model` is the identity of the reader that it was fitted to.

    `states` are the weights of the hidden states, for each of STATES as many as the network is
    wide.
    """

    model: str
    weights: tuple[float, ...]
    states: tuple[tuple[float, ...], ...]

    @property
    def projection(self) -> FloatArray:
        """What a token's hidden state is multiplied by, shape (width, 3)."""
        return np.array(self.states, np.float32).T

    @property
    def _is_finite(self) -> bool:
        return bool(np.isfinite([*self.weights, *chain(*self.states)]).all())

    def best(
        self, question: str, context: str, candidates: Sequence[SpanCandidate]
    ) -> SpanCandidate:
        """Return the candidate that is likeliest to be right; they come best first.

        Their states are hidden states that were multiplied by `projection`.
        """
        if len(candidates) < 2:  # noqa: PLR2004 - a choice
            return candidates[0]
        scores = span_features(question, context, candidates) @ np.array(self.weights)
        scores += [0.0 if one.states is None else np.trace(one.states) for one in candidates]
        return candidates[int(scores.argmax())]

    def save(self, folder: Path) -> None:
        """Write the file into a reader's folder, whole or not at all.

        Raises ModelError where a weight is infinite or no number.
        """
        if not self._is_finite:
            raise ModelError(
                f"the choice among spans of {self.model} has weights that are no numbers"
            )
        content = {
            "model": self.model,
            "weights": dict(zip(FEATURES, self.weights, strict=True)),
            "states": {
                place: " ".join(f"{weight:.6g}" for weight in weights)
                for place, weights in zip(STATES, self.states, strict=True)
            },
        }
        write_durably(folder / SPAN_CHOICE, json.dumps(content, indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path, model: str, width: int | None) -> Self | None:
        """Read the file of a folder's reader; None where there is none.

        `model` is the reader's identity, `width` how many numbers its hidden states have, if known.

        Raises ModelError where it is damaged, of other features or of another reader.
        """
        path = folder / SPAN_CHOICE
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            found = cls(
                str(content["model"]),
                tuple(float(content["weights"][name]) for name in FEATURES),
                tuple(tuple(map(float, content["states"][name].split())) for name in STATES),
            )
            found.projection  # noqa: B018 - a ValueError where one has other numbers of weights
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise ModelError(
                f"{path} can't be read ({type(error).__name__}: {error}): {_AGAIN}"
            ) from error
        if not found._is_finite:
            raise ModelError(f"{path} holds weights that are no numbers: fit it again or remove it")
        if found.model != model:
            raise ModelError(
                f"{path} was fitted to the reader {found.model}, and this is {model}: {_AGAIN}"
            )
        if width not in (None, len(found.projection)):
            raise ModelError(
                f"{path} has {len(found.projection)} weights for each place, and the reader's "
                f"hidden states have {width} numbers: {_AGAIN}"
            )
        return found
