"""Trains an encoder on questions and passages: one loss for its vectors, one for its words (torch).

Both are InfoNCE (van den Oord, Li and Vinyals, 2018): of all the passages of a batch the question's
own shall score highest. The other questions' passages are the easy wrong ones, and passages that
share words with the question and lack the answer the hard ones (Karpukhin et al., "Dense Passage
Retrieval", 2020). An anchor, a model whose vectors are to be stayed near to, keeps what it knew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import AutoModel

from models.contracts import IntArray, ModelError
from models.late import LateInteraction, late_scores, load_head
from models.late_config import LateConfig
from models.pieces import without_surrogates
from models.pooling import MEAN, longest_text, pooling_of
from models.pretrained import load_pretrained, move_towards, without_dropout
from models.tensors import on_device
from models.token_table import Tokens, TokenTable
from models.tokenizer import load_tokenizer
from models.training import HEAD_RATE, WEIGHT_DECAY

QUESTION_TOKENS = 64
_COSINE_SCALE = 20.0  # what all-MiniLM-L6-v2 was trained with
_LATE_SCALE = 30.0
"""What late interaction is multiplied with to be a logit, before a training changes it."""
_CHUNK = 16  # passages in one forward pass: more outgrow the cache of a CPU
_CHUNK_TOKENS = 65_536  # likewise on a GPU, padding counted, which is soon busy with fewer
_MULTIPLE = 8  # of tokens: what the fast kernels of a GPU are made for
_LIKENESSES = 2**28  # pairs of words that are compared at once: 1 GiB
_GPU = "cuda"
_FUSED = "sdpa"


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the encoder makes of n texts.

    `vectors` (n, hidden) and `words` (n, most words, dimension) have rows of length 1, or 0 for
    padding; `weights` (n, most words) sum to 1 in a row.
    """

    vectors: Tensor
    words: Tensor
    weights: Tensor


class TrainedEncoder(nn.Module):
    """A transformer with mean pooling and a late interaction head."""

    def __init__(self, folder: Path, dimension: int, left_out: Sequence[str]) -> None:
        """Load the transformer in `folder`, with its head; it cuts passages where it will serve.

        Where it has none, the head has `dimension`, begins at random and gives no vector to the
        words in `left_out`.

        Raises ModelError where the folder holds no whole encoder, or one that pools otherwise, and
        where its hidden states are narrower than `dimension`.
        """
        super().__init__()
        if pooling_of(folder) != MEAN:
            raise ModelError(
                f"{folder} pools its first token, and only encoders that take the mean of all "
                "tokens can be trained"
            )
        self.transformer = load_pretrained(
            AutoModel,
            folder,
            # the gradient of the fused attention costs a third more on a CPU; on a GPU the default
            # is the fused one, where transformers has it for an architecture
            attention=None if torch.cuda.is_available() else "eager",
        )
        without_dropout(self.transformer)
        self._fused = self.transformer.config._attn_implementation == _FUSED  # noqa: SLF001 - no other
        self.longest = longest_text(folder)
        self.tokenizer: Any = load_tokenizer(folder)
        self.tokenizer.no_padding()
        trained, width = load_head(folder), self.transformer.config.hidden_size
        if trained is None and width < dimension:
            raise ModelError(
                f"{folder} has hidden states of {width} numbers, and a word's vector can't have "
                f"{dimension}: give a lower --dimension"
            )
        self.has_trained_head = trained is not None
        self.head = trained or LateInteraction(LateConfig(width, dimension, tuple(left_out)))
        self.cosine_scale = nn.Parameter(torch.tensor(_COSINE_SCALE).log())
        self.late_scale = nn.Parameter(torch.tensor(_LATE_SCALE).log())

    def tables(self) -> tuple[TokenTable, TokenTable]:
        """Return what cuts questions and what cuts passages into this model's tokens."""
        return (
            TokenTable(self.tokenizer, min(QUESTION_TOKENS, self.longest), ()),
            TokenTable(self.tokenizer, self.longest, self.head.config.left_out),
        )

    def forward(self, tokens: Tokens) -> Encoded:
        """Encode texts."""
        order, chunks = self._chunks(tokens.lengths)
        parts = [self._encode(tokens.taken(rows)) for rows in chunks]
        most = max(part.words.shape[1] for part in parts)
        back = self._back(order)
        return Encoded(
            torch.cat([part.vectors for part in parts]).index_select(0, back),
            torch.cat([_padded(part.words, most) for part in parts]).index_select(0, back),
            torch.cat([_padded(part.weights, most) for part in parts]).index_select(0, back),
        )

    def vectors(self, tokens: Tokens) -> Tensor:
        """Return the vectors of n texts, shape (n, hidden), without those of their words."""
        order, chunks = self._chunks(tokens.lengths)
        parts = [self._states(tokens.taken(rows))[0] for rows in chunks]
        return torch.cat(parts).index_select(0, self._back(order))

    def hidden(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the hidden states, shape (n, tokens, hidden), float32; bfloat16 inside."""
        if ids.device.type == _GPU and self._fused:
            # every token's row of the mask: given only the texts' lengths, transformers looks
            # whether any is short, and waits for the GPU to say
            mask = mask.bool()[:, None, None, :].expand(-1, 1, ids.shape[1], -1).contiguous()
        with torch.autocast(ids.device.type, dtype=torch.bfloat16):
            output = self.transformer(input_ids=ids, attention_mask=mask)
        states: Tensor = output.last_hidden_state.float()
        return states

    def _chunks(self, lengths: IntArray) -> tuple[IntArray, Iterator[IntArray]]:
        """Return texts in order of length, and the same in parts for one forward pass each."""
        order = np.argsort(lengths, kind="stable")
        if self.cosine_scale.device.type != _GPU:
            ends = list(range(_CHUNK, len(order), _CHUNK))
        else:
            ends = token_bounds(-(-lengths[order] // _MULTIPLE) * _MULTIPLE, _CHUNK_TOKENS)
        return order, iter(np.split(order, ends))

    def _back(self, order: IntArray) -> Tensor:
        return on_device(torch.from_numpy(order.argsort()), self.cosine_scale.device)

    def _states(self, tokens: Tokens) -> tuple[Tensor, Tensor, Tensor]:
        """Return the vectors of texts, their hidden states and their words' numbers."""
        device = self.cosine_scale.device
        ids, words = tokens.padded(_MULTIPLE if device.type == _GPU else 1)
        held = np.arange(ids.shape[1]) < tokens.lengths[:, None]
        mask = on_device(torch.from_numpy(held.astype(np.int64)), device)
        hidden = self.hidden(on_device(torch.from_numpy(ids), device), mask)
        pooled = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        numbers = on_device(torch.from_numpy(words), device)
        return nn.functional.normalize(pooled, dim=-1), hidden, numbers

    def _encode(self, tokens: Tokens) -> Encoded:
        vectors, hidden, numbers = self._states(tokens)
        return Encoded(vectors, *self.head(hidden, numbers, int(tokens.words.max(initial=-1)) + 1))

    def move_towards(self, folder: Path, share: float) -> None:
        """Move each weight, but for the head's, towards the model in `folder`, by `share`.

        Raises ModelError where that has other weights.
        """
        if share:
            move_towards(self.transformer, load_pretrained(AutoModel, folder), share, folder)

    @torch.no_grad()
    def start_head(self, texts: Sequence[str]) -> None:
        """Let the head begin with the directions in which words of `texts` differ most.

        Raises ModelError where they have fewer words than a word's vector has numbers.
        """
        states = []
        self.tokenizer.enable_truncation(self.longest)
        for encoding in self.tokenizer.encode_batch([without_surrogates(text) for text in texts]):
            ids = torch.tensor([encoding.ids], device=self.cosine_scale.device)
            states.append(self.hidden(ids, torch.ones_like(ids))[0, 1:-1])
        _, _, directions = torch.linalg.svd(torch.cat(states), full_matrices=False)
        dimension = self.head.config.dimension
        if len(directions) < dimension:
            raise ModelError(
                f"the passages have too few tokens for words' vectors of {dimension} numbers: give "
                "more questions, or a lower --dimension"
            )
        self.head.projection.weight.copy_(directions[:dimension])


def token_bounds(lengths: IntArray, most: int) -> list[int]:
    """Return where texts in order of length are to be split, for at most `most` tokens in a part.

    Padding is counted; a text that is longer by itself is a part by itself.

    >>> token_bounds(np.array([1, 2, 2, 5, 9]), 6)
    [3, 4]
    """
    ends, begin = [], 0
    for place, length in enumerate(lengths.tolist()):
        if place > begin and (place + 1 - begin) * length > most:
            ends.append(place)
            begin = place
    return ends


def _padded(rows: Tensor, most: int) -> Tensor:
    missing = most - rows.shape[1]
    return nn.functional.pad(rows, (0, 0) * (rows.ndim - 2) + (0, missing))


def contrastive_loss(scores: Tensor, scale: Tensor, excluded: Tensor) -> Tensor:
    """Return the mean InfoNCE of q questions.

    `scores` has shape (q, p); the right passage of question i is passage i. `excluded`, boolean of
    the same shape, names the passages that don't count against a question.
    """
    logits = (scores * scale).masked_fill(excluded, torch.finfo(scores.dtype).min)
    return nn.functional.cross_entropy(logits, torch.arange(len(scores), device=scores.device))


def anchor_loss(vectors: Tensor, anchor: Tensor) -> Tensor:
    """Return how far n vectors are from those of the anchor, both (n, hidden): mean 1 - cosine."""
    return 1 - nn.functional.cosine_similarity(vectors, anchor).mean()


def blocked_late_scores(question: Tensor, weights: Tensor, passage: Tensor) -> Tensor:
    """Return what `late_scores` returns, with no more than `_LIKENESSES` in memory at a time.

    What is more is computed once more for the gradient.
    """
    each = question.shape[1] * passage.shape[0] * passage.shape[1]
    block = max(1, _LIKENESSES // max(1, each))
    if block >= len(question):
        return late_scores(question, weights, passage)
    some = zip(torch.split(question, block), torch.split(weights, block), strict=True)
    again = partial(checkpoint, late_scores, use_reentrant=False, preserve_rng_state=False)
    scores = [again(words, theirs, passage) for words, theirs in some]
    return torch.cat(scores)


def batch_loss(
    model: TrainedEncoder,
    questions: Tokens,
    passages: Tokens,
    excluded: Tensor,
    anchor: TrainedEncoder | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the losses of vectors, of words and of the distance from the anchor for a batch.

    `excluded` is as `contrastive_loss` takes it. The last is 0 without an anchor, which has to
    cut texts as the model does (see `models.tokenizer.cut_alike`), and be as wide.
    """
    asked, found = model(questions), model(passages)
    cosine = asked.vectors @ found.vectors.T
    late = blocked_late_scores(asked.words, asked.weights, found.words)
    away = torch.zeros((), device=excluded.device)
    if anchor is not None:
        with torch.no_grad():
            kept = torch.cat([anchor.vectors(questions), anchor.vectors(passages)])
        away = anchor_loss(torch.cat([asked.vectors, found.vectors]), kept)
    return (
        contrastive_loss(cosine, model.cosine_scale.exp(), excluded),
        contrastive_loss(late, model.late_scale.exp(), excluded),
        away,
    )


def optimizer_of(model: TrainedEncoder, rate: float) -> torch.optim.AdamW:
    """Return AdamW for a model; the position and word embeddings keep still."""
    for parameter in model.transformer.embeddings.parameters():
        parameter.requires_grad_(False)
    body = [p for p in model.transformer.parameters() if p.requires_grad]
    head = [*model.head.parameters(), model.cosine_scale, model.late_scale]
    return torch.optim.AdamW(
        [{"params": body, "lr": rate}, {"params": head, "lr": rate * HEAD_RATE}],
        weight_decay=WEIGHT_DECAY,
    )
