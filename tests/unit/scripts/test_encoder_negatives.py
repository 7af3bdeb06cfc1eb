from pathlib import Path

import numpy as np
import pytest
import torch

from models.contrastive import TrainedEncoder
from scripts import encoder_negatives
from scripts.encoder_negatives import nearest, with_dense_negatives
from scripts.encoder_pairs import PairSet
from scripts.pairs import Pair
from tests.making_models import tiny_encoder

POOL = [f"Title {n}\nOn day {n} the fever {'rose and ' * n}fell." for n in range(12)]
TWIN = "Another title\n" + POOL[3].partition("\n")[2]  # the same passage, published twice
MADE = [Pair(f"What happened on day {n}?", text, (), ()) for n, text in enumerate([*POOL, TWIN])]
GOLD = Pair("When did it rise?", "The context says day 5.", ("One that BM25 found.",), (" day 5 ",))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TrainedEncoder:
    base = tiny_encoder(tmp_path_factory.mktemp("base") / "tiny")
    torch.manual_seed(0)
    return TrainedEncoder(base, 8, []).eval()


def sets() -> list[PairSet]:
    return [
        PairSet([GOLD], 1.0, "corpus"),
        PairSet([GOLD], 1.0, "contexts"),
        PairSet(MADE, 1.0, "made"),
    ]


def run(model: TrainedEncoder, folder: Path, count: int = 4) -> list[PairSet]:
    return with_dense_negatives(model, sets(), model.tables(), folder, count=count, workers=0)


def test_the_nearest_are_those_with_the_greatest_products() -> None:
    passages = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    questions = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert nearest(questions, passages, 2).tolist() == [[0, 1], [2, 1]]
    assert nearest(questions, passages, 9).tolist() == [[0, 1, 2], [2, 1, 0]]


def test_wrong_passages_are_near_and_not_right(
    model: TrainedEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder_negatives, "SKIPPED", 2)
    corpus, contexts, made = run(model, tmp_path)
    assert contexts == sets()[1]
    assert (corpus.kind, made.kind, len(made.pairs)) == ("corpus", "made", len(MADE))
    # what BM25 found stays; the passage of day 5 holds the answer
    first, *more = corpus.pairs[0].negatives
    assert first == GOLD.negatives[0]
    assert len(more) == 4
    assert POOL[5] not in more
    questions, passages = model.tables()
    pool = [*POOL, TWIN]
    with torch.no_grad():
        rows = model.vectors(questions.of([one.question for one in MADE])) @ (
            model.vectors(passages.of(pool)).T
        )
    for number, (pair, scores) in enumerate(zip(made.pairs, rows, strict=True)):
        assert (pair.question, pair.positive) == (MADE[number].question, MADE[number].positive)
        same = {POOL[3], TWIN} if number in {3, 12} else {pair.positive}
        others = [n for n in scores.argsort(descending=True).tolist() if pool[n] not in same]
        assert pair.negatives == tuple(pool[n] for n in others[2:6])


def test_what_was_found_is_kept(
    model: TrainedEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run(model, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"dense.npz"}
    with np.load(tmp_path / "dense.npz") as file:
        assert file["places"].shape == (len(MADE) + 1, 4)

    with monkeypatch.context() as patch:
        patch.setattr(encoder_negatives, "_ranks", None)  # not to be called
        assert run(model, tmp_path) == found
    assert len(run(model, tmp_path, count=2)[2].pairs[0].negatives) == 2  # of another run


@pytest.mark.parametrize("content", [b"", b"{", b"PK\3\4", b"half", b"flipped", b"npy"])
def test_what_was_found_and_is_damaged_is_found_anew(
    model: TrainedEncoder, tmp_path: Path, content: bytes
) -> None:
    found = run(model, tmp_path)
    path = tmp_path / "dense.npz"
    whole = path.read_bytes()
    if content == b"npy":  # an array alone
        with path.open("wb") as file:
            np.save(file, np.zeros((len(MADE) + 1, 4), np.int32))
    else:
        middle = len(whole) // 3
        flipped = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
        path.write_bytes(
            {b"half": whole[: len(whole) // 2], b"flipped": flipped}.get(content, content)
        )
    assert run(model, tmp_path) == found
    with np.load(path) as file:
        assert file["places"].any()


def test_what_was_found_for_other_texts_is_found_anew(
    model: TrainedEncoder, tmp_path: Path
) -> None:
    run(model, tmp_path)
    others = sets()
    # as many passages and questions, in another order
    others[2] = PairSet(MADE[::-1], 1.0, "made")
    tables = model.tables()
    again = with_dense_negatives(model, others, tables, tmp_path, count=4, workers=0)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    assert again == with_dense_negatives(model, others, tables, fresh, count=4, workers=0)


def test_there_may_be_fewer_than_are_wanted(model: TrainedEncoder, tmp_path: Path) -> None:
    *_, made = run(model, tmp_path, count=40)
    # of 13, five are skipped and its own is left out; of the twins both are
    assert [len(pair.negatives) for pair in made.pairs] == [7, 7, 7, 6, *[7] * 8, 6]
