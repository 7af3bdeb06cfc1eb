"""Reads with ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path

from models.contracts import ModelError, Span
from models.loading import (
    DEFAULT,
    hidden_width,
    longest_window,
    read_config,
    reader_folder,
    weights_identity,
)
from models.onnx.files import AGAIN, GRAPH, READER, READER_OUTPUTS, verified
from models.onnx.session import Session
from models.onnx.tokens import load_tokenizer, pad_id
from models.reading import Outputs, SpanReading
from models.span_choice import SPAN_CHOICE, SpanChoice
from models.spans import SpanCandidate
from models.windows import Batch, Windower


class OnnxReader:
    """A `Reader` on top of ONNX Runtime: what `scripts/export_onnx.py` made of a model.

    `name` is the `identity` of the weights that it was made from.
    """

    name: str

    def __init__(
        self,
        name_or_dir: str | Path = DEFAULT,
        *,
        threads: int = 0,
        max_length: int = 384,
        stride: int = 128,
        max_answer_tokens: int = 60,
        choosing: bool = True,
    ) -> None:
        """Load a model that computes with `threads`, or with every core where that is 0.

        `max_length`, the tokens of a window, is lowered to what the model can read;
        `stride` is the tokens that neighbouring windows share. Without `choosing` the best span is
        taken, whatever `models.span_choice` would choose.

        Raises ModelError where it isn't there, or its files are damaged or don't fit together.
        """
        folder = reader_folder(name_or_dir)
        self.name = verified(folder, READER, weights_identity(folder)).model
        self._session = Session(folder, threads=threads)
        config = read_config(folder)
        choice = SpanChoice.load(folder, self.name, hidden_width(config)) if choosing else None
        self._projection = choice.projection if choice else None
        if choice and len(self._session.outputs) < len(READER_OUTPUTS):
            raise ModelError(
                f"{folder / GRAPH} does not give the states that {SPAN_CHOICE} chooses by: {AGAIN}"
            )
        self._reading = SpanReading(
            windower=Windower(
                load_tokenizer(folder),
                max_length=longest_window(config, max_length),
                stride=stride,
                of=folder,
            ),
            forward=self._forward,
            each=self._session.each,
            pad_id=pad_id(folder),
            max_batch_tokens=1,  # every window by itself: see models.onnx.session
            max_answer_tokens=max_answer_tokens,
            choice=choice,
        )

    def read(self, question: str, contexts: Sequence[str]) -> list[Span]:
        """Return one best span per context, in the order of `contexts`."""
        return self._reading.read(question, contexts)

    def read_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[Span]:
        """Return one best span per pair of a question and a context, in the order of `pairs`."""
        return self._reading.read_pairs(pairs)

    def candidates(self, pairs: Sequence[tuple[str, str]]) -> list[list[SpanCandidate]]:
        """Return for each pair the spans that a choice is made from, best first.

        Their states are the network's own where the reader was loaded without `choosing`.
        """
        return self._reading.candidates(pairs)

    def _forward(self, batch: Batch) -> Outputs:
        feed = {"input_ids": batch.ids, "token_type_ids": batch.type_ids}
        starts, ends, *states = self._session.run(feed)
        if self._projection is not None:
            states = [some @ self._projection for some in states]
        return (starts, ends, *states)
