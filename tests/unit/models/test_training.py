"""Steps and checkpoints of a training whose losses a narrow copy computes."""

from pathlib import Path

import torch
from torch import nn

from models.training import CHECKPOINT, Training, adamw


def network() -> nn.Module:
    torch.manual_seed(3)
    found = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 1))
    found[0].bias.requires_grad_(False)
    return found


def losses(training: Training, steps: int) -> list[float]:
    """Learn the sum of what goes in, and return the losses on the way."""
    chance = torch.Generator().manual_seed(8)
    found = []
    for _ in range(steps):
        given = torch.randn(64, 8, generator=chance)
        dtype = next(training.computes.parameters()).dtype
        loss = (
            (training.computes(given.to(dtype)).float() - given.sum(1, keepdim=True)).pow(2).mean()
        )
        training.learn(loss, 1.0)
        found.append(loss.item())
    return found


def test_a_narrow_copy_computes_and_the_network_learns_in_full() -> None:
    wide, copied = network(), network()
    alone = losses(Training(wide, adamw(wide, 1e-2)), 60)
    training = Training(copied, adamw(copied, 1e-2), narrow=True)
    found = losses(training, 60)
    assert found[-1] < 0.2 * found[0]
    torch.testing.assert_close(torch.tensor(found), torch.tensor(alone), rtol=0.1, atol=0.05)
    narrow = dict(training.computes.named_parameters())
    for name, value in copied.named_parameters():
        assert (value.dtype, narrow[name].dtype) == (torch.float32, torch.bfloat16)
        assert torch.equal(narrow[name], value.bfloat16()), name
    assert not torch.equal(copied[3].weight, copied[3].weight.bfloat16().float())
    assert torch.equal(copied[0].bias, network()[0].bias)  # which is not trained


def test_steps_too_small_for_bfloat16_add_up() -> None:
    # 1 + 0.001 is 1 in bfloat16: 100 such steps would leave a narrow network where it was
    one = nn.Linear(1, 1, bias=False)
    nn.init.ones_(one.weight)
    training = Training(one, torch.optim.SGD(one.parameters(), 1e-3), narrow=True)
    for _ in range(100):
        training.learn(-training.computes(torch.ones(1, 1).bfloat16()).sum(), 1.0)
    assert one.weight.item() > 1.09


def test_a_checkpoint_is_of_the_network_and_the_copy_follows_it(tmp_path: Path) -> None:
    first = network()
    training = Training(first, adamw(first, 1e-2), tmp_path, narrow=True)
    losses(training, 3)
    training.keep({"steps": 3}, at_once=True)
    assert (tmp_path / CHECKPOINT).is_file()
    second = network()
    again = Training(second, adamw(second, 1e-2), tmp_path, narrow=True)
    assert again.progress == {"steps": 3}
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
    assert losses(again, 5) == losses(training, 5)


def test_what_is_to_be_written_before_a_checkpoint_is(tmp_path: Path) -> None:
    one = network()
    training = Training(one, adamw(one, 1e-2), tmp_path)
    seen: list[bool] = []
    training.keep({"steps": 1}, before=lambda: seen.append(True))
    assert not seen  # none is due
    training.keep(
        {"steps": 1}, at_once=True, before=lambda: seen.append((tmp_path / CHECKPOINT).exists())
    )
    assert seen == [False]
