"""Encodes texts with a sentence-transformers model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from models.contracts import FloatArray, ModelError
from models.loading import DEFAULT, encoder_folder, identity, pick_device, without_progress_bars
from models.windows import without_surrogates


class SentenceEncoder:
    """An `Encoder` on top of sentence-transformers (Reimers and Gurevych, 2019).

    `name` is the model's `identity`. Texts are cut after the model's own limit of tokens
    (256 for all-MiniLM-L6-v2). Single precision on the CPU, half precision on a GPU.
    """

    name: str
    dimension: int

    def __init__(
        self,
        name_or_dir: str | Path = DEFAULT,
        *,
        device: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        """Load a model from a folder or a hub id; `batch_size` texts go into one forward pass.

        By default 8 on the CPU, where a batch that outgrows the cache is slower, 256 on a GPU.

        Raises ModelError where it can't be found or loaded, or the device is not there.
        """
        folder = encoder_folder(name_or_dir)
        target = pick_device(device)
        dtype = torch.float32 if target == "cpu" else torch.float16
        try:
            with without_progress_bars():
                self._model = SentenceTransformer(
                    str(folder), device=target, local_files_only=True, model_kwargs={"dtype": dtype}
                )
        except Exception as error:  # the libraries below raise bare Exception for damaged files
            raise ModelError(f"{name_or_dir} can't be loaded as an encoder: {error}") from error
        dimension = self._model.get_embedding_dimension()
        if dimension is None:
            raise ModelError(f"{name_or_dir} doesn't say how long its vectors are")
        self.name = identity(folder)
        self.dimension = dimension
        self._batch_size = batch_size or (8 if target == "cpu" else 256)

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return shape (len(texts), dimension), float32, each row of length 1."""
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        vectors = np.asarray(
            self._model.encode(  # sorts by length and pads to the longest of a batch
                [without_surrogates(text) for text in texts],
                batch_size=self._batch_size,
                show_progress_bar=False,
                convert_to_numpy=True,
            ),
            dtype=np.float32,
        )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: FloatArray = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
        return unit
