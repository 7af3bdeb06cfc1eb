import shutil
from pathlib import Path

import numpy as np
import pytest

from models.contracts import Encoder, ModelError
from models.encoder import SentenceEncoder
from models.loading import encoder_folder, identity


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder(device="cpu", batch_size=2)


def test_it_is_an_encoder_that_knows_its_name(encoder: SentenceEncoder) -> None:
    contract: Encoder = encoder
    assert contract.dimension == 384
    assert contract.name == identity(encoder_folder("default"))
    assert contract.name.startswith("bert-6x384@")


def test_rows_are_unit_vectors_in_order(encoder: SentenceEncoder) -> None:
    texts = ["a cough", "the long incubation period of the virus " * 9, "fever", "", "\ud800 x"]
    vectors = encoder.encode(texts)
    assert vectors.shape == (5, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)
    for text, vector in zip(texts, vectors, strict=True):  # sorted by length inside, not outside
        assert encoder.encode([text])[0] == pytest.approx(vector, abs=1e-5)


def test_nothing_encodes_to_no_rows(encoder: SentenceEncoder) -> None:
    assert encoder.encode([]).shape == (0, 384)
    assert encoder.encode([]).dtype == np.float32


def test_like_is_near_like(encoder: SentenceEncoder) -> None:
    question, near, far = encoder.encode(
        [
            "How long is the incubation period?",
            "Symptoms appear 5 days after infection, the median incubation time.",
            "The stock market fell sharply on Monday.",
        ]
    )
    assert question @ near > question @ far + 0.3


def test_a_plain_transformer_becomes_a_mean_pooled_encoder(plain_bert: Path) -> None:
    encoder = SentenceEncoder(plain_bert, device="cpu")
    assert encoder.dimension == 32
    assert np.linalg.norm(encoder.encode(["fever"])) == pytest.approx(1)


def test_damaged_weights_are_a_model_error(plain_bert: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(plain_bert, tmp_path / "damaged"))
    (folder / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="can't be loaded as an encoder"):
        SentenceEncoder(folder, device="cpu")
