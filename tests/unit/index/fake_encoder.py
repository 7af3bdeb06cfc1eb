"""An encoder that needs no model: the same text gives the same unit vector."""

import hashlib
from collections.abc import Sequence

import numpy as np

from index.embedding import EncoderSpec
from models.contracts import FloatArray

DIMENSION = 8


def encode(texts: Sequence[str]) -> FloatArray:
    """Return shape (len(texts), DIMENSION), float32, each row of length 1."""
    rows = [
        np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)[:DIMENSION] - 127.5
        for text in texts
    ]
    vectors = np.array(rows, np.float32).reshape(-1, DIMENSION)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


ENCODER = EncoderSpec("fake", DIMENSION, encode)


class Silent:
    """Progress that nobody watches."""

    def stage(self, name: str, total: int, done: int, unit: str) -> None:
        """Say nothing."""

    def advance(self, count: int) -> None:
        """Say nothing."""
