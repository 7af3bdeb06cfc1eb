"""Reads with a transformers question-answering model."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from models.contracts import ModelError
from models.loading import (
    DEFAULT,
    hidden_width,
    identity,
    longest_window,
    pick_device,
    read_config,
    reader_folder,
)
from models.pretrained import load_pretrained, takes_types
from models.reading import Outputs, SpanReader
from models.span_choice import SpanChoice
from models.tensors import on_device
from models.windows import ENOUGH, Batch, Windower

_REMEMBERED = 100_000  # words whose tokens it knows: some 30 MB


class TransformersReader(SpanReader):
    """A `Reader` on top of transformers: BERT, RoBERTa, DistilBERT, ELECTRA, MPNet and kin.

    Single precision on the CPU, half precision on a GPU, with the fused attention of torch
    (`scaled_dot_product_attention`) where the architecture has it. Its candidates have states
    only where it was loaded with a choice.
    """

    def __init__(
        self,
        name_or_dir: str | Path = DEFAULT,
        *,
        device: str = "auto",
        choosing: bool = True,
    ) -> None:
        """Load a model from a folder or a hub id.

        A GPU computes as fast for many windows as for few: there they are sorted out by length
        only from 16,384 tokens on. Without `choosing` the best span is taken, whatever
        `models.span_choice` would choose.

        Raises ModelError where it can't be found or loaded, is not an extractive reader, or the
        device is not there.
        """
        folder = reader_folder(name_or_dir)
        config = read_config(folder)
        self._device = pick_device(device)
        on_cpu = self._device == "cpu"
        self._model = load_pretrained(
            AutoModelForQuestionAnswering, folder, dtype=torch.float32 if on_cpu else torch.float16
        )
        self._model.to(self._device).eval()
        self._has_types = takes_types(self._model)
        tokenizer = _load_tokenizer(folder)
        name = identity(folder)
        choice = SpanChoice.load(folder, name, hidden_width(config)) if choosing else None
        super().__init__(
            name,
            Windower(
                tokenizer.backend_tokenizer,
                max_length=longest_window(config),
                remembered=_REMEMBERED,
                of=folder,
            ),
            pad_id=tokenizer.pad_token_id or 0,
            max_batch_tokens=4096 if on_cpu else 65_536,
            enough_tokens=ENOUGH if on_cpu else 16_384,
            choice=choice,
        )
        self._projection = (
            torch.from_numpy(choice.projection).to(self._device, self._model.dtype)
            if choice
            else None
        )

    @torch.inference_mode()
    def _forward(self, batch: Batch) -> Outputs:
        padded = not batch.mask.all()
        arrays = {"input_ids": batch.ids}
        if padded:
            arrays["attention_mask"] = batch.mask  # without one, attention takes a faster kernel
        if self._has_types:
            arrays["token_type_ids"] = batch.type_ids
        moved = on_device(torch.from_numpy(np.stack(list(arrays.values()))), self._device)
        named = dict(zip(arrays, moved, strict=True))
        output = self._model(**named, output_hidden_states=self._projection is not None)
        made = [output.start_logits[..., None], output.end_logits[..., None]]
        if self._projection is not None:
            made.append(output.hidden_states[-1] @ self._projection)
        numbers = torch.cat(made, dim=2).float().cpu().numpy()  # all in one transfer
        starts, ends, states = numbers[..., 0], numbers[..., 1], numbers[..., 2:]
        return (starts, ends, states) if states.size else (starts, ends)


def _load_tokenizer(folder: Path) -> Any:  # noqa: ANN401 - transformers is not typed
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # tokenizers raises bare Exception
        raise ModelError(f"the tokenizer in {folder} can't be loaded: {error}") from error
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(f"{folder} has no fast tokenizer (tokenizer.json): a reader needs offsets")
    return tokenizer
