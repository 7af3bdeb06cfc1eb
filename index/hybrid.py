"""Candidates of both searches, each with what all that can be said of it.

BM25 finds the words of the question, the vectors its meaning; neither is the better one for every
question. So a passage that either found gets a score of both, and the best of them a third one
that compares the question's words with the passage's one by one, each in its context
(`index.word_vectors`). What they say together is turned into one probability by a calibration (see
`service.answering`). docs/decisions/0003 and 0007 tell why these features.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from index.filters import NO_FILTERS, Filters
from index.keywords import KeywordIndex
from index.passages import PassageStore
from index.types import Hit, Paper, Passage
from index.vectors import VectorIndex
from index.word_vectors import WordVectors

DEPTH = 200
"""How many passages each search contributes to the candidates of a question.

With 100, 2 in 100 questions fewer find their passage among the best 100; 400 find no more.
"""

COMPARED = 200
"""How many candidates are compared word by word: the best by reciprocal ranks, about half of them.

All would take twice as long and find no more.
"""

_RANK_CONSTANT = 60  # Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion" (2009)

_SCORES = ("cosine", "bm25 share", "late interaction")
FEATURES = tuple(
    feature for score in _SCORES for feature in (score, f"{score} below best", f"log {score} rank")
)
"""What a calibration is told of a candidate, in this order (see `Candidates`)."""
PLAIN_FEATURES = FEATURES[:6]
"""The same for an index without word vectors."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A question as the searches take it.

    `vector` is a unit vector of shape (dimension,). `words` has shape (words, word dimension), each
    row as long as the word's weight; it is empty where the encoder has no vectors of words.
    `ranges`, shape (words, 2), tells where each word begins and ends in the text; without it words
    are not weighed by their rarity.
    """

    text: str
    vector: NDArray[np.float32]
    words: NDArray[np.float32]
    ranges: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The passages that may answer a question, and how well each search likes them.

    `ids`, shape (n,), ascend. `features`, shape (n, f), are the values of `FEATURES`, or of
    `PLAIN_FEATURES` where there are no word vectors. The cosine is that of question and passage.
    The BM25 share is the BM25 score divided by the greatest that any passage could have for this
    question: plain scores grow with the length of the question, shares compare across questions.
    A passage that BM25 did not return counts as the last one that it did, whose score is the most
    that it can have. One that was not compared word by word counts as the median of those that
    were. "Below best" is the distance to the greatest value among the question's candidates, and a
    rank counts from 1 among them.
    """

    ids: NDArray[np.int64]
    features: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate: the passage, its paper, and its row of `Candidates.features`."""

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

    def __init__(
        self,
        store: PassageStore,
        vectors: VectorIndex,
        keywords: KeywordIndex,
        words: WordVectors | None,
    ) -> None:
        """Join the parts of one index."""
        self._store = store
        self._vectors = vectors
        self._keywords = keywords
        self._words = words

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features of this index's candidates."""
        return FEATURES if self._words else PLAIN_FEATURES

    def by_meaning(self, question: Question, k: int) -> list[Hit]:
        """Return the `k` passages whose vectors are nearest to the question's."""
        return self._vectors.search(question.vector[None], k)[0]

    def by_words(self, question: Question, k: int) -> list[Hit]:
        """Return the `k` passages with the greatest BM25 scores."""
        return self._keywords.search(self._keywords.query(question.text), k)

    def candidates(self, question: Question, filters: Filters = NO_FILTERS) -> Candidates:
        """Return the best `DEPTH` passages of each search.

        Both searches are among the passages that match the filters. These change no score that is
        computed; medians, ranks and distances are of other candidates.
        """
        query = self._keywords.query(question.text)
        allowed = self._store.matching(filters) if filters else None
        nearest = self._vectors.search(question.vector[None], DEPTH, allowed)[0]
        hits = self._keywords.search(query, DEPTH, self._store.spelled(filters))
        cosines = {hit.passage_id: hit.score for hit in nearest}
        scores = {hit.passage_id: hit.score for hit in hits}
        cosines |= self._vectors.cosines(question.vector, [i for i in scores if i not in cosines])
        ids = sorted(cosines)
        most = hits[-1].score if len(hits) == DEPTH else 0.0  # fewer: others have no such word
        bound = query.bound or 1.0  # of a question without a word that can be searched
        columns = [
            np.array([cosines[id_] for id_ in ids]),
            np.array([scores.get(id_, most) / bound for id_ in ids]),
        ]
        if self._words:
            columns.append(self._compared(self._words, question, ids, columns))
        return Candidates(np.array(ids, np.int64), features(columns))

    def unknown(self, question: str) -> tuple[str, ...]:
        """Return the words of a question that no passage has (see `KeywordIndex.unknown`)."""
        return self._keywords.unknown(question)

    def _compared(
        self,
        words: WordVectors,
        question: Question,
        ids: Sequence[int],
        scores: Sequence[NDArray[np.float64]],
    ) -> NDArray[np.float64]:
        """Return the late interaction of the best `COMPARED` by `scores`, and the others' median.

        `ids` and each of the scores have n entries; the result has shape (n,).
        """
        places = np.sort(_fused(scores)[:COMPARED])  # ascending: neighbours are read in one go
        found = words.scores(self._weighted(question), [ids[place] for place in places])
        late = np.full(len(ids), np.median(found) if found.size else 0.0)
        late[places] = found
        return late

    def _weighted(self, question: Question) -> NDArray[np.float32]:
        """Return the vectors of the question's words, shape (words, word dimension), weighed.

        A word weighs what the encoder gives it times its rarity, as in BM25: the encoder was
        trained on few questions, and rarity knows this corpus. The lengths sum to 1.
        """
        texts = [question.text[start:end] for start, end in question.ranges.tolist()]
        rarity = np.array([self._keywords.rarity(text) for text in texts], np.float32)
        if not rarity.any():
            return question.words
        weighted = question.words * rarity[:, None]
        total = np.linalg.norm(weighted, axis=1).sum()
        return weighted / np.float32(total)


def _fused(scores: Sequence[NDArray[np.float64]]) -> NDArray[np.int64]:
    """Return the places of n passages, best first by the sum of their reciprocal ranks.

    Each of the scores has shape (n,). Of equal ones the first comes first.
    """
    fused = np.sum([1 / (_RANK_CONSTANT + ranks(score)) for score in scores], axis=0)
    return np.argsort(-fused, kind="stable")


def features(scores: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return each score, its distance to the best and the logarithm of its rank, side by side.

    Each of the s scores has shape (n,); the result has shape (n, 3 s).
    """
    return np.column_stack(
        [
            column
            for score in scores
            for column in (score, score.max(initial=-1) - score, np.log(ranks(score)))
        ]
    )


def ranks(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rank of each score, from 1 for the greatest; equal scores share the better rank.

    >>> ranks(np.array([0.2, 0.9, 0.9, 0.1])).tolist()
    [3, 1, 1, 4]
    """
    greater = len(scores) - np.searchsorted(np.sort(scores), scores, side="right")
    return np.asarray(greater + 1, np.int64)
