"""An encoder that needs no model: the same text gives the same unit vectors."""

import hashlib
from collections.abc import Sequence

import numpy as np

from index.embedding import EncoderSpec
from models.contracts import Embedded, FloatArray

DIMENSION = 8


def encode(texts: Sequence[str]) -> Embedded:
    """Return vectors of shape (len(texts), DIMENSION), and one for each of a text's words."""
    return Embedded(rows(texts), tuple(rows(text.split()) for text in texts))


def rows(texts: Sequence[str]) -> FloatArray:
    """Return shape (len(texts), DIMENSION), float32, each row of length 1."""
    digests = [
        np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)[:DIMENSION] - 127.5
        for text in texts
    ]
    vectors = np.array(digests, np.float32).reshape(-1, DIMENSION)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


ENCODER = EncoderSpec("fake", DIMENSION, encode, DIMENSION)


class Silent:
    """Progress that nobody watches."""

    def stage(self, name: str, total: int, done: int, unit: str) -> None:
        """Say nothing."""

    def advance(self, count: int) -> None:
        """Say nothing."""

    def note(self, line: str) -> None:
        """Say nothing."""


class Noting(Silent):
    """Progress that remembers what it was told in words."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.notes: list[str] = []

    def note(self, line: str) -> None:
        """Remember `line`."""
        self.notes.append(line)
