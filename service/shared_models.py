"""The models as requests use them: all of them share a thread or two (`service.batching`)."""

from collections.abc import Collection, Hashable, Sequence

from index.hybrid import Question
from models.contracts import Encoder, FloatArray, Reader, Span
from service.admission import Gate
from service.batching import Batcher, Lane
from service.metrics import Metrics
from service.reading_ahead import ReadingAhead, Step

_TEXTS = 64
"""Questions, or sentences, in one call of the encoder."""


class SharedModels:
    """An encoder and a reader. Safe to use from several threads.

    `step` is how many passages a request should have read at a time: few on a CPU, where each
    takes its time, more on a GPU, which reads many as fast as few. `step_ahead` is the same for
    what nobody waits for yet: whoever comes meanwhile waits for no more than that.
    """

    def __init__(
        self,
        encoder: Encoder,
        reader: Reader,
        *,
        device: str,
        queue: int,
        metrics: Metrics,
        at_once: int = 1,
        ordinary: Collection[str] = (),
    ) -> None:
        """Join the models. `queue` requests can be inside `gate` at a time.

        `at_once` batches are computed at a time: 2 is for models that have threads of their own.
        `ordinary` are words that the encoder has often met.
        """
        self.encoder = encoder
        self.reader = reader
        self.device = device
        self.metrics = metrics
        self.ordinary = ordinary
        self.gate = Gate(queue, metrics)
        self.step, self.step_ahead = (8, 2) if device == "cpu" else (32, 32)
        self._ahead: ReadingAhead | None = None
        self._questions = Lane("questions", self._encode, _TEXTS, _TEXTS)
        self._sentences = Lane("sentences", self._embed, _TEXTS, _TEXTS // 4)
        # batches for two on a GPU; on a CPU each passage is computed by itself, and whoever waits
        # for the next batch has come back from deciding on it before the one after
        most = self.step if device == "cpu" else 2 * self.step
        self._passages = Lane("passages", reader.read_pairs, most, self.step)
        lanes = (self._questions, self._sentences, self._passages)
        self._batcher = Batcher(
            lanes, inside=lambda: self.gate.inside, metrics=metrics, threads=at_once
        )

    def start_reading_ahead(self) -> None:
        """Take from now on what `read_ahead` offers; a process that only asks does without."""
        self._ahead = ReadingAhead(lambda: self.gate.inside > 0)

    def stop_reading_ahead(self) -> None:
        """Take nothing any more."""
        if self._ahead is not None:
            self._ahead.stop()
            self._ahead = None

    def read_ahead(self, question: Hashable, step: Step) -> None:
        """Have more read for a question that was just answered, once nobody waits."""
        if self._ahead is not None:
            self._ahead.offer(question, step)

    def encode(self, question: str) -> Question:
        """Encode a question. Errors are those of `Batcher.compute`, here and below."""
        return self._batcher.compute(self._questions, [question])[0]

    def embed(self, texts: Sequence[str]) -> list[FloatArray]:
        """Return a unit vector a text, each of shape (dimension,)."""
        return self._batcher.compute(self._sentences, texts)

    def read(self, question: str, contexts: Sequence[str]) -> list[Span]:
        """Return one best span per context, in the order of `contexts`."""
        return self._batcher.compute(self._passages, [(question, text) for text in contexts])

    def _encode(self, questions: Sequence[str]) -> list[Question]:
        made = self.encoder.encode_questions(questions)
        rows = zip(questions, made.vectors, made.words, strict=True)
        return [  # copies: whoever keeps one keeps not the whole batch
            Question(text, vector.copy(), words.copy(), *made.ranges[place : place + 1])
            for place, (text, vector, words) in enumerate(rows)
        ]

    def _embed(self, texts: Sequence[str]) -> Sequence[FloatArray]:
        return [vector.copy() for vector in self.encoder.encode_passages(texts).vectors]
