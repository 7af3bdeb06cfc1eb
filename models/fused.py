"""Fused attention for MPNet, which transformers computes step by step (torch).

A relative bias is added to what its heads compare. The fused kernels of torch take one as a mask.
"""

from functools import partial
from typing import Any

from torch import Tensor, nn
from transformers.models.mpnet.modeling_mpnet import MPNetSelfAttention


def fuse_attention(network: nn.Module) -> None:
    """Let MPNet's layers compute attention in one kernel; other architectures stay as they are.

    The bias is not trained any further: the kernel gives it no gradient where it is fast.
    """
    for name, parameter in network.named_parameters():
        if "relative_attention_bias" in name:
            parameter.requires_grad_(False)
    for module in network.modules():
        if isinstance(module, MPNetSelfAttention):
            module.forward = partial(_attend, module)  # type: ignore[method-assign]


def heads_of(attention: Any, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ANN401 - transformers is not typed
    """Return queries, keys and values, each of shape (n, heads, tokens, hidden / heads)."""
    shape = (*hidden.shape[:2], attention.num_attention_heads, attention.attention_head_size)
    query, key, value = (
        part(hidden).view(shape).transpose(1, 2) for part in (attention.q, attention.k, attention.v)
    )
    return query, key, value


def _attend(
    attention: Any,  # noqa: ANN401 - likewise
    hidden: Tensor,
    attention_mask: Tensor | None = None,
    position_bias: Tensor | None = None,
    output_attentions: bool = False,
    **_: object,
) -> tuple[Tensor]:
    """Return what `MPNetSelfAttention.forward` does: shape (n, tokens, hidden), and no weights."""
    if output_attentions:
        raise ValueError("fused attention has no weights to return")
    query, key, value = heads_of(attention, hidden)
    added = [one for one in (attention_mask, position_bias) if one is not None]
    mask = sum(added[1:], added[0]).to(query.dtype) if added else None
    read = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    output: Tensor = attention.o(read.transpose(1, 2).reshape(hidden.shape))
    return (output,)
