"""Encodes texts with a sentence-transformers model, and their words where it has a head."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Encoding, Tokenizer

from models import late, pretrained  # noqa: F401 - with pretrained no progress bars
from models.contracts import Embedded, FloatArray, IntArray, ModelError
from models.loading import DEFAULT, encoder_folder, identity, pick_device
from models.pieces import without_surrogates
from models.tensors import on_device
from models.words import Words, words_of

_SORTED = 4096  # texts that are sorted by length together, to bound the memory


class SentenceEncoder:
    """An `Encoder` on top of sentence-transformers (Reimers and Gurevych, 2019).

    `name` is the model's `identity`. Texts are cut after the model's own limit of tokens
    (256 for all-MiniLM-L6-v2). Half precision on a GPU, single precision on the CPU.
    """

    name: str
    dimension: int
    word_dimension: int

    def __init__(
        self,
        name_or_dir: str | Path = DEFAULT,
        *,
        device: str = "auto",
        batch_size: int | None = None,
        bulk: bool = False,
    ) -> None:
        """Load a model from a folder or a hub id; `batch_size` texts go into one forward pass.

        By default 16 on the CPU, where a batch that outgrows the cache is slower, 256 on a GPU.
        With `bulk`, a CPU that computes in bfloat16 does so: twice as fast, cosines to 0.001.

        Raises ModelError where it can't be found or loaded, or the device is not there.
        """
        folder = encoder_folder(name_or_dir)
        target = pick_device(device)
        self._dtype = _precision(target, bulk=bulk)
        try:
            self._model = SentenceTransformer(
                str(folder),
                device=target,
                local_files_only=True,
                model_kwargs={"dtype": self._dtype},
            )
        except Exception as error:  # the libraries below raise bare Exception for damaged files
            raise ModelError(f"{name_or_dir} can't be loaded as an encoder: {error}") from error
        dimension = self._model.get_embedding_dimension()
        if dimension is None:
            raise ModelError(f"{name_or_dir} doesn't say how long its vectors are")
        head = late.load_head(folder)
        self._head = head.to(target) if head else None
        self.name = identity(folder)
        self.dimension = dimension
        self.word_dimension = head.config.dimension if head else 0
        self._tokenizer = _cutting(self._model) if head else None
        self._batch_size = batch_size or (16 if target == "cpu" else 256)

    def encode_questions(self, texts: Sequence[str]) -> Embedded:
        """Encode questions: all their words have vectors, as long as the word's weight."""
        return self._encode(texts, left_out=(), weighted=True)

    def encode_passages(self, texts: Sequence[str]) -> Embedded:
        """Encode passages: the words that the head leaves out have no vectors."""
        left_out = frozenset(self._head.config.left_out) if self._head else ()
        return self._encode(texts, left_out=left_out, weighted=False)

    def _encode(
        self, texts: Sequence[str], *, left_out: Collection[str], weighted: bool
    ) -> Embedded:
        vectors = np.empty((len(texts), self.dimension), np.float32)
        words: list[FloatArray] = [np.empty((0, self.word_dimension), np.float32)] * len(texts)
        ranges: list[IntArray] = [np.empty((0, 2), np.int64)] * len(texts)
        clean = [without_surrogates(text) for text in texts]
        for first in range(0, len(texts), _SORTED):
            here = range(first, min(first + _SORTED, len(texts)))
            order = sorted(here, key=lambda place: len(clean[place]))
            for at in range(0, len(order), self._batch_size):
                places = order[at : at + self._batch_size]
                batch = self._forward([clean[p] for p in places], left_out, weighted=weighted)
                vectors[places] = batch.vectors
                for row, place in enumerate(places):
                    words[place] = batch.words[row]
                    ranges[place] = batch.ranges[row]
        return Embedded(vectors, tuple(words), tuple(ranges) if weighted else ())

    @torch.inference_mode()
    def _forward(self, texts: list[str], left_out: Collection[str], *, weighted: bool) -> Embedded:
        """Encode one batch: the transformer in its own precision, what follows in float32."""
        encodings: list[Encoding] = []
        if self._tokenizer is None:
            features: dict[str, Any] = self._model.preprocess(texts)
        else:  # the words need the encodings: cut once for both
            encodings = self._tokenizer.encode_batch(texts)
            features = {
                "input_ids": torch.tensor([one.ids for one in encodings]),
                "attention_mask": torch.tensor([one.attention_mask for one in encodings]),
            }
        features = {
            name: on_device(value, self._model.device) if isinstance(value, torch.Tensor) else value
            for name, value in features.items()
        }
        transformer, *rest = self._model
        features = transformer(features)
        features["token_embeddings"] = features["token_embeddings"].float()
        for module in rest:
            features = module.float()(features)
        vectors = torch.nn.functional.normalize(features["sentence_embedding"].float(), dim=-1)
        unit: FloatArray = vectors.cpu().numpy()
        if self._head is None:
            nothing = (np.empty((0, 0), np.float32),) * len(texts)
            return Embedded(unit, nothing, (np.empty((0, 2), np.int64),) * len(texts))
        found = [words_of(*pair, left_out) for pair in zip(encodings, texts, strict=True)]
        words = self._words(self._head, features["token_embeddings"], found, weighted=weighted)
        return Embedded(unit, words, tuple(one.ranges for one in found))

    def _words(
        self,
        head: late.LateInteraction,
        hidden: torch.Tensor,
        found: Sequence[Words],
        *,
        weighted: bool,
    ) -> tuple[FloatArray, ...]:
        """Return the vectors of the words of each text; `hidden` is (n, tokens, hidden)."""
        of_token = torch.from_numpy(np.stack([one.of_token for one in found]))
        vectors, weights = head(hidden, on_device(of_token, hidden.device))
        if weighted:
            vectors = vectors * weights[:, :, None]
        rows = vectors.cpu().numpy()
        return tuple(rows[row, : len(one.ranges)] for row, one in enumerate(found))


def _cutting(model: SentenceTransformer) -> Tokenizer:
    """Return the model's tokenizer, set to cut and pad as `SentenceTransformer.preprocess` does."""
    tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
    if model.max_seq_length is not None:
        tokenizer.enable_truncation(model.max_seq_length)
    tokenizer.enable_padding(
        pad_id=model.tokenizer.pad_token_id, pad_token=model.tokenizer.pad_token
    )
    return tokenizer


def _precision(device: str, *, bulk: bool) -> torch.dtype:
    if device != "cpu":
        return torch.float16
    fast = bulk and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.bfloat16 if fast else torch.float32
