"""Measures and logs the answers of any answerer, and never their text."""

import logging
from collections.abc import Sequence

from index.filters import Facets
from index.types import Passage
from models.contracts import FloatArray
from service.metrics import Metrics
from service.patience import current
from service.types import AnswererProtocol, AnswerList, Query, Source

log = logging.getLogger(__name__)


class Measured:
    """An answerer that answers as `answerer` does."""

    def __init__(self, answerer: AnswererProtocol, metrics: Metrics) -> None:
        """Measure into `metrics`."""
        self._answerer = answerer
        self._metrics = metrics

    @property
    def facets(self) -> Facets:
        """The names that there are to filter by."""
        return self._answerer.facets

    def answer(self, query: Query) -> AnswerList:
        """Answer one question. Errors are those of the answerer."""
        with self._metrics.rejections(again=current().asks_again):
            found = self._answerer.answer(query)
        self._metrics.answered(found)
        took = found.took_ms
        log.info(
            "answered in %.0f ms (encode %.0f, retrieve %.0f, read %.0f), %d passages read",
            *(took.total, took.encode, took.retrieve, took.read, len(found.read)),
        )
        return found

    def sentence_vectors(self, texts: Sequence[str]) -> FloatArray:
        """Return a unit vector a text. Errors are those of the answerer."""
        return self._answerer.sentence_vectors(texts)

    def passage(self, passage_id: int) -> tuple[Passage, Source]:
        """Return a passage, and what answers now. Raises KeyError where the index has none such."""
        return self._answerer.passage(passage_id)
