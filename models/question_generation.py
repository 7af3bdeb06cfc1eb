"""Writes the questions that a passage answers: one transformer reads, then writes on (torch).

The network is that of Dong et al., "Unified Language Model Pre-training for Natural Language
Understanding and Generation" (2019): an encoder whose attention is masked, so that the tokens of a
passage see the passage, and those of its question see the passage and what was written before them.
Such questions are training pairs for a retriever (Wang et al., "GPL", 2022). This module is the
network; `models.question_learning` trains it and `models.question_sampling` lets it write.

Only MPNet (Song et al., 2020) is known here. What transformers computes step by step is done in
fused attention, with the relative bias as its mask.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import MPNetModel

from models.contracts import IntArray, ModelError
from models.fused import heads_of
from models.loading import max_positions, read_config
from models.pieces import without_surrogates
from models.pretrained import load_pretrained, without_dropout
from models.tokenizer import load_tokenizer

BEGIN, PAD, END = 0, 1, 2
"""Tokens `<s>`, `<pad>` and `</s>`; a question is written from one END to the next."""

PASSAGE_TOKENS = 320
QUESTION_TOKENS = 32
"""Most tokens of a passage, and of a question with its END."""

HEAD = "question_head.safetensors"
_NARROW = 0.2  # the head's first logits stay near its bias: learnt in a third of the steps
_STEP = 8  # columns: fused attention is fast where its mask's rows are aligned


def padded_left(passages: Sequence[IntArray]) -> IntArray:
    """Return n passages with BEGIN and END, padded at their left: int64, shape (n, columns)."""
    columns = columns_for(max(map(len, passages)) + 2)
    ids = np.full((len(passages), columns), PAD, dtype=np.int64)
    for row, tokens in enumerate(passages):
        ids[row, columns - len(tokens) - 2] = BEGIN
        ids[row, columns - len(tokens) - 1 : -1] = tokens
        ids[row, -1] = END
    return ids


def columns_for(tokens: int) -> int:
    """Return the next number of columns that is fast.

    >>> [columns_for(tokens) for tokens in (1, 8, 9)]
    [8, 8, 16]
    """
    return -(-tokens // _STEP) * _STEP


class QuestionGenerator(nn.Module):
    """An MPNet, and a head that predicts the next token of a question.

    The head is that of a masked language model: its last matrix are the word embeddings.
    """

    def __init__(self, backbone: MPNetModel, tokenizer: Tokenizer) -> None:
        """Put a new head on a transformer, which loses its dropout."""
        super().__init__()
        self.backbone: Any = backbone
        self.tokenizer = tokenizer
        config = backbone.config
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        nn.init.eye_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)
        nn.init.constant_(self.norm.weight, _NARROW)
        self.passage_tokens = min(
            PASSAGE_TOKENS, config.max_position_embeddings - PAD - 1 - QUESTION_TOKENS - 2
        )
        self.has_trained_head = False
        without_dropout(backbone)
        for name, parameter in backbone.named_parameters():
            if "_embeddings" in name or "relative_attention_bias" in name or "pooler" in name:
                parameter.requires_grad_(False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load an encoder, or a generator that was saved. Raises ModelError where it is neither."""
        config = read_config(folder)
        if config.get("model_type") != "mpnet":
            raise ModelError(
                f"{folder} is a model of type {config.get('model_type')!r}: only an MPNet, such as "
                "all-mpnet-base-v2, can learn to write questions"
            )
        backbone = load_pretrained(MPNetModel, folder)
        tokenizer = load_tokenizer(folder)
        special = [tokenizer.token_to_id(token) for token in ("<s>", "<pad>", "</s>")]
        if special != [BEGIN, PAD, END]:
            raise ModelError(f"{folder} numbers <s>, <pad>, </s> as {special}, not as an MPNet")
        if (max_positions(config) or 0) < 2 * QUESTION_TOKENS:
            raise ModelError(f"{folder} reads too few tokens at once to write a question")
        tokenizer.no_truncation()
        tokenizer.no_padding()
        made = cls(backbone, tokenizer)
        if (folder / HEAD).is_file():
            made.load_head(folder / HEAD)
        return made

    def load_head(self, path: Path) -> None:
        """Read the head that `save` wrote. Raises ModelError where it is damaged or another's."""
        try:
            missing, unexpected = self.load_state_dict(load_file(path), strict=False)
        except (OSError, SafetensorError, RuntimeError) as error:
            raise ModelError(f"{path} is damaged or another model's: {error}") from error
        wrong = [name for name in missing if not name.startswith("backbone.")] + unexpected
        if wrong:
            raise ModelError(f"{path} is another model's: see its {', '.join(sorted(wrong)[:3])}")
        self.has_trained_head = True

    def save(self, folder: Path) -> None:
        """Write transformer, head and tokenizer into a folder, as `load` reads them."""
        folder.mkdir(parents=True, exist_ok=True)
        self.backbone.save_pretrained(folder)
        self.tokenizer.save(str(folder / "tokenizer.json"))
        head = {
            name: value.contiguous()
            for name, value in self.state_dict().items()
            if not name.startswith("backbone.")
        }
        save_file(head, folder / HEAD)

    def tokens_of(self, texts: Sequence[str], limit: int) -> list[IntArray]:
        """Return the first `limit` tokens of each text, without special ones; on all cores."""
        clean = [without_surrogates(text) for text in texts]
        encodings = self.tokenizer.encode_batch_fast(clean, add_special_tokens=False)
        return [np.array(encoding.ids[:limit], dtype=np.int64) for encoding in encodings]

    @torch.no_grad()
    def start_head(self, labels: IntArray) -> None:
        """Let the head begin with how often each token is in `labels`, shape (targets,)."""
        counts = np.bincount(labels, minlength=len(self.bias)) + 0.1
        self.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))

    def forward(self, ids: Tensor, passage: int) -> Tensor:
        """Return the hidden states, shape (n, columns, hidden), of passages and their questions.

        The first `passage` columns of `ids`, int64 of shape (n, columns), are of `padded_left`;
        then come END, the question and any padding. So equal columns have equal distances.
        """
        columns = torch.arange(ids.shape[1], device=ids.device)
        padding = padding_of(ids, passage)
        later = (columns > columns[:, None]) & (columns >= passage)
        return self.layers(self.embedded(ids, padding, 0), self.mask(columns, padding, later))[0]

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the next token's logits, float32 of shape (..., vocabulary)."""
        states = self.norm(nn.functional.gelu(self.dense(hidden)))
        words = self.backbone.embeddings.word_embeddings.weight
        return nn.functional.linear(states, words, self.bias.to(words.dtype)).float()

    def embedded(self, ids: Tensor, padding: Tensor, first: int) -> Tensor:
        """Return what the first layer reads of ids that stand in the columns from `first` on.

        `padding`, boolean of shape (n, columns of the passage), is that of `padding_of`.
        """
        before = padding.sum(1, keepdim=True)
        columns = torch.arange(first, first + ids.shape[1], device=ids.device)
        embeddings = self.backbone.embeddings
        most = embeddings.position_embeddings.num_embeddings - 1
        positions = (columns - before + PAD + 1).clamp(PAD, most)
        embedded = embeddings.word_embeddings(ids) + embeddings.position_embeddings(positions)
        states: Tensor = embeddings.LayerNorm(embedded)
        return states

    def mask(self, queries: Tensor, padding: Tensor, later: Tensor) -> Tensor:
        """Return what is added to attention, shape (n, heads, queries, columns).

        `queries`, shape (queries,), are the columns that look, and `later`, boolean of shape
        (queries, columns), tells what they don't see of any row.
        """
        encoder = self.backbone.encoder
        keys = torch.arange(later.shape[1], device=queries.device)
        buckets = encoder.relative_position_bucket(keys - queries[:, None])
        kind = self.bias.device.type
        dtype = (
            torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else self.bias.dtype
        )
        bias: Tensor = encoder.relative_attention_bias(buckets).permute(2, 0, 1).to(dtype)
        hidden = nn.functional.pad(padding, (0, later.shape[1] - padding.shape[1]))
        unseen = hidden[:, None, None] | later
        return bias.masked_fill(unseen, torch.finfo(dtype).min)

    def layers(
        self, hidden: Tensor, mask: Tensor, *, keep: bool = False
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Return the last layer's states, and each layer's keys and values if they are to be kept.

        Those have shape (n, heads, columns, hidden / heads).
        """
        kept = []
        for layer in self.backbone.encoder.layer:
            query, key, value = heads_of(layer.attention.attn, hidden)
            read = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
            hidden = after_attention(layer, hidden, read)
            if keep:
                kept.append((key, value))
        return hidden, kept


def padding_of(ids: Tensor, passage: int) -> Tensor:
    """Tell where passages are padded: boolean of shape (n, passage)."""
    lengths = (ids[:, :passage] != PAD).sum(1, keepdim=True)
    return torch.arange(passage, device=ids.device) < passage - lengths


def after_attention(layer: Any, hidden: Tensor, read: Tensor) -> Tensor:  # noqa: ANN401 - as above
    """Return a layer's states from what its heads read, (n, heads, tokens, hidden / heads)."""
    joined = layer.attention.attn.o(read.transpose(1, 2).reshape(hidden.shape))
    attended = layer.attention.LayerNorm(joined + hidden)
    states: Tensor = layer.output(layer.intermediate(attended), attended)
    return states
