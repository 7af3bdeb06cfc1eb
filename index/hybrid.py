"""Candidates from both searches, each with what both say of it.

BM25 finds the words of the question, the vectors its meaning; neither is the better one for every
question. So a passage that either found gets both scores, and what the two say together is turned
into one probability by a calibration (see `service.answering`). docs/decisions/0003 tells which
other features were tried.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.keywords import KeywordIndex
from index.passages import PassageStore
from index.types import Paper, Passage
from index.vectors import VectorIndex

DEPTH = 100
"""How many passages each search contributes to the candidates of a question."""

FEATURES = ("cosine", "bm25 share")
"""What a calibration is told of a candidate, in this order (see `Candidate`)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that may answer, its paper, and how well both searches like it.

    `cosine` is that of question and passage, in [-1, 1]. `bm25_share` is the BM25 score divided by
    the greatest that any passage could have for this question, in [0, 1]: plain scores grow with
    the length of the question, shares compare across questions.
    """

    passage: Passage
    paper: Paper
    cosine: float
    bm25_share: float

    @property
    def features(self) -> tuple[float, float]:
        """The values of `FEATURES`."""
        return self.cosine, self.bm25_share


class HybridSearch:
    """Both searches over one passage store. Safe to use from several threads."""

    def __init__(self, store: PassageStore, vectors: VectorIndex, keywords: KeywordIndex) -> None:
        """Join the parts of one index."""
        self._store = store
        self._vectors = vectors
        self._keywords = keywords

    def candidates(self, question: str, vector: NDArray[np.float32]) -> list[Candidate]:
        """Return the best `DEPTH` passages of each search, by passage id.

        `vector` is the question's, a unit vector of shape (dimension,).
        """
        query = self._keywords.query(question)
        cosines = {
            hit.passage_id: hit.score for hit in self._vectors.search(vector[None], DEPTH)[0]
        }
        scores = {hit.passage_id: hit.score for hit in self._keywords.search(query, DEPTH)}
        scores |= self._keywords.score(query, [i for i in cosines if i not in scores])
        cosines |= self._vectors.cosines(vector, [i for i in scores if i not in cosines])
        passages = self._store.get(sorted(cosines))
        papers = self._store.get_papers(sorted({passage.cord_uid for passage in passages}))
        return [
            Candidate(
                passage=passage,
                paper=papers[passage.cord_uid],
                cosine=cosines[passage.id],
                bm25_share=scores.get(passage.id, 0.0) / query.bound if query.weights else 0.0,
            )
            for passage in passages
        ]
