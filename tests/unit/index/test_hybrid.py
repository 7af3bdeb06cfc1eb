import numpy as np
import pytest

from index.hybrid import HybridSearch, features, ranks
from index.keywords import KeywordIndex, build_keywords
from index.passages import PassageStore, PassageWriter
from index.vector_kinds import build_faiss
from index.vectors import VectorFile, VectorIndex
from tests.making import a_paper

WORDS = "fever cough mask"
TEXTS = [f"{word} seen in case {n}" for n in range(150) for word in WORDS.split()]


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rows = np.random.default_rng(0).normal(size=(len(TEXTS), 16)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory, vectors: np.ndarray) -> HybridSearch:
    folder = tmp_path_factory.mktemp("index")
    writer = PassageWriter(folder / "p")
    writer.add(a_paper(), [("", text, 0, len(text)) for text in TEXTS], full_text=True)
    writer.commit(0)
    writer.close()
    file = VectorFile(folder / "e", 16)
    file.append(vectors)
    build_faiss(file.read(), folder / "v")
    build_keywords([("A paper", text) for text in TEXTS], folder / "k")
    return HybridSearch(
        PassageStore(folder / "p"),
        VectorIndex(folder / "v", file.read()),
        KeywordIndex(folder / "k"),
    )


def test_features_tell_of_the_value_and_of_its_place() -> None:
    rows = features(np.array([0.2, 0.8]), np.array([0.5, 0.1]))
    # cosine, below best, ln(rank); share, below best, ln(rank)
    assert rows[0] == pytest.approx([0.2, 0.6, np.log(2), 0.5, 0.0, 0.0])
    assert rows[1] == pytest.approx([0.8, 0.0, 0.0, 0.1, 0.4, np.log(2)])
    assert ranks(np.array([0.2, 0.9, 0.9, 0.1])).tolist() == [3, 1, 1, 4]


def test_both_searches_contribute_and_every_candidate_has_both_scores(
    search: HybridSearch, vectors: np.ndarray
) -> None:
    found = search.candidates("Who had a fever in case 7?", vectors[40])
    by_id = {candidate.passage.id: candidate for candidate in found}
    assert 40 in by_id  # found by meaning: the very vector
    assert by_id[40].cosine == pytest.approx(1, abs=1e-3)
    assert by_id[21].bm25_share == max(c.bm25_share for c in found)  # "fever seen in case 7"
    for candidate in found:
        # to half precision, the same cosine whichever search found it
        expected = float(vectors[candidate.passage.id] @ vectors[40])
        assert candidate.cosine == pytest.approx(expected, abs=2e-3)
        assert 0 <= candidate.bm25_share <= 1
    assert [c.passage.id for c in found] == sorted(by_id)
    assert 100 < len(found) <= 200


def test_a_passage_scores_the_same_whichever_search_found_it(
    search: HybridSearch, vectors: np.ndarray
) -> None:
    one = {c.passage.id: c for c in search.candidates("fever in case 7", vectors[0])}
    two = {c.passage.id: c for c in search.candidates("fever in case 7", vectors[1])}
    both = one.keys() & two.keys()
    assert both
    assert all(one[i].bm25_share == pytest.approx(two[i].bm25_share) for i in both)


def test_a_question_of_unknown_words_is_answered_by_meaning(
    search: HybridSearch, vectors: np.ndarray
) -> None:
    found = search.candidates("zebra?", vectors[3])
    assert len(found) == 100
    assert {candidate.bm25_share for candidate in found} == {0.0}
