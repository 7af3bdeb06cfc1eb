"""Sees that a training has not run out of numbers (torch)."""

from torch import Tensor, nn

from models.contracts import ModelError

_ANEW = "begin anew with a lower --rate"


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
