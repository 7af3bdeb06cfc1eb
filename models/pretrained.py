"""Loads a transformer's weights from a folder, and what is done to them before a use (torch)."""

import inspect
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers.utils import logging

from models.contracts import ModelError

logging.disable_progress_bar()  # type: ignore[no-untyped-call] # loading takes a second

_POOLER = "pooler."  # a layer that many models are published without, and none here uses


def load_pretrained(
    kind: Any,  # noqa: ANN401 - a class of transformers, which are not typed
    folder: Path,
    *,
    dtype: torch.dtype = torch.float32,
    attention: str | None = None,
    new: Collection[str] = (),
) -> Any:  # noqa: ANN401 - as above
    """Return the model of class `kind` in a folder, in single precision or that of `dtype`.

    `attention` names the implementation of it. Weights whose names begin with one in `new` may be
    missing: they begin at random.

    Raises ModelError where the folder holds no such model, or a part of one.
    """
    try:
        model, report = kind.from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            attn_implementation=attention,
        )
    except Exception as error:  # the libraries below raise bare Exception for damaged files
        raise ModelError(f"{folder} can't be loaded: {error}") from error
    missing = sorted(
        name
        for name in report["missing_keys"]
        if _POOLER not in name and not name.startswith(tuple(new))
    )
    if missing:
        raise ModelError(
            f"{folder} has no trained weights for {', '.join(missing[:3])}: it is no trained model "
            "of this kind"
        )
    return model


@torch.no_grad()
def move_towards(network: nn.Module, other: nn.Module, share: float, named: Path) -> None:
    """Move each weight of a network towards that of another, by `share` of the way.

    Raises ModelError, which calls the other as it is `named`, where that has other weights.
    """
    own, theirs = network.state_dict(), other.state_dict()
    if {name: value.shape for name, value in own.items()} != {
        name: value.shape for name, value in theirs.items()
    }:
        raise ModelError(f"{named} has another architecture: there is no mean of the two")
    for name, value in own.items():
        if value.is_floating_point():  # others are places, not weights
            value.lerp_(theirs[name].to(value.device, value.dtype), share)


def without_dropout(network: Any) -> None:  # noqa: ANN401 - as above
    """Set all dropout of a network to 0: that of attention leaves the fast path on a CPU."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if hasattr(module, "dropout_prob"):
            module.dropout_prob = 0.0


def takes_types(network: Any) -> bool:  # noqa: ANN401 - as above
    """Tell whether a network tells question and context apart by the types of their tokens."""
    takes = "token_type_ids" in inspect.signature(network.forward).parameters
    return takes and getattr(network.config, "type_vocab_size", 0) > 1
