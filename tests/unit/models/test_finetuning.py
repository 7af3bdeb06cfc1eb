import math
from pathlib import Path

import pytest
import torch

from models.contracts import ModelError
from models.finetuning import (
    blend,
    distillation_loss,
    load_network,
    logits_of,
    shared_loss,
    span_loss,
)
from models.fused import fuse_attention
from models.pretrained import move_towards
from models.training import adamw
from models.windows import Windower, padded
from tests.unit.models.conftest import NAMES, TEXT


def test_the_loss_is_the_mean_cross_entropy_of_start_and_end() -> None:
    start = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]))
    end = torch.log(torch.tensor([[0.1, 0.1, 0.8], [0.5, 0.25, 0.25]]))
    first, last = torch.tensor([0, 2]), torch.tensor([2, 0])
    known = torch.tensor([1, 1])
    expected = -(math.log(0.5) + math.log(0.6) + math.log(0.8) + math.log(0.5)) / 4
    assert span_loss(start, end, first, last, known).item() == pytest.approx(expected)
    expected = -(math.log(0.5) + math.log(0.8)) / 2  # of a made-up question nothing is known
    assert span_loss(start, end, first, last, torch.tensor([1, 0])).item() == pytest.approx(
        expected
    )
    assert span_loss(start, end, first, last, torch.tensor([0, 0])).item() == 0


def test_spans_of_wrong_passages_compete_with_the_right_one() -> None:
    # a null answer, two tokens, and one at the end, which is not of the context
    read = torch.tensor([[False, True, True, False]] * 3)
    first, last = torch.tensor([1, 0, 0]), torch.tensor([2, 0, 0])
    start = torch.tensor([[1.0, 3.0, 1.0, 9.0], [2.0, 3.0, 0.0, 9.0], [0.0, 7.0, 7.0, 7.0]])
    end = torch.tensor([[0.0, 0.0, 1.0, 9.0], [5.0, 5.0, 5.0, 9.0], [0.0, 7.0, 7.0, 7.0]])
    found = shared_loss((start, end), first, last, read, [2, 1]).item()
    # by what each is above its own null answer, and a null answer of 0; what is no context is out
    starts = [2.0, 0.0, 1.0, -2.0, 0.0]
    ends = [0.0, 1.0, 0.0, 0.0, 0.0]
    expected = math.log(sum(map(math.exp, starts))) - 2.0
    expected += math.log(sum(map(math.exp, ends))) - 1.0
    assert found == pytest.approx(expected / 2)
    start[1, 1] += 1.0
    assert shared_loss((start, end), first, last, read, [2, 1]).item() > found


def test_a_student_like_its_teacher_has_nothing_to_learn() -> None:
    logits = torch.randn(3, 5)
    known = torch.ones(3, 5, dtype=torch.bool)
    shifted = logits + 7.0  # the same distribution
    assert distillation_loss(logits, shifted, known).item() == pytest.approx(0, abs=1e-5)
    assert distillation_loss(logits, -logits, known).item() > 0.1


def test_tokens_that_the_teacher_does_not_have_count_nothing() -> None:
    student, teacher = torch.zeros(2, 3), torch.tensor([[0.0, 0.0, 9.0], [5.0, 0.0, 0.0]])
    known = torch.tensor([[True, True, False], [False, False, False]])
    assert distillation_loss(student, teacher, known).item() == pytest.approx(0, abs=1e-6)
    known[0, 2] = True
    alone = distillation_loss(student[:1], teacher[:1], known[:1])
    assert distillation_loss(student, teacher, known).item() == pytest.approx(alone.item())


@pytest.mark.parametrize("name", NAMES)
def test_padding_changes_no_logit(checkpoints: dict[str, Path], name: str) -> None:
    from transformers import AutoTokenizer  # noqa: PLC0415 - slow to import

    network = load_network(checkpoints[name], "cpu", new_head=False).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoints[name])
    windower = Windower(tokenizer.backend_tokenizer, max_length=60, stride=0)
    windows = windower.split("how long", [TEXT[0], TEXT[1][:30]])
    with torch.no_grad():
        start, end = logits_of(network, padded(windows, tokenizer.pad_token_id))
        for row, one in enumerate(windows):
            alone = logits_of(network, padded([one], tokenizer.pad_token_id))
            for together, single in zip((start, end), alone, strict=True):
                length = len(one.ids)
                # bfloat16 where the machine has it: three digits
                torch.testing.assert_close(together[row, :length], single[0], atol=0.1, rtol=0.05)
                assert (together[row, length:] < -1e30).all()


def test_embeddings_keep_still_and_norms_do_not_decay(checkpoints: dict[str, Path]) -> None:
    network = load_network(checkpoints["bert"], "cpu", new_head=False)
    still = {name for name, p in network.named_parameters() if not p.requires_grad}
    assert still == {
        f"bert.embeddings.{kind}_embeddings.weight" for kind in ("word", "position", "token_type")
    }
    decaying, steady = adamw(network, 1e-3).param_groups
    assert decaying["weight_decay"] > 0
    assert steady["weight_decay"] == 0
    assert all(p.ndim == 1 for p in steady["params"])


def test_an_encoder_gets_a_head_only_when_asked(plain_bert: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no trained weights for qa_outputs"):
        load_network(plain_bert, "cpu", new_head=False)
    assert load_network(plain_bert, "cpu", new_head=True) is not None
    with pytest.raises(ModelError, match="can't be loaded"):
        load_network(tmp_path, "cpu", new_head=True)


def test_a_blend_is_the_mean_of_two_readers(checkpoints: dict[str, Path]) -> None:
    base = load_network(checkpoints["bert"], "cpu", new_head=False)
    network = load_network(checkpoints["bert"], "cpu", new_head=False)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
    blend(network, checkpoints["bert"], 0.25)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, base.state_dict()[name] + 0.75)


def test_only_weights_of_like_networks_move() -> None:
    one, other = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    torch.nn.init.constant_(other.weight, 3)
    other.num_batches_tracked.fill_(8)
    move_towards(one, other, 0.5, Path("other"))
    assert one.weight.tolist() == [2, 2]
    assert one.num_batches_tracked.item() == 0  # a count is no weight
    with pytest.raises(ModelError, match="other has another architecture: there is no mean"):
        move_towards(one, torch.nn.BatchNorm1d(3), 0.5, Path("other"))


def test_fused_attention_gives_what_mpnet_gives(checkpoints: dict[str, Path]) -> None:
    network = load_network(checkpoints["mpnet"], "cpu", new_head=False).eval()
    ids = torch.randint(5, 40, (3, 17))
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    with torch.no_grad():
        expected = network(input_ids=ids, attention_mask=mask).start_logits
        fuse_attention(network)
        found = network(input_ids=ids, attention_mask=mask).start_logits
    torch.testing.assert_close(found[mask == 1], expected[mask == 1], atol=1e-5, rtol=1e-4)
    network(input_ids=ids, attention_mask=mask).end_logits.sum().backward()
    still = [name for name, p in network.named_parameters() if p.grad is None]
    assert any("relative_attention_bias" in name for name in still)


def test_what_projects_electras_embeddings_is_trained(checkpoints: dict[str, Path]) -> None:
    network = load_network(checkpoints["electra"], "cpu", new_head=False)
    kept = {name for name, one in network.named_parameters() if not one.requires_grad}
    assert kept == {
        f"electra.embeddings.{kind}_embeddings.weight"
        for kind in ("word", "position", "token_type")
    }
