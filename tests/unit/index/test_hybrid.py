import random
from dataclasses import replace

import numpy as np
import pytest

from index.filters import Filters
from index.hybrid import HybridSearch, features, ranks
from index.keywords import KeywordIndex, build_keywords
from index.passages import PassageStore, PassageWriter
from index.vector_kinds import build_faiss
from index.vectors import VectorFile, VectorIndex
from tests.making import a_paper

WORDS = "fever cough mask"
TEXTS = [f"{word} seen in case {n}" for n in range(150) for word in WORDS.split()]
RARE = 7  # the first passages, of a paper in Nature; all others are of one in Science


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rows = np.random.default_rng(0).normal(size=(len(TEXTS), 16)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory, vectors: np.ndarray) -> HybridSearch:
    folder = tmp_path_factory.mktemp("index")
    writer = PassageWriter(folder / "p")
    papers = [
        (replace(a_paper("u1"), journal="Nature"), TEXTS[:RARE]),
        (replace(a_paper("u2"), journal="Science", publish_time="2020"), TEXTS[RARE:]),
    ]
    for paper, texts in papers:
        writer.add(paper, [("", text, 0, len(text)) for text in texts], full_text=True)
    writer.commit(0)
    writer.close()
    store = PassageStore(folder / "p")
    file = VectorFile(folder / "e", 16)
    file.append(vectors)
    build_faiss(file.read(), folder / "v")
    build_keywords(store.searchable(0, len(TEXTS)), folder / "k")
    return HybridSearch(
        store, VectorIndex(folder / "v", file.read()), KeywordIndex(folder / "k"), None
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


def test_all_that_match_are_found_however_few(search: HybridSearch, vectors: np.ndarray) -> None:
    question, vector = "mask seen in case 149", vectors[400]  # what fits best is filtered out
    found = search.candidates(question, vector, Filters(journals=("nature",)))
    assert [candidate.passage.id for candidate in found] == list(range(RARE))
    assert all(candidate.bm25_share > 0 for candidate in found)
    assert len(search.candidates(question, vector, Filters(published_from="2020"))) > 100
    assert search.candidates(question, vector, Filters(published_from="2021")) == []


def test_filters_change_neither_cosine_nor_share(search: HybridSearch, vectors: np.ndarray) -> None:
    question, vector = "fever seen in case 1", vectors[2]
    among_all = {c.passage.id: c for c in search.candidates(question, vector)}
    for one in search.candidates(question, vector, Filters(journals=("Nature",))):
        if one.passage.id in among_all:
            assert one.cosine == pytest.approx(among_all[one.passage.id].cosine, abs=1e-6)
            assert one.bm25_share == among_all[one.passage.id].bm25_share
    assert among_all.keys() & set(range(RARE))


@pytest.mark.parametrize("date", ["", "2020", "2020-02", "2020-03-01", "2021-12"])
@pytest.mark.parametrize("name", ["", "a", "B  b", "c"])
@pytest.mark.parametrize("full_text", [True, False])
def test_both_searches_are_among_the_same_passages(
    mixed: tuple[PassageStore, KeywordIndex], date: str, name: str, full_text: bool
) -> None:
    store, keywords = mixed
    names = (name,) if name else ()
    for filters in (
        Filters(published_from=date, sources=names, full_text=full_text),
        Filters(published_to=date, journals=names, full_text=full_text),
        Filters(date, "2021-06", names, ("b b", "c")),
    ):
        found = keywords.search(keywords.query("fever"), store.passages, filters)
        assert sorted(hit.passage_id for hit in found) == store.matching(filters).tolist()


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[PassageStore, KeywordIndex]:
    """Return 300 papers of one to three passages, with attributes of every kind."""
    folder = tmp_path_factory.mktemp("mixed")
    pick = random.Random(5)
    dates = ["", "2019", "2020", "2020-02", "2020-03", "2020-03-01", "2020-12-31", "2021-06-05"]
    names = ["", "A", "a ", "B b", "b  B", "c"]
    writer = PassageWriter(folder / "p")
    for n in range(300):
        paper = replace(
            a_paper(f"u{n}"),
            publish_time=pick.choice(dates),
            source="; ".join(pick.sample(names, 2)),
            journal=pick.choice(names),
        )
        texts = [f"fever of case {n} {part}" for part in range(pick.randint(1, 3))]
        rows = [("", text, 0, len(text)) for text in texts]
        writer.add(paper, rows, full_text=pick.random() < 0.5)
    writer.commit(299)
    writer.close()
    store = PassageStore(folder / "p")
    build_keywords(store.searchable(0, store.passages), folder / "k")
    return store, KeywordIndex(folder / "k")
