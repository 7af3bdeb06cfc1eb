import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from models import contrastive
from models.contracts import ModelError
from models.contrastive import (
    QUESTION_TOKENS,
    Encoded,
    TrainedEncoder,
    batch_loss,
    blocked_late_scores,
    contrastive_loss,
    optimizer_of,
    token_bounds,
)
from models.late import late_scores
from models.token_table import Tokens, TokenTable
from models.training import load_checkpoint, save_checkpoint
from tests.making_models import HIDDEN, tiny_encoder, tiny_mpnet

QUESTIONS = ("How long is the incubation period?", "Do masks help?")
PASSAGES = ("It takes 5.1 days.", "Masks lowered the risk of the nurses.", "Cats slept.")
PASSAGE = 256  # tokens
LEFT_OUT = frozenset({"the", "of", "it"})


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("base") / "tiny")


def make(base: Path, seed: int = 0) -> TrainedEncoder:
    torch.manual_seed(seed)
    return TrainedEncoder(base, 8, sorted(LEFT_OUT))


def cut(model: TrainedEncoder, texts: Sequence[str], limit: int, *left_out: str) -> Tokens:
    return TokenTable(model.tokenizer, limit, left_out).of(texts)


def asked(model: TrainedEncoder) -> Tokens:
    return cut(model, QUESTIONS, QUESTION_TOKENS)


def found(model: TrainedEncoder) -> Tokens:
    return cut(model, PASSAGES, PASSAGE, *LEFT_OUT)


def none(questions: int, passages: int) -> torch.Tensor:
    return torch.zeros(questions, passages, dtype=torch.bool)


def test_an_architecture_without_fused_attention_trains_where_there_is_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_mpnet(tmp_path / "mpnet", [*QUESTIONS, *PASSAGES] * 5)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    model = make(folder)
    monkeypatch.setattr(contrastive, "_GPU", "cpu")  # as if this were one: it may take other masks
    with torch.no_grad():
        ids, mask = torch.full((1, 8), 7), torch.tensor([[1, 1, 1, 1, 1, 0, 0, 0]])
        states = model.hidden(ids, mask)
        ids[0, 5:] = 9  # padding is not read
        torch.testing.assert_close(model.hidden(ids, mask)[:, :5], states[:, :5])


def test_the_loss_of_hand_written_scores() -> None:
    scores, one = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor(1.0)
    # each question's own passage has e of e + 1: -ln(e / (e + 1)) = ln(1 + 1/e)
    expected = math.log(1 + math.exp(-1))
    assert contrastive_loss(scores, one, none(2, 2)).item() == pytest.approx(expected)
    # scaled by 3: ln(1 + e^-3)
    assert contrastive_loss(scores, 3 * one, none(2, 2)).item() == pytest.approx(
        math.log(1 + math.exp(-3))
    )
    # three passages that score alike: ln 3, however high
    alike = torch.full((2, 3), 0.7)
    assert contrastive_loss(alike, one, none(2, 3)).item() == pytest.approx(math.log(3))


def test_what_is_excluded_does_not_count() -> None:
    scores = torch.tensor([[1.0, 9.0, 0.0], [0.0, 1.0, 0.0]])
    excluded = torch.tensor([[False, True, False], [True, False, True]])
    # the first has e of e + 1, whatever the second passage scores; the second has no other left
    loss = contrastive_loss(scores, torch.tensor(1.0), excluded)
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-1)) / 2)
    higher = scores.clone()
    higher[0, 1] = 90.0
    assert contrastive_loss(higher, torch.tensor(1.0), excluded).item() == loss.item()


@torch.no_grad()
def test_what_it_makes_has_its_shapes_and_order(base: Path) -> None:
    model = make(base).eval()
    texts = ["masks help", "the", *[f"fever and cough on day {n}" for n in range(17)], "a cough"]
    made = model(cut(model, texts, PASSAGE, *LEFT_OUT))  # more than one forward pass
    assert made.vectors.shape == (20, HIDDEN)
    assert made.words.shape == (20, 6, 8)
    assert made.weights.shape == (20, 6)
    torch.testing.assert_close(made.vectors.norm(dim=1), torch.ones(20))
    counts = (made.words.norm(dim=2) > 0.5).sum(1)
    assert counts.tolist() == [2, 0, *[6] * 17, 2]  # "the" is left out
    torch.testing.assert_close(made.weights.sum(1), (counts > 0).float())
    alone = model(cut(model, texts[-1:], PASSAGE, *LEFT_OUT))
    torch.testing.assert_close(alone.vectors[0], made.vectors[-1], atol=0.02, rtol=0)  # bfloat16
    torch.testing.assert_close(alone.words[0], made.words[-1, :2], atol=0.02, rtol=0)


@torch.no_grad()
def test_texts_are_cut_at_the_limit(base: Path) -> None:
    model = make(base)
    made = model(cut(model, ["fever " * 400], 10))
    assert made.words.shape == (1, 8, 8)  # without [CLS] and [SEP]


@torch.no_grad()
def test_the_losses_are_of_the_scores_of_vectors_and_of_words(base: Path) -> None:
    model = make(base).eval()
    excluded = none(2, 3)
    excluded[0, 2] = True
    cosine, late, away = batch_loss(model, asked(model), found(model), excluded, None)
    assert away == 0
    ours, theirs = model(asked(model)), model(found(model))
    # the scales begin at 20 and 30
    expected = contrastive_loss(ours.vectors @ theirs.vectors.T, torch.tensor(20.0), excluded)
    assert cosine.item() == pytest.approx(expected.item(), rel=1e-4)
    scores = late_scores(ours.words, ours.weights, theirs.words)
    expected = contrastive_loss(scores, torch.tensor(30.0), excluded)
    assert late.item() == pytest.approx(expected.item(), rel=1e-4)


@torch.no_grad()
def test_the_distance_from_the_anchor_is_of_all_vectors(base: Path) -> None:
    model, anchor = make(base).eval(), make(base).eval()
    *_, away = batch_loss(model, asked(model), found(model), none(2, 3), anchor)
    assert away.item() == pytest.approx(0, abs=1e-5)
    for parameter in model.transformer.encoder.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    *_, away = batch_loss(model, asked(model), found(model), none(2, 3), anchor)
    cosines = [
        own @ kept
        for texts in (QUESTIONS, PASSAGES)
        for own, kept in zip(
            model.vectors(cut(model, texts, 256)),
            anchor(cut(model, texts, 256)).vectors,
            strict=True,
        )
    ]
    assert away.item() == pytest.approx(1 - sum(cosines).item() / 5, abs=1e-4)
    assert away > 0.001


def test_an_anchor_is_not_trained_and_holds_the_vectors(base: Path) -> None:
    anchor = make(base).eval()
    before = {name: value.clone() for name, value in anchor.state_dict().items()}
    ends = []
    for weight in (0.0, 100.0):
        model = make(base)
        optimizer = optimizer_of(model, 1e-3)
        for _ in range(5):
            cosine, late, away = batch_loss(model, asked(model), found(model), none(2, 3), anchor)
            (cosine + late + weight * away).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        *_, away = batch_loss(model, asked(model), found(model), none(2, 3), anchor)
        ends.append(away.item())
    assert ends[1] < ends[0] / 2
    for name, value in anchor.state_dict().items():
        assert torch.equal(value, before[name]), name


@torch.no_grad()
def test_the_head_begins_with_directions_at_right_angles(base: Path) -> None:
    model = make(base)
    model.start_head(PASSAGES)
    rows = model.head.projection.weight
    torch.testing.assert_close(rows @ rows.T, torch.eye(8), atol=1e-4, rtol=0)


def steps(model: TrainedEncoder, optimizer: torch.optim.Optimizer, count: int) -> None:
    for _ in range(count):
        cosine, late, _ = batch_loss(model, asked(model), found(model), none(2, 3), None)
        (cosine + late).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def test_training_changes_all_but_the_embeddings_and_lowers_the_loss(base: Path) -> None:
    model = make(base)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first = sum(batch_loss(model, asked(model), found(model), none(2, 3), None))
    steps(model, optimizer_of(model, 1e-3), 5)
    last = sum(batch_loss(model, asked(model), found(model), none(2, 3), None))
    assert last < first
    still = {name for name, value in model.state_dict().items() if torch.equal(value, before[name])}
    # the pooler has no part in the loss, and a softmax does not see what all its logits share
    unseen = {name for name in before if "pooler" in name}
    unseen |= {name for name in before if name.endswith(("key.bias", "importance.bias"))}
    assert still - unseen == {name for name in before if ".embeddings." in name}


def test_a_checkpoint_goes_on_exactly(base: Path, tmp_path: Path) -> None:
    straight = make(base)
    optimizer = optimizer_of(straight, 1e-3)
    assert load_checkpoint(tmp_path, straight, optimizer) == {}  # there is none
    steps(straight, optimizer, 3)
    save_checkpoint(tmp_path, straight, optimizer, {"step": 3})
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.safetensors"}
    steps(straight, optimizer, 3)

    resumed = make(base, seed=99)  # another head, till the checkpoint is read
    optimizer = optimizer_of(resumed, 1e-3)
    assert load_checkpoint(tmp_path, resumed, optimizer) == {"step": 3.0}
    steps(resumed, optimizer, 3)
    for name, value in straight.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_training_goes_on_with_the_head_that_a_base_has(base: Path, tmp_path: Path) -> None:
    model = make(base)
    assert not model.has_trained_head
    shutil.copytree(base, tmp_path / "trained")
    model.head.save(tmp_path / "trained")
    again = TrainedEncoder(tmp_path / "trained", 16, [])
    assert again.has_trained_head
    assert again.head.config == model.head.config
    for name, value in model.head.state_dict().items():
        torch.testing.assert_close(again.head.state_dict()[name], value, atol=1e-3, rtol=1e-3)


def test_moving_towards_another_model_gives_the_mean_and_leaves_the_head(base: Path) -> None:
    model = make(base)
    before = {name: value.clone() for name, value in model.transformer.state_dict().items()}
    head = model.head.projection.weight.clone()
    with torch.no_grad():
        for parameter in model.transformer.parameters():
            parameter.add_(0.5)
    model.move_towards(base, 0.5)
    for name, value in model.transformer.named_parameters():
        torch.testing.assert_close(value.detach(), before[name] + 0.25)
    model.move_towards(base, 0)
    for name, value in model.transformer.named_parameters():
        torch.testing.assert_close(value.detach(), before[name] + 0.25)
    torch.testing.assert_close(model.head.projection.weight, head)


@torch.no_grad()
def test_vectors_alone_are_those_beside_the_words(base: Path) -> None:
    model = make(base).eval()
    texts = cut(model, [f"fever {'and cough ' * (n % 7)}" for n in range(40)], PASSAGE)
    assert torch.equal(model.vectors(texts), model(texts).vectors)


def test_parts_for_a_gpu_hold_so_many_tokens_and_every_text() -> None:
    assert token_bounds(np.array([3, 3, 3]), 9) == []
    assert token_bounds(np.array([3, 3, 3]), 8) == [2]  # 3 x 3 are 9
    assert token_bounds(np.array([1, 1, 9]), 10) == [2]  # with their padding, 27
    assert token_bounds(np.array([20, 30]), 10) == [1]  # longer alone: there is no other way
    assert token_bounds(np.array([], np.int64), 10) == []


@torch.no_grad()
def test_what_a_gpu_is_given_makes_the_same(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as a CPU can show: its parts, its padding, its mask, the attention's fused kernel."""
    model = make(base).eval()
    texts = [f"fever {'and cough ' * (n % 7)}" for n in range(40)]
    tokens = cut(model, texts, PASSAGE)
    expected = model(tokens)

    fused = make(base).eval()
    fused.transformer.set_attn_implementation("sdpa")
    monkeypatch.setattr(contrastive, "_GPU", "cpu")
    monkeypatch.setattr(contrastive, "_CHUNK_TOKENS", 64)
    shapes = []
    original = fused.hidden

    def watched(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(ids.shape))
        return original(ids, mask)

    monkeypatch.setattr(fused, "hidden", watched)
    made: Encoded = fused(tokens)
    assert len(shapes) > 3
    assert all(length % 8 == 0 and rows * length <= 64 for rows, length in shapes)
    for name in ("vectors", "words", "weights"):
        torch.testing.assert_close(
            getattr(made, name), getattr(expected, name), atol=0.03, rtol=0
        )  # bfloat16


def test_scores_in_blocks_and_their_gradient_are_those_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(1)
    sizes = ((7, 3, 4), (7, 3), (5, 6, 4))
    results = []
    inputs = [torch.randn(size) for size in sizes]
    for most in (2**28, 2 * 3 * 5 * 6, 1):  # all, two questions, one at a time
        monkeypatch.setattr(contrastive, "_LIKENESSES", most)
        some = [one.clone().requires_grad_() for one in inputs]
        scores = blocked_late_scores(*some)
        assert scores.shape == (7, 5)
        (scores * torch.arange(35).reshape(7, 5)).sum().backward()  # type: ignore[no-untyped-call]
        results.append([scores, *(one.grad for one in some)])
    torch.testing.assert_close(results[0], results[1])
    torch.testing.assert_close(results[0], results[2])


def test_a_base_that_could_not_be_trained_as_it_serves_is_refused(
    base: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(base, tmp_path / "base"))
    pooling = {"type": "sentence_transformers.models.Pooling", "path": "pool"}
    (folder / "modules.json").write_text(json.dumps([pooling]))
    (folder / "pool").mkdir(exist_ok=True)
    (folder / "pool" / "config.json").write_text('{"pooling_mode": "cls"}')
    with pytest.raises(ModelError, match="pools its first token"):
        TrainedEncoder(folder, 8, ())
    (folder / "pool" / "config.json").write_text('{"pooling_mode": "mean"}')
    TrainedEncoder(folder, 8, ())
    (folder / "tokenizer.json").rename(folder / "vocab.txt")
    with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
        TrainedEncoder(folder, 8, ())
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(ModelError, match="can't be loaded"):
        TrainedEncoder(folder, 8, ())


def test_passages_are_cut_where_they_will_be_served(base: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(base, tmp_path / "short")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 40}')
    tables = make(Path(folder)).tables()
    assert [table.of(["fever " * 99]).lengths.tolist() for table in tables] == [[40], [40]]
    tables = make(base).tables()  # 256 positions
    assert [table.of(["fever " * 999]).lengths.tolist() for table in tables] == [[64], [256]]


def test_a_head_is_no_wider_than_what_it_is_made_from(base: Path) -> None:
    with pytest.raises(ModelError, match="16 numbers, and a word's vector can't have 24: give a"):
        TrainedEncoder(base, 24, ())
    model = TrainedEncoder(base, HIDDEN, ())
    with pytest.raises(ModelError, match="too few tokens for words' vectors of 16 numbers"):
        model.start_head(["Masks helped."])
    model.start_head(["fever \ud83d cough " * 9])
