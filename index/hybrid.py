"""Candidates from both searches, each with what both say of it.

BM25 finds the words of the question, the vectors its meaning; neither is the better one for every
question. So a passage that either found gets both scores, and what the two say together is turned
into one probability by a calibration (see `service.answering`). docs/decisions/0003 tells why
these features.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.filters import NO_FILTERS, Filters
from index.keywords import KeywordIndex
from index.passages import PassageStore
from index.types import Paper, Passage
from index.vectors import VectorIndex

DEPTH = 100
"""How many passages each search contributes to the candidates of a question."""

FEATURES = (
    "cosine",
    "cosine below best",
    "log cosine rank",
    "bm25 share",
    "bm25 share below best",
    "log bm25 rank",
)
"""What a calibration is told of a candidate, in this order (see `Candidate`)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that may answer, its paper, and how well both searches like it.

    `features` are the values of `FEATURES`. The cosine is that of question and passage. The BM25
    share is the BM25 score divided by the greatest that any passage could have for this question:
    plain scores grow with the length of the question, shares compare across questions. "Below
    best" is the distance to the greatest value among the question's candidates, and a rank counts
    from 1 among them.
    """

    passage: Passage
    paper: Paper
    features: tuple[float, ...]

    @property
    def cosine(self) -> float:
        """The cosine of question and passage, in [-1, 1]."""
        return self.features[FEATURES.index("cosine")]

    @property
    def bm25_share(self) -> float:
        """The share of the greatest BM25 score that any passage could have, in [0, 1]."""
        return self.features[FEATURES.index("bm25 share")]


class HybridSearch:
    """Both searches over one passage store. Safe to use from several threads."""

    def __init__(self, store: PassageStore, vectors: VectorIndex, keywords: KeywordIndex) -> None:
        """Join the parts of one index."""
        self._store = store
        self._vectors = vectors
        self._keywords = keywords

    def candidates(
        self, question: str, vector: NDArray[np.float32], filters: Filters = NO_FILTERS
    ) -> list[Candidate]:
        """Return the best `DEPTH` passages of each search, by passage id.

        `vector` is the question's, a unit vector of shape (dimension,). Both searches are among
        the passages that match the filters. These change neither cosine nor BM25 share of a
        passage, but its rank and its distance to the best are among other candidates.
        """
        query = self._keywords.query(question)
        allowed = self._store.matching(filters) if filters else None
        nearest = self._vectors.search(vector[None], DEPTH, allowed)[0]
        cosines = {hit.passage_id: hit.score for hit in nearest}
        hits = self._keywords.search(query, DEPTH, filters)
        scores = {hit.passage_id: hit.score for hit in hits}
        scores |= self._keywords.score(query, [i for i in cosines if i not in scores])
        cosines |= self._vectors.cosines(vector, [i for i in scores if i not in cosines])
        ids = sorted(cosines)
        passages = self._store.get(ids)
        papers = self._store.get_papers(sorted({passage.cord_uid for passage in passages}))
        bound = query.bound or 1.0  # of a question without a word that can be searched
        rows = features(
            np.array([cosines[id_] for id_ in ids]),
            np.array([scores.get(id_, 0.0) / bound for id_ in ids]),
        )
        return [
            Candidate(passage, papers[passage.cord_uid], tuple(row))
            for passage, row in zip(passages, rows.tolist(), strict=True)
        ]


def features(cosine: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the `FEATURES` of n candidates, shape (n, 6); both arguments have shape (n,)."""
    return np.column_stack(
        [
            cosine,
            cosine.max(initial=0) - cosine,
            np.log(ranks(cosine)),
            share,
            share.max(initial=0) - share,
            np.log(ranks(share)),
        ]
    )


def ranks(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rank of each score, from 1 for the greatest; equal scores share the better rank.

    >>> ranks(np.array([0.2, 0.9, 0.9, 0.1])).tolist()
    [3, 1, 1, 4]
    """
    greater = len(scores) - np.searchsorted(np.sort(scores), scores, side="right")
    return np.asarray(greater + 1, np.int64)
