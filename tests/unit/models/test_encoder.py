import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from models.contracts import Encoder, ModelError
from models.encoder import SentenceEncoder
from models.late import WEIGHTS, LateInteraction, late_scores
from models.late_config import CONFIG, LateConfig
from models.loading import STOCK, encoder_folder, identity


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder(STOCK, device="cpu", batch_size=2)


def test_it_is_an_encoder_that_knows_its_name(encoder: SentenceEncoder) -> None:
    contract: Encoder = encoder
    assert contract.dimension == 384
    assert contract.name == identity(encoder_folder(STOCK))
    assert contract.name.startswith("bert-6x384@")
    assert contract.word_dimension == 0


def test_rows_are_unit_vectors_in_order(encoder: SentenceEncoder) -> None:
    texts = ["a cough", "the long incubation period of the virus " * 9, "fever", "", "\ud800 x"]
    made = encoder.encode_passages(texts)
    vectors = made.vectors
    assert vectors.shape == (5, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)
    for text, vector in zip(texts, vectors, strict=True):  # sorted by length inside, not outside
        assert encoder.encode_passages([text]).vectors[0] == pytest.approx(vector, abs=1e-5)
    # without a head, questions are passages, and words have no vectors
    np.testing.assert_array_equal(encoder.encode_questions(texts).vectors, vectors)
    assert [words.shape for words in made.words] == [(0, 0)] * 5


def test_nothing_encodes_to_no_rows(encoder: SentenceEncoder) -> None:
    for made in (encoder.encode_questions([]), encoder.encode_passages([])):
        assert made.vectors.shape == (0, 384)
        assert made.vectors.dtype == np.float32
        assert made.words == ()


def test_like_is_near_like(encoder: SentenceEncoder) -> None:
    question, near, far = encoder.encode_passages(
        [
            "How long is the incubation period?",
            "Symptoms appear 5 days after infection, the median incubation time.",
            "The stock market fell sharply on Monday.",
        ]
    ).vectors
    assert question @ near > question @ far + 0.3


def test_a_plain_transformer_becomes_a_mean_pooled_encoder(plain_bert: Path) -> None:
    encoder = SentenceEncoder(plain_bert, device="cpu")
    assert encoder.dimension == 32
    assert np.linalg.norm(encoder.encode_questions(["fever"]).vectors) == pytest.approx(1)


def test_damaged_weights_are_a_model_error(plain_bert: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(plain_bert, tmp_path / "damaged"))
    (folder / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="can't be loaded as an encoder"):
        SentenceEncoder(folder, device="cpu")


LEFT_OUT = ("the", "of", "is")
TEXTS = [
    "What is the incubation period of SARS-CoV-2?",
    "masks",
    "Remdesivir shortened the recovery of patients \N{MICROBE} on the ward, by 5.1 days.",
]


@pytest.fixture(scope="module")
def with_head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the stock encoder's folder with a random head in it; its weights are links."""
    folder = tmp_path_factory.mktemp("head") / "encoder"
    shutil.copytree(encoder_folder(STOCK), folder, copy_function=os.symlink)
    torch.manual_seed(11)
    head = LateInteraction(LateConfig(384, 16, LEFT_OUT))
    torch.nn.init.normal_(head.importance.weight, std=0.2)
    head.save(folder)
    return folder


@pytest.fixture(scope="module")
def late_encoder(with_head: Path) -> SentenceEncoder:
    return SentenceEncoder(with_head, device="cpu", batch_size=2)


def test_every_word_has_a_vector(late_encoder: SentenceEncoder, encoder: SentenceEncoder) -> None:
    assert late_encoder.word_dimension == 16
    assert late_encoder.name != encoder.name  # the head is part of who it is
    asked = late_encoder.encode_questions([*TEXTS, "", "?!"])
    # what, is, the, incubation, period, of, sars, cov, 2; masks; 11 and 5, 1, days
    assert [words.shape for words in asked.words] == [(9, 16), (1, 16), (13, 16), (0, 16), (0, 16)]
    for words in asked.words[:3]:
        assert words.dtype == np.float32
        lengths = np.linalg.norm(words, axis=1)
        assert lengths.sum() == pytest.approx(1, abs=1e-5)  # a word is as long as it weighs
    assert np.ptp(np.linalg.norm(asked.words[0], axis=1)) > 0.001
    vectors = encoder.encode_questions(TEXTS).vectors  # the head changes nothing about these
    np.testing.assert_allclose(asked.vectors[:3], vectors, atol=1e-5)


def test_passages_leave_words_out(late_encoder: SentenceEncoder) -> None:
    found = late_encoder.encode_passages([*TEXTS, "the of is", ""])
    # without is, the, of; without the, of, the
    assert [words.shape for words in found.words] == [(6, 16), (1, 16), (10, 16), (0, 16), (0, 16)]
    for words in found.words[:3]:
        assert np.linalg.norm(words, axis=1) == pytest.approx(1, abs=1e-5)


def test_one_text_is_a_batch_of_one(late_encoder: SentenceEncoder) -> None:
    texts = [*TEXTS, "", "fever " * 400, "\ud800 cough"]
    for encode in (late_encoder.encode_questions, late_encoder.encode_passages):
        together = encode(texts)
        for text, vector, words in zip(texts, together.vectors, together.words, strict=True):
            alone = encode([text])
            np.testing.assert_allclose(alone.vectors[0], vector, atol=1e-5)
            np.testing.assert_allclose(alone.words[0], words, atol=1e-5)
    assert len(together.words[4]) == 254  # cut after 256 tokens, [CLS] and [SEP] among them


def test_scores_are_those_of_late_interaction(late_encoder: SentenceEncoder) -> None:
    """The mean of best matches, from an encoder's arrays, is what the model is trained on."""
    asked, found = late_encoder.encode_questions(TEXTS), late_encoder.encode_passages(TEXTS)

    def padded(rows: tuple[np.ndarray, ...]) -> torch.Tensor:
        return torch.nn.utils.rnn.pad_sequence([torch.tensor(r) for r in rows], batch_first=True)

    question = padded(asked.words)
    weights = question.norm(dim=2)
    unit = torch.nn.functional.normalize(question, dim=2)
    expected = late_scores(unit, weights, padded(found.words)).numpy()
    for row, words in enumerate(asked.words):
        for column, own in enumerate(found.words):
            best = (words @ own.T).max(axis=1)
            if len(own) < max(map(len, found.words)):
                best = np.maximum(best, 0)  # padding
            assert best.sum() == pytest.approx(expected[row, column], abs=1e-5)
    assert np.diag(expected) == pytest.approx(expected.max(axis=1), abs=0.1)  # like is near like


def test_a_damaged_head_is_a_model_error(with_head: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(with_head, tmp_path / "damaged", symlinks=True))
    (folder / WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(ModelError, match=f"or remove {CONFIG} to use the encoder without it"):
        SentenceEncoder(folder, device="cpu")
    (folder / CONFIG).unlink()
    assert SentenceEncoder(folder, device="cpu").word_dimension == 0
