"""Models that need no weights, for an index that the fake encoder built."""

import time
from collections.abc import Sequence
from threading import Event

from models.contracts import Embedded, Span
from tests.unit.index.fake_encoder import DIMENSION, encode


class FakeEncoder:
    """The encoder of `tests.unit.index.fake_encoder`."""

    name = "fake"
    dimension = DIMENSION
    word_dimension = DIMENSION

    def encode_questions(self, texts: Sequence[str]) -> Embedded:
        made = encode(texts)
        return Embedded(made.vectors, tuple(words / len(words) for words in made.words))

    def encode_passages(self, texts: Sequence[str]) -> Embedded:
        return encode(texts)


class FakeReader:
    """Marks the first word of each passage, once `go` is set; `reads` tells that it began."""

    name = "fake"

    def __init__(self) -> None:
        self.reads = Event()
        self.go = Event()
        self.go.set()

    def read(self, question: str, contexts: Sequence[str]) -> list[Span]:
        return self.read_pairs([(question, text) for text in contexts])

    def read_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[Span]:
        self.reads.set()
        assert self.go.wait(60)
        return [Span(0, len(text.split()[0]), 1.0) for _, text in pairs]


class SlowReader(FakeReader):
    """Takes so many seconds for a passage, as a model on a processor of its own would."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def read_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[Span]:
        time.sleep(self._seconds * len(pairs))
        return super().read_pairs(pairs)
