import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.contracts import ModelError
from models.late import WEIGHTS, LateInteraction, late_scores, load_head
from models.late_config import CONFIG, LateConfig


def head(hidden: int = 2, dimension: int = 2) -> LateInteraction:
    """Return a head whose projection leaves hidden states as they are, to `dimension`."""
    made = LateInteraction(LateConfig(hidden, dimension, ("the", "of")))
    with torch.no_grad():
        made.projection.weight.copy_(torch.eye(dimension, hidden))
    return made


@torch.no_grad()
def test_a_words_vector_is_the_mean_of_its_tokens() -> None:
    # [CLS], one token of word 0, two of word 1, [SEP]
    hidden = torch.tensor([[[9.0, 9.0], [3.0, 4.0], [1.0, 0.0], [3.0, 0.0], [9.0, 9.0]]])
    vectors, weights = head()(hidden, torch.tensor([[-1, 0, 1, 1, -1]]))
    # (3, 4) / 5; the mean of (1, 0) and (3, 0) is (2, 0), of length 2
    torch.testing.assert_close(vectors, torch.tensor([[[0.6, 0.8], [1.0, 0.0]]]))
    torch.testing.assert_close(weights, torch.tensor([[0.5, 0.5]]))  # a fresh head weighs alike


@torch.no_grad()
def test_weights_come_from_what_a_word_means() -> None:
    made = head()
    made.importance.weight.copy_(torch.tensor([[math.log(3), 0.0]]))
    made.importance.bias.fill_(5.0)  # the same for all words, so it changes nothing
    hidden = torch.tensor([[[1.0, 7.0], [0.0, 7.0], [2.0, 0.0], [-2.0, 0.0]]])
    _, weights = made(hidden, torch.tensor([[0, 1, 2, 2]]))
    # logits ln 3, 0, and 0 for the mean of ln 9 and -ln 9: 3, 1 and 1 of 5
    torch.testing.assert_close(weights, torch.tensor([[0.6, 0.2, 0.2]]))


@torch.no_grad()
def test_padding_is_nothing_and_weights_sum_to_1() -> None:
    made = head()
    made.importance.weight.copy_(torch.tensor([[1.0, -1.0]]))
    hidden = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0))
    words = torch.tensor([[0, 1, 2, -1], [0, 0, -1, -1], [-1, -1, -1, -1]])
    vectors, weights = made(hidden, words)
    assert vectors.shape == (3, 3, 2)
    assert weights.shape == (3, 3)
    lengths = vectors.norm(dim=2)
    torch.testing.assert_close(lengths, torch.tensor([[1.0, 1, 1], [1, 0, 0], [0, 0, 0]]))
    assert (weights[1, 1:] == 0).all()
    assert (weights[2] == 0).all()
    torch.testing.assert_close(weights.sum(1), torch.tensor([1.0, 1.0, 0.0]))
    # a batch of one is the same
    for row, count in enumerate((3, 1, 0)):
        alone, alone_weights = made(hidden[row : row + 1], words[row : row + 1])
        assert alone.shape == (1, count, 2)
        torch.testing.assert_close(alone[0], vectors[row, :count])
        torch.testing.assert_close(alone_weights[0], weights[row, :count])


def test_scores_are_weighted_best_matches() -> None:
    question = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 0.0]]])
    weights = torch.tensor([[0.75, 0.25], [1.0, 0.0]])
    passage = torch.tensor([[[1.0, 0.0], [0.0, 0.0]], [[0.6, 0.8], [-1.0, 0.0]]])
    # of question 0: 0.75 * 1 + 0.25 * 0, and 0.75 * 0.6 + 0.25 * 0.8
    # of question 1: its word finds 0 in the first passage and 0.8 in the second
    expected = torch.tensor([[0.75, 0.65], [0.0, 0.8]])
    torch.testing.assert_close(late_scores(question, weights, passage), expected)
    opposite = torch.tensor([[[-1.0, 0.0], [0.0, 0.0]]])
    # (1, 0) finds -1 and, as padding, 0
    torch.testing.assert_close(late_scores(question, weights, opposite)[0], torch.tensor([0.0]))
    torch.testing.assert_close(
        late_scores(question[:1, :1], weights[:1, :1], opposite[:, :1]), torch.tensor([[-0.75]])
    )


@torch.no_grad()
def test_a_head_survives_its_files(tmp_path: Path) -> None:
    torch.manual_seed(3)
    made = LateInteraction(LateConfig(16, 8, ("the", "of")))
    torch.nn.init.normal_(made.importance.weight)
    torch.nn.init.normal_(made.importance.bias)
    made.save(tmp_path)
    found = load_head(tmp_path)
    assert found is not None
    assert not found.training
    assert found.config == made.config
    for name, value in made.state_dict().items():  # stored in half precision
        torch.testing.assert_close(found.state_dict()[name], value.half().float(), rtol=0, atol=0)
    found.save(tmp_path)  # and nothing more is lost
    again = load_head(tmp_path)
    assert again is not None
    hidden, words = torch.randn(2, 5, 16), torch.tensor([[0, 1, 1, 2, -1], [0, 0, 0, 0, 1]])
    for one, other in zip(found(hidden, words), again(hidden, words), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_an_encoder_may_have_no_head(tmp_path: Path) -> None:
    assert load_head(tmp_path) is None


def other_sizes(folder: Path) -> None:
    (folder / CONFIG).write_text(json.dumps({"hidden": 3, "dimension": 2, "left_out": []}))


def another_tensor(folder: Path) -> None:
    save_file({"x": torch.zeros(1)}, folder / WEIGHTS)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / WEIGHTS).unlink(),
        lambda folder: (folder / WEIGHTS).write_bytes(b"damaged"),
        lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-1]),
        lambda folder: (folder / CONFIG).write_text("{"),
        lambda folder: (folder / CONFIG).write_text("[1]"),
        lambda folder: (folder / CONFIG).write_text('{"hidden": 2, "dimension": 2}'),
        lambda folder: (folder / CONFIG).write_bytes(b"\xff"),
        other_sizes,
        another_tensor,
    ],
)
def test_a_damaged_head_is_a_model_error(tmp_path: Path, damage: object) -> None:
    head().save(tmp_path)
    assert callable(damage)
    damage(tmp_path)
    with pytest.raises(ModelError, match=f"restore it, or remove {CONFIG} to use the encoder"):
        load_head(tmp_path)
