"""What all trainings share: steps, checkpoints, and that no number overflows (torch)."""

import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from files.reading import one_line
from files.writing import sync
from models.contracts import ModelError

CHECKPOINT = "checkpoint.safetensors"
HEAD_RATE = 5.0  # of a new head, times that of the network below
WEIGHT_DECAY = 0.01

_CHECKPOINT_SECONDS = 300
_LONGEST_GRADIENT = 1.0
_ANEW = "begin anew with a lower --rate"


def adamw(network: nn.Module, rate: float, body: str = "") -> torch.optim.AdamW:
    """Return AdamW over the parameters that are trained; biases and norms don't decay.

    Those whose names don't begin with `body` are a new head, which learns faster.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            key = (not name.startswith(body), parameter.ndim <= 1)
            groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": rate * (HEAD_RATE if head else 1.0),
                "weight_decay": 0.0 if steady else WEIGHT_DECAY,
            }
            for (head, steady), parameters in sorted(groups.items())
        ],
        fused=True,
    )


class Narrow:
    """A copy of a network in bfloat16, which computes; the network keeps what is learnt in float32.

    On a CPU this is a third faster than autocast, which converts at every layer (Micikevicius et
    al., "Mixed precision training", 2018, section 3.1, have the weights so).
    """

    network: nn.Module

    def __init__(self, wide: nn.Module) -> None:
        """Copy the network as it is."""
        self.network = deepcopy(wide).bfloat16()
        both = zip(wide.parameters(), self.network.parameters(), strict=True)
        self._pairs = [(one, copy) for one, copy in both if one.requires_grad]

    def hand_over(self) -> None:
        """Move the copy's gradients to the network."""
        for one, copy in self._pairs:
            one.grad = None if copy.grad is None else copy.grad.to(one.dtype)
            copy.grad = None

    @torch.no_grad()
    def follow(self) -> None:
        """Take over the network's weights."""
        for one, copy in self._pairs:
            copy.copy_(one)


class Training:
    """A network that learns from one loss after another, and goes on where it was stopped.

    `progress` is what its checkpoint says, empty where there is none.
    """

    progress: dict[str, float]

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        folder: Path | None = None,
        *,
        narrow: bool = False,
    ) -> None:
        """Restore what `folder` has. The optimizer's learning rates are the greatest.

        With `narrow` a copy in bfloat16 computes the losses (see `Narrow`). Raises ModelError as
        `load_checkpoint` does.
        """
        self._network = network
        self._optimizer = optimizer
        self._folder = folder
        self._rates = [group["lr"] for group in optimizer.param_groups]
        self.progress = load_checkpoint(folder, network, optimizer) if folder else {}
        self._kept = time.monotonic()
        network.train()
        self._narrow = Narrow(network) if narrow else None

    @property
    def computes(self) -> nn.Module:
        """The network that losses are to be computed with."""
        return self._narrow.network if self._narrow else self._network

    def learn(self, loss: Tensor, share: float) -> None:
        """Take a step down the gradient of a loss, at this share of the greatest rates."""
        for group, greatest in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = greatest * share
        loss.backward()  # type: ignore[no-untyped-call]
        if self._narrow:
            self._narrow.hand_over()
        nn.utils.clip_grad_norm_(self._network.parameters(), _LONGEST_GRADIENT)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        if self._narrow:
            self._narrow.follow()

    def keep(
        self,
        progress: Mapping[str, int | float],
        *,
        at_once: bool = False,
        before: Callable[[], None] | None = None,
    ) -> None:
        """Write a checkpoint where the last one is five minutes old, or `at_once`.

        What `before` writes is then there when the checkpoint is.
        """
        if self._folder and (at_once or time.monotonic() - self._kept > _CHECKPOINT_SECONDS):
            if before:
                before()
            save_checkpoint(self._folder, self._network, self._optimizer, progress)
            self._kept = time.monotonic()


def finite_loss(losses: Tensor) -> Tensor:
    """Return losses of any shape. Raises ModelError where one is infinite or no number."""
    if not losses.isfinite().all():
        raise ModelError(f"the loss is no finite number any more: {_ANEW}")
    return losses


def expect_finite(network: nn.Module) -> None:
    """Raise ModelError where a weight is infinite or no number, which none is to be kept with."""
    for name, value in network.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            raise ModelError(f"{name} has weights that are no finite numbers: {_ANEW}")


def save_checkpoint(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Mapping[str, int | float],
) -> None:
    """Write weights, the optimizer's state and how far the run is: a file, complete or absent.

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
    sync(temporary)
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
        raise ModelError(
            f"{path} is damaged or of another network ({one_line(error)[:200]}): remove it to "
            "begin again, or give another --work"
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
