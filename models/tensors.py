"""Moves tensors to where a model computes, and tells in which precision it is fast there."""

import torch


def on_device(tensor: torch.Tensor, device: torch.device | str) -> torch.Tensor:
    """Return a tensor on a device.

    To a GPU it goes by way of memory that the system does not move, so that the copy runs beside
    what comes next in the program; what the GPU computes afterwards waits for it.
    """
    if torch.device(device).type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def fast_in_bfloat16(device: torch.device) -> bool:
    """Tell whether a device is made for bfloat16."""
    if device.type != "cpu":
        return True
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
