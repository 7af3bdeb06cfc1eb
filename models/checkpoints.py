"""Keeps what a training run needs to go on, in one safetensors file (torch)."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.contracts import ModelError
from models.finite import expect_finite

CHECKPOINT = "checkpoint.safetensors"


def save_checkpoint(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Mapping[str, int | float],
) -> None:
    """Write weights, the optimizer's state and how far the run is; complete or absent.

    Raises ModelError where weights are infinite or no numbers: a run can't go on from them.
    """
    expect_finite(model)
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
    for name, value in progress.items():
        tensors[f"progress.{name}"] = torch.tensor(value, dtype=torch.float64)
    temporary = folder / "checkpoint.tmp"
    save_file({name: value.contiguous() for name, value in tensors.items()}, temporary)
    temporary.replace(folder / CHECKPOINT)


def load_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer
) -> dict[str, float]:
    """Restore a run; return the progress that was saved, nothing where there is no checkpoint.

    Raises ModelError where it is damaged or of another network.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return {}
    try:
        return _restored(load_file(path), model, optimizer)
    except (OSError, SafetensorError, RuntimeError, ValueError, LookupError) as error:
        said = " ".join(str(error).split())
        raise ModelError(
            f"{path} is damaged or of another network ({said[:200]}): remove it to begin again, or "
            "give another --work"
        ) from error


def _restored(
    tensors: Mapping[str, Tensor], model: nn.Module, optimizer: torch.optim.Optimizer
) -> dict[str, float]:
    model.load_state_dict(_within("model.", tensors))
    restored = optimizer.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _within("optimizer.", tensors).items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = value
    restored["state"] = state
    optimizer.load_state_dict(restored)
    return {name: float(value) for name, value in _within("progress.", tensors).items()}


def _within(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix`, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
