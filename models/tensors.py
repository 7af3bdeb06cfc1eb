"""Moves tensors to where a model computes."""

import torch


def on_device(tensor: torch.Tensor, device: torch.device | str) -> torch.Tensor:
    """Return a tensor on a device.

    To a GPU it goes by way of memory that the system does not move, so that the copy runs beside
    what comes next in the program; what the GPU computes afterwards waits for it.
    """
    if torch.device(device).type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
