"""Trains an encoder on questions and passages: one loss for its vectors, one for its words (torch).

Both are InfoNCE (van den Oord, Li and Vinyals, 2018): of all the passages of a batch the question's
own shall score highest. The other questions' passages are the easy wrong ones, and passages that
share words with the question and lack the answer the hard ones (Karpukhin et al., "Dense Passage
Retrieval", 2020). An anchor, a model whose vectors are to be stayed near to, keeps what it knew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

from models.late import LateConfig, LateInteraction, late_scores
from models.late import load as load_head
from models.words import words_of

QUESTION_TOKENS = 64
PASSAGE_TOKENS = 256
_COSINE_SCALE = 20.0  # what all-MiniLM-L6-v2 was trained with
_LATE_SCALE = 30.0
_HEAD_RATE = 5.0  # times the learning rate of the encoder
_CHUNK = 16  # passages in one forward pass: more outgrow the cache of a CPU


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
        """Load the transformer in `folder`, with its head.

        Where it has none, the head has `dimension`, begins at random and gives no vector to the
        words in `left_out`.
        """
        super().__init__()
        self.transformer = AutoModel.from_pretrained(
            folder,
            dtype=torch.float32,
            # the gradient of the fused attention costs a third more on a CPU
            attn_implementation="sdpa" if torch.cuda.is_available() else "eager",
        )
        for module in self.transformer.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0  # attention dropout leaves the fast path on a CPU
            if hasattr(module, "dropout_prob"):
                module.dropout_prob = 0.0
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder).backend_tokenizer
        self.tokenizer.no_padding()
        trained = load_head(folder)
        self.has_trained_head = trained is not None
        self.head = trained or LateInteraction(
            LateConfig(self.transformer.config.hidden_size, dimension, tuple(left_out))
        )
        self.cosine_scale = nn.Parameter(torch.tensor(_COSINE_SCALE).log())
        self.late_scale = nn.Parameter(torch.tensor(_LATE_SCALE).log())

    def forward(self, texts: Sequence[str], limit: int, left_out: frozenset[str]) -> Encoded:
        """Encode texts of at most `limit` tokens; the words in `left_out` get no vector."""
        self.tokenizer.enable_truncation(limit)
        encodings = self.tokenizer.encode_batch(list(texts))
        order = sorted(range(len(texts)), key=lambda place: len(encodings[place].ids))
        parts: list[Encoded] = []
        for at in range(0, len(order), _CHUNK):
            some = [(encodings[place], texts[place]) for place in order[at : at + _CHUNK]]
            parts.append(self._encode(some, left_out))
        back = torch.tensor(order).argsort()
        most = max(part.words.shape[1] for part in parts)
        return Encoded(
            torch.cat([part.vectors for part in parts])[back],
            torch.cat([_padded(part.words, most) for part in parts])[back],
            torch.cat([_padded(part.weights, most) for part in parts])[back],
        )

    def hidden(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the hidden states, shape (n, tokens, hidden), float32; bfloat16 inside."""
        with torch.autocast(ids.device.type, dtype=torch.bfloat16):
            output = self.transformer(input_ids=ids, attention_mask=mask)
        states: Tensor = output.last_hidden_state.float()
        return states

    def _encode(self, some: Sequence[tuple[Any, str]], left_out: frozenset[str]) -> Encoded:
        longest = max(len(encoding.ids) for encoding, _ in some)
        device = self.cosine_scale.device
        ids = torch.zeros(len(some), longest, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        words = torch.full_like(ids, -1)
        for row, (encoding, text) in enumerate(some):
            length = len(encoding.ids)
            ids[row, :length] = torch.tensor(encoding.ids)
            mask[row, :length] = 1
            words[row, :length] = torch.from_numpy(words_of(encoding, text, left_out).of_token)
        ids, mask, words = ids.to(device), mask.to(device), words.to(device)
        hidden = self.hidden(ids, mask)
        pooled = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        vectors, weights = self.head(hidden, words)
        return Encoded(nn.functional.normalize(pooled, dim=-1), vectors, weights)

    @torch.no_grad()
    def move_towards(self, folder: Path, share: float) -> None:
        """Move each weight, but for the head's, towards the model in `folder`, by `share`."""
        if share:
            other = AutoModel.from_pretrained(folder, dtype=torch.float32).state_dict()
            for name, value in self.transformer.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(other[name].to(value.device), share)

    @torch.no_grad()
    def start_head(self, texts: Sequence[str]) -> None:
        """Let the head begin with the directions in which words of `texts` differ most."""
        states = []
        self.tokenizer.enable_truncation(PASSAGE_TOKENS)
        for encoding in self.tokenizer.encode_batch(list(texts)):
            ids = torch.tensor([encoding.ids], device=self.cosine_scale.device)
            states.append(self.hidden(ids, torch.ones_like(ids))[0, 1:-1])
        _, _, directions = torch.linalg.svd(torch.cat(states), full_matrices=False)
        self.head.projection.weight.copy_(directions[: self.head.config.dimension])


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


def batch_loss(
    model: TrainedEncoder,
    questions: Sequence[str],
    passages: Sequence[str],
    excluded: Tensor,
    anchor: TrainedEncoder | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the losses of vectors, of words and of the distance from the anchor for a batch.

    `excluded` is as `contrastive_loss` takes it. The last is 0 without an anchor.
    """
    left_out = frozenset(model.head.config.left_out)
    asked = model(questions, QUESTION_TOKENS, frozenset())
    found = model(passages, PASSAGE_TOKENS, left_out)
    cosine = asked.vectors @ found.vectors.T
    late = late_scores(asked.words, asked.weights, found.words)
    away = torch.zeros((), device=excluded.device)
    if anchor is not None:
        with torch.no_grad():
            kept = anchor(questions, QUESTION_TOKENS, frozenset()).vectors
            kept = torch.cat([kept, anchor(passages, PASSAGE_TOKENS, left_out).vectors])
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
        [{"params": body, "lr": rate}, {"params": head, "lr": rate * _HEAD_RATE}],
        weight_decay=0.01,
    )
