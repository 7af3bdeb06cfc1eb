"""Encodes with ONNX Runtime."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.contracts import ENCODER, Embedded, FloatArray, IntArray, ModelError
from models.late_config import CONFIG, LateConfig
from models.loading import DEFAULT, encoder_folder, weights_identity
from models.onnx.files import verified
from models.onnx.session import Session
from models.pieces import without_surrogates
from models.pooling import longest_text
from models.tokenizer import load_tokenizer
from models.words import words_of


@dataclass(frozen=True, slots=True)
class _Encoded:
    """One text: `vector` (dimension,), `words` (words, word_dimension), `ranges` (words, 2)."""

    vector: FloatArray
    words: FloatArray
    ranges: IntArray


class OnnxEncoder:
    """An `Encoder` on top of ONNX Runtime: what `scripts/export_onnx.py` made of a model.

    `name` is the `identity` of the weights that it was made from, so that it searches an index
    that they have built. Texts are cut where the model's own encoder cuts them.
    """

    name: str
    dimension: int
    word_dimension: int

    def __init__(self, name_or_dir: str | Path = DEFAULT, *, threads: int = 0) -> None:
        """Load a model that computes with `threads`, or with every core where that is 0.

        Raises ModelError where it isn't there, or its files are damaged or don't fit together.
        """
        folder = encoder_folder(name_or_dir)
        self.name = verified(folder, ENCODER, weights_identity(folder)).model
        self._session = Session(folder, threads=threads)
        self._tokenizer = load_tokenizer(folder)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(longest_text(folder))
        self._left_out = _left_out(folder) if "word_parts" in self._session.outputs else None
        probe = self._one("", (), weighted=False)
        self.dimension = len(probe.vector)
        self.word_dimension = probe.words.shape[1]

    def encode_questions(self, texts: Sequence[str]) -> Embedded:
        """Encode questions: all their words have vectors, as long as the word's weight."""
        made = self._encode(texts, left_out=(), weighted=True)
        return Embedded(
            self._vectors(made),
            tuple(one.words for one in made),
            tuple(one.ranges for one in made),
        )

    def encode_passages(self, texts: Sequence[str]) -> Embedded:
        """Encode passages: the words that the head leaves out have no vectors."""
        made = self._encode(texts, left_out=self._left_out or (), weighted=False)
        return Embedded(self._vectors(made), tuple(one.words for one in made))

    def _vectors(self, made: Sequence[_Encoded]) -> FloatArray:
        return np.array([one.vector for one in made], np.float32).reshape(-1, self.dimension)

    def _encode(
        self, texts: Sequence[str], *, left_out: Collection[str], weighted: bool
    ) -> list[_Encoded]:
        return list(
            self._session.each(lambda text: self._one(text, left_out, weighted=weighted), texts)
        )

    def _one(self, text: str, left_out: Collection[str], *, weighted: bool) -> _Encoded:
        clean = without_surrogates(text)
        encoding = self._tokenizer.encode(clean)
        feed = {
            "input_ids": np.array([encoding.ids], np.int64),
            "token_type_ids": np.array([encoding.type_ids], np.int64),
        }
        vectors, *of_tokens = self._session.run(feed)
        vector = vectors[0] / max(float(np.linalg.norm(vectors[0])), 1e-12)
        if not np.isfinite(vector).all():
            raise ModelError("the encoder's vectors are not finite numbers: its file is damaged")
        if not of_tokens:
            return _Encoded(vector, np.empty((0, 0), np.float32), np.empty((0, 2), np.int64))
        found = words_of(encoding, clean, left_out)
        parts, importance = of_tokens[0][0], of_tokens[1][0]
        words = _word_vectors(parts, importance, found.of_token, weighted=weighted)
        return _Encoded(vector, words, found.ranges)


def _word_vectors(
    parts: FloatArray, importance: FloatArray, of_token: IntArray, *, weighted: bool
) -> FloatArray:
    """Return what `models.late.LateInteraction` makes of a text's tokens: a vector a word.

    `parts` has shape (tokens, dimension), `importance` and `of_token` (tokens,). With `weighted`
    the vectors have the words' weights for length, and those sum to 1; else the length is 1.
    """
    member = (of_token == np.arange(of_token.max(initial=-1) + 1)[:, None]).astype(np.float32)
    member /= member.sum(1, keepdims=True)
    vectors: FloatArray = member @ parts
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    if weighted and len(vectors):
        logits = member @ importance
        weights = np.exp(logits - logits.max())
        vectors *= (weights / weights.sum())[:, None]
    return vectors


def _left_out(folder: Path) -> frozenset[str]:
    """Return the words that a passage keeps no vector for. Raises ModelError."""
    try:
        return frozenset(LateConfig.read(folder).left_out)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"{folder / CONFIG} can't be read ({type(error).__name__}: {error}): restore it, "
            "the encoder's vectors of words need it"
        ) from error
