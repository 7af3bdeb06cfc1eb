"""Trains an extractive reader: one forward pass learns the span and the null answer (torch).

The loss is that of Devlin et al., "BERT" (2019), sections 4.2 and 4.3: cross-entropy of start and
end over the tokens of a window, an unanswerable window pointing at position 0. With a teacher its
distributions are targets too (Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural
Network", 2015).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoModelForQuestionAnswering

from models.fused import fuse_attention
from models.pretrained import load_pretrained, move_towards, takes_types, without_dropout
from models.tensors import fast_in_bfloat16, on_device
from models.windows import Batch

Network = nn.Module
"""A transformers model for question answering."""

_TEMPERATURE = 2.0
_HEAD = "qa_outputs"
_EMBEDDINGS = {"embeddings", "rel_embeddings"}  # parts of names; what projects them is trained


def load_network(folder: Path, device: str, *, new_head: bool) -> Network:
    """Load a reader to be trained on from its folder, or an encoder; with a `new_head` if wanted.

    Plain attention on a CPU: the gradient of the fused one costs a third more there. No dropout;
    the word and position embeddings keep still.

    Raises ModelError where the folder holds no model, or an encoder and `new_head` is False.
    """
    network = load_pretrained(
        AutoModelForQuestionAnswering,
        folder,
        attention="eager" if device == "cpu" else None,
        new=(f"{_HEAD}.",) if new_head else (),
    )
    if new_head:
        head = network.get_submodule(_HEAD)
        nn.init.normal_(head.weight, std=network.config.initializer_range)
        nn.init.zeros_(head.bias)
    without_dropout(network)
    for name, parameter in network.named_parameters():
        if _EMBEDDINGS.intersection(name.split(".")) and "LayerNorm" not in name:
            parameter.requires_grad_(False)
    if device != "cpu":
        fuse_attention(network)
    trained: Network = network.to(device)
    return trained


def logits_of(network: Network, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return start and end logits, float32 of shape (windows, tokens), the least on padding.

    Computes in bfloat16 where the device is made for it, or the network is in it.
    """
    weights = next(network.parameters())
    device = weights.device
    arrays = {"input_ids": batch.ids, "attention_mask": batch.mask}
    if takes_types(network):
        arrays["token_type_ids"] = batch.type_ids
    moved = on_device(torch.from_numpy(np.stack(list(arrays.values()))), device)
    inputs = dict(zip(arrays, moved, strict=True))
    mixed = weights.dtype == torch.float32 and fast_in_bfloat16(device)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=mixed):
        output: Any = network(**inputs)
    padding = inputs["attention_mask"] == 0
    least = torch.finfo(torch.float32).min
    return (
        output.start_logits.float().masked_fill(padding, least),
        output.end_logits.float().masked_fill(padding, least),
    )


def blend(network: Network, base: Path, share: float) -> None:
    """Move each weight of a network towards that of the reader in `base`, by `share` of the way.

    Raises ModelError where that has other weights.
    """
    device = next(network.parameters()).device
    move_towards(network, load_network(base, device.type, new_head=False), share, base)


def span_loss(start: Tensor, end: Tensor, first: Tensor, last: Tensor, known: Tensor) -> Tensor:
    """Return the mean cross-entropy of the starts and ends of n windows; logits as of `logits_of`.

    `first` and `last`, int64 of shape (n,), are those of `Labelled`; a window whose `known`,
    boolean of that shape, is False counts nothing.
    """
    losses = nn.functional.cross_entropy(start, first, reduction="none")
    losses = losses + nn.functional.cross_entropy(end, last, reduction="none")
    return (losses * known).sum() / (2 * known.sum().clamp(min=1))


def shared_loss(
    logits: tuple[Tensor, Tensor],
    first: Tensor,
    last: Tensor,
    read: Tensor,
    sizes: Sequence[int],
) -> Tensor:
    """Return the mean cross-entropy of starts and ends over all windows of a group at once.

    `logits` are the starts' and the ends', as of `logits_of`. The windows of a group, `sizes` in a
    row, are of one question; the first has the answer, from its token `first` to its `last`, int64
    of shape (windows,). `read`, boolean of shape (windows, tokens), names the tokens of contexts.
    What competes are the tokens of all contexts of a group, each by its logit less that of its
    window's null answer, and one null answer, which is 0: what a span's score is made of. So a
    span of a wrong passage must score less than the right one (Clark and Gardner, "Simple and
    effective multi-paragraph reading comprehension", 2018, section 3.3). Groups of one count
    nothing; there is at least one other.
    """
    losses = []
    least = torch.finfo(logits[0].dtype).min
    for some, places in zip(logits, (first, last), strict=True):
        scores = (some - some[:, :1]).masked_fill(~read, least)
        right = scores.gather(1, places[:, None])[:, 0]
        row = 0
        for size in sizes:
            if size > 1:
                every = scores[row : row + size].reshape(-1)
                every = torch.cat([every, every.new_zeros(1)])
                losses.append(torch.logsumexp(every, 0) - right[row])
            row += size
    return torch.stack(losses).mean()


def distillation_loss(student: Tensor, teacher: Tensor, known: Tensor) -> Tensor:
    """Return the mean divergence of n windows' distributions from a teacher's.

    Both have shape (n, tokens); `known`, boolean of that shape, names the tokens that both read.
    A window of which no token is known counts nothing.
    """
    least = torch.finfo(student.dtype).min
    log_p = torch.log_softmax((student / _TEMPERATURE).masked_fill(~known, least), dim=1)
    log_q = torch.log_softmax((teacher / _TEMPERATURE).masked_fill(~known, least), dim=1)
    each = (log_q.exp() * (log_q - log_p)).masked_fill(~known, 0.0).sum(1)
    read = known.any(1)
    return (each * read).sum() / read.sum().clamp(min=1) * _TEMPERATURE**2
