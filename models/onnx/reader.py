"""Reads with ONNX Runtime."""

from pathlib import Path

from models.contracts import READER, ModelError
from models.loading import (
    DEFAULT,
    hidden_width,
    longest_window,
    read_config,
    reader_folder,
    weights_identity,
)
from models.onnx.files import AGAIN, GRAPH, READER_OUTPUTS, verified
from models.onnx.session import Session
from models.reading import Outputs, SpanReader
from models.span_choice import SPAN_CHOICE, SpanChoice
from models.tokenizer import load_tokenizer, pad_id
from models.windows import Batch, Windower


class OnnxReader(SpanReader):
    """A `Reader` on top of ONNX Runtime: what `scripts/export_onnx.py` made of a model.

    Where it was loaded without `choosing`, the states of its candidates are the network's own.
    """

    def __init__(
        self,
        name_or_dir: str | Path = DEFAULT,
        *,
        threads: int = 0,
        choosing: bool = True,
    ) -> None:
        """Load a model that computes with `threads`, or with every core where that is 0.

        Without `choosing` the best span is taken, whatever `models.span_choice` would choose.

        Raises ModelError where it isn't there, or its files are damaged or don't fit together.
        """
        folder = reader_folder(name_or_dir)
        name = verified(folder, READER, weights_identity(folder)).model
        self._session = Session(folder, threads=threads)
        config = read_config(folder)
        choice = SpanChoice.load(folder, name, hidden_width(config)) if choosing else None
        self._projection = choice.projection if choice else None
        if choice and len(self._session.outputs) < len(READER_OUTPUTS):
            raise ModelError(
                f"{folder / GRAPH} does not give the states that {SPAN_CHOICE} chooses by: {AGAIN}"
            )
        most = longest_window(config)
        super().__init__(
            name,
            Windower(load_tokenizer(folder), max_length=most, of=folder),
            each=self._session.each,
            pad_id=pad_id(folder),
            max_batch_tokens=1,  # every window by itself: see models.onnx.session
            choice=choice,
        )

    def _forward(self, batch: Batch) -> Outputs:
        feed = {"input_ids": batch.ids, "token_type_ids": batch.type_ids}
        starts, ends, *states = self._session.run(feed)
        if self._projection is not None:
            states = [some @ self._projection for some in states]
        return (starts, ends, *states)
