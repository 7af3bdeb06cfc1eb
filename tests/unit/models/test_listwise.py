"""What an encoder learns from a reader's judgements, on hand-written scores and a tiny model."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models import contrastive
from models.contrastive import TrainedEncoder
from models.late import late_scores
from models.listwise import JudgedLists, listwise_loss, losses, rarely_weighted, step, total
from tests.making_models import tiny_encoder

INFINITE = float("inf")


def test_the_same_spread_costs_nothing() -> None:
    judged = torch.tensor([[3.0, 1.0, -2.0]])
    assert listwise_loss(judged + 5, judged).item() == pytest.approx(0, abs=1e-6)


def test_the_loss_is_the_divergence() -> None:
    judged, found = torch.tensor([[1.0, 0.0]]).log(), torch.tensor([[0.25, 0.75]]).log()
    # all of the wanted probability is on the first: log(1 / 0.25)
    assert listwise_loss(found, judged.clamp(min=-50)).item() == pytest.approx(np.log(4))


def test_places_without_a_passage_count_nothing() -> None:
    judged = torch.tensor([[2.0, 0.0, -INFINITE], [1.0, 0.0, 3.0]])
    scores = torch.tensor([[2.0, 0.0, 99.0], [1.0, 0.0, 3.0]], requires_grad=True)
    loss = listwise_loss(scores, judged).sum()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    loss.backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()


def test_weights_are_multiplied_by_rarity_as_in_the_search() -> None:
    weights = torch.tensor([[0.5, 0.5], [0.25, 0.75]])
    rarity = torch.tensor([[1.0, 3.0], [0.0, 0.0]])  # no word of the second is known
    expected = torch.tensor([[0.25, 0.75], [0.25, 0.75]])
    torch.testing.assert_close(rarely_weighted(weights, rarity), expected)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_encoder(tmp_path_factory.mktemp("encoder") / "encoder")
    model = TrainedEncoder(folder, 8, ())
    model.head.save(folder)
    return folder


def _lists(model: TrainedEncoder, taught: int = 2) -> JudgedLists:
    questions, passages = model.tables()
    texts = ["Masks protect people.", "It is 5.1 days.", "Bats carry it.", "Fever is common."]
    return JudgedLists(
        questions.of(["Do masks protect?", "How long is the incubation period?"]),
        passages.of(texts),
        torch.tensor([[1.0, 2.0, 3.0]]).expand(2, 3),
        torch.tensor([[0, 2, 3], [1, 3, 1]]),  # the second question has one wrong passage only
        torch.tensor([[1.0, 5.0, -3.0], [1.0, -2.0, -INFINITE]]),
        torch.tensor([[False, False, True, True], [False, False, False, True]]),
        taught,
    )


def test_learning_brings_the_order_nearer_and_keeps_the_vectors(folder: Path) -> None:
    torch.manual_seed(3)
    model, base = TrainedEncoder(folder, 8, ()), TrainedEncoder(folder, 8, ()).eval()
    lists = _lists(model)
    before = losses(model, base, lists)
    assert before[3].item() == pytest.approx(0, abs=1e-5)
    optimizer = contrastive.optimizer_of(model, 1e-3)
    for _ in range(30):
        step(model, base, optimizer, lists)
    after = losses(model, base, lists)
    assert after[0] < 0.5 * before[0]
    assert total(after) < total(before)
    assert after[3] < 0.05


def test_a_questions_own_other_passages_are_no_easy_ones(folder: Path) -> None:
    model = TrainedEncoder(folder, 8, ()).eval()
    lists = _lists(model)
    with torch.inference_mode():
        easy = losses(model, model, lists)[2]
        asked, found = model(lists.questions), model(lists.passages)
        weights = rarely_weighted(asked.weights, torch.tensor([1.0, 2, 3, 0, 0, 0]).expand(2, -1))
        scores = late_scores(asked.words, weights, found.words) * 30
    # against the first question stands passage 1, against the second 0 and 2
    expected = [scores[0, [0, 1]], scores[1, [1, 0, 2]]]
    mean = sum(-torch.log_softmax(row, 0)[0] for row in expected) / 2
    assert easy.item() == pytest.approx(float(mean), rel=1e-3)


@pytest.mark.parametrize("taught", [0, 1])
def test_of_questions_that_are_kept_only_the_order_counts(folder: Path, taught: int) -> None:
    model = TrainedEncoder(folder, 8, ()).eval()
    with torch.inference_mode():
        all_taught, some_kept = (
            losses(model, model, _lists(model, number)).tolist() for number in (2, taught)
        )
    assert some_kept[0] + some_kept[1] == pytest.approx(all_taught[0], rel=1e-5)
    assert all_taught[1] == 0
    assert some_kept[1] > 0
    assert (some_kept[0] > 0) == (some_kept[2] > 0) == bool(taught)
    assert some_kept[3] == pytest.approx(all_taught[3], abs=1e-6)
