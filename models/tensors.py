"""Moves tensors to where a model computes, and says how it computes attention there."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

_KERNELS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


def on_device(tensor: torch.Tensor, device: torch.device | str) -> torch.Tensor:
    """Return a tensor on a device.

    To a GPU it goes by way of memory that the system does not move, so that the copy runs beside
    what comes next in the program; what the GPU computes afterwards waits for it.
    """
    if torch.device(device).type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


@contextmanager
def fused_attention(device: torch.device | str) -> Iterator[None]:
    """Keep attention on a GPU to the kernels that need no plan for each new shape.

    cuDNN's do: the first batch of a shape waited some 60 ms for it on an H100, and the passages of
    every question have another shape.
    """
    with sdpa_kernel(_KERNELS) if torch.device(device).type == "cuda" else nullcontext():
        yield


def fast_in_bfloat16(device: torch.device) -> bool:
    """Tell whether a device is made for bfloat16."""
    if device.type != "cpu":
        return True
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
