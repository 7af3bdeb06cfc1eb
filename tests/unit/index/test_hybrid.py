import random
from dataclasses import dataclass, replace

import numpy as np
import pytest

from index.filters import NO_FILTERS, Filters
from index.hybrid import (
    COMPARED,
    DEPTH,
    FEATURES,
    PLAIN_FEATURES,
    HybridSearch,
    Question,
    features,
    ranks,
)
from index.keywords import KeywordIndex, build_keywords
from index.passages import PassageStore, PassageWriter
from index.vector_files import VectorFile
from index.vector_kinds import build_faiss
from index.vectors import VectorIndex
from index.word_vectors import WordVectorFile, WordVectors, likeness, quantised
from tests.making import a_paper
from tests.unit.index.fake_encoder import rows

WORDS = "fever cough mask"
TEXTS = [f"{word} seen in case {n}" for n in range(150) for word in WORDS.split()]
NATURE = Filters(journals=("nature",))
NONE = np.empty((0, 8), np.float32)  # vectors of words
RARE = 7  # the first passages, of a paper in Nature; all others are of one in Science


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    made = np.random.default_rng(0).normal(size=(len(TEXTS), 16)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


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
    words = WordVectorFile(folder, 8)
    words.append([quantised(rows(text.split())) for text in TEXTS])
    return HybridSearch(
        store,
        VectorIndex(folder / "v", file.read()),
        KeywordIndex(folder / "k"),
        WordVectors(folder, 8),
    )


@dataclass(frozen=True)
class Row:
    """A candidate's features by name."""

    id: int
    cosine: float
    bm25_share: float
    late: float


def asked(
    search: HybridSearch, text: str, vector: np.ndarray, filters: Filters = NO_FILTERS
) -> list[Row]:
    """Return the candidates of a question whose words all weigh the same."""
    words = rows(text.split())
    found = search.candidates(Question(text, vector, words / len(words)), filters)
    assert found.ids.dtype == np.int64
    assert found.features.shape == (len(found.ids), len(FEATURES))
    return [
        Row(id_, cosine, share, late)
        for id_, (cosine, share, late) in zip(
            found.ids.tolist(), found.features[:, ::3].tolist(), strict=True
        )
    ]


def test_features_tell_of_the_value_and_of_its_place() -> None:
    found = features([np.array([0.2, 0.8]), np.array([0.5, 0.1]), np.array([-0.1, -0.3])])
    # each score, below best, ln(rank)
    assert found[0] == pytest.approx([0.2, 0.6, np.log(2), 0.5, 0.0, 0.0, -0.1, 0.0, 0.0])
    assert found[1] == pytest.approx([0.8, 0.0, 0.0, 0.1, 0.4, np.log(2), -0.3, 0.2, np.log(2)])
    assert ranks(np.array([0.2, 0.9, 0.9, 0.1])).tolist() == [3, 1, 1, 4]
    assert len(FEATURES) == 9
    assert FEATURES[::3] == ("cosine", "bm25 share", "late interaction")
    assert FEATURES[:6] == PLAIN_FEATURES
    assert features([np.zeros(0)] * 3).shape == (0, 9)


def test_both_searches_contribute(search: HybridSearch, vectors: np.ndarray) -> None:
    found = asked(search, "Who had a fever in case 7?", vectors[40])
    by_id = {row.id: row for row in found}
    assert 40 in by_id  # found by meaning: the very vector
    assert by_id[40].cosine == pytest.approx(1, abs=1e-3)
    assert by_id[21].bm25_share == max(row.bm25_share for row in found)  # "fever seen in case 7"
    for row in found:
        # to half precision, the same cosine whichever search found it
        expected = float(vectors[row.id] @ vectors[40])
        assert row.cosine == pytest.approx(expected, abs=2e-3)
        assert 0 <= row.bm25_share <= 1
        assert -1 <= row.late <= 1
    assert [row.id for row in found] == sorted(by_id)
    assert DEPTH < len(found) <= 2 * DEPTH


def test_words_are_compared_one_by_one(search: HybridSearch, vectors: np.ndarray) -> None:
    rare = asked(search, TEXTS[21], vectors[40])
    by_id = {row.id: row for row in rare}
    # each word of the question finds itself, but for what 2 bits lose
    assert by_id[21].late == max(row.late for row in rare)
    assert by_id[21].late > 0.85
    few = search.candidates(Question("fever", vectors[0], rows(["fever"])), NATURE)
    assert len(few.ids) == RARE < COMPARED  # all are compared
    late = few.features[:, FEATURES.index("late interaction")]
    for id_, value in zip(few.ids.tolist(), late.tolist(), strict=True):
        assert value == pytest.approx(own_late(id_, "fever"), abs=1e-6)


def test_the_best_by_reciprocal_ranks_are_compared(
    search: HybridSearch, vectors: np.ndarray
) -> None:
    found = asked(search, "fever", vectors[0])
    by_meaning = ranks(np.array([row.cosine for row in found]))
    by_words = ranks(np.array([row.bm25_share for row in found]))
    fused = 1 / (60 + by_meaning) + 1 / (60 + by_words)
    first = np.argsort(-fused, kind="stable")[:COMPARED].tolist()
    own = {found[place].id: own_late(found[place].id, "fever") for place in first}
    median = float(np.median(list(own.values())))
    assert len(found) > COMPARED
    assert len({round(late, 3) for late in own.values()}) > 1
    for row in found:
        assert row.late == pytest.approx(own.get(row.id, median), abs=1e-6)


def own_late(id_: int, word: str) -> float:
    """Return what one word of weight 1 finds in a passage: its best match, as it was stored."""
    return float(likeness(quantised(rows(TEXTS[id_].split())), rows([word])).max())


def test_a_passage_scores_the_same_whichever_search_found_it(
    search: HybridSearch, vectors: np.ndarray
) -> None:
    one = {row.id: row for row in asked(search, "fever in case 7", vectors[0])}
    two = {row.id: row for row in asked(search, "fever in case 7", vectors[1])}
    both = one.keys() & two.keys()
    assert both
    assert all(one[i].bm25_share == pytest.approx(two[i].bm25_share) for i in both)


def test_a_passage_that_bm25_did_not_return_counts_as_the_last_that_it_did(
    search: HybridSearch, vectors: np.ndarray
) -> None:
    question = "fever seen in case 7"  # every passage has some of these words
    found = {row.id: row.bm25_share for row in asked(search, question, vectors[0])}
    returned = [h.passage_id for h in search.by_words(Question(question, vectors[0], NONE), DEPTH)]
    others = {found[id_] for id_ in found.keys() - set(returned)}
    assert others == {found[returned[-1]]}
    assert others == {min(found.values())}


def test_a_question_of_unknown_words_is_answered_by_meaning(
    search: HybridSearch, vectors: np.ndarray
) -> None:
    found = asked(search, "zebra?", vectors[3])
    assert len(found) == DEPTH
    assert {row.bm25_share for row in found} == {0.0}


def test_a_question_without_words_has_no_late_interaction(
    search: HybridSearch, vectors: np.ndarray
) -> None:
    found = search.candidates(Question("?!", vectors[3], NONE))
    assert found.features.shape == (DEPTH, 9)
    assert not found.features[:, 6:].any()  # 0, no distance to the best, ln(1)


def test_all_that_match_are_found_however_few(search: HybridSearch, vectors: np.ndarray) -> None:
    question, vector = "mask seen in case 149", vectors[400]  # what fits best is filtered out
    found = asked(search, question, vector, NATURE)
    assert [row.id for row in found] == list(range(RARE))
    assert all(row.bm25_share > 0 for row in found)
    assert len(asked(search, question, vector, Filters(published_from="2020"))) > 100
    assert asked(search, question, vector, Filters(published_from="2021")) == []


def test_filters_change_no_score(search: HybridSearch, vectors: np.ndarray) -> None:
    question, vector = "fever seen in case 1", vectors[2]
    among_all = {row.id: row for row in asked(search, question, vector)}
    for one in asked(search, question, vector, Filters(journals=("Nature",))):
        if one.id in among_all:
            assert one.cosine == pytest.approx(among_all[one.id].cosine, abs=1e-6)
            assert one.bm25_share == among_all[one.id].bm25_share
    assert among_all.keys() & set(range(RARE))


@pytest.mark.parametrize("date", ["", "2020", "2020-02", "2020-03-01", "2021-12"])
@pytest.mark.parametrize("name", ["", "a", "B  b", "c", "The C.", "Virus Res"])
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
        spelled = store.spelled(filters)
        found = keywords.search(keywords.query("fever"), store.passages, spelled)
        assert sorted(hit.passage_id for hit in found) == store.matching(filters).tolist()


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[PassageStore, KeywordIndex]:
    """Return 300 papers of one to three passages, with attributes of every kind."""
    folder = tmp_path_factory.mktemp("mixed")
    pick = random.Random(5)
    dates = ["", "2019", "2020", "2020-02", "2020-03", "2020-03-01", "2020-12-31", "2021-06-05"]
    names = ["", "A", "a ", "B b", "b  B", "c", "The C", "Virus Res.", "Virus Research"]
    writer = PassageWriter(folder / "p")
    for n in range(300):
        paper = replace(
            a_paper(f"u{n}"),
            publish_time=pick.choice(dates),
            source="; ".join(pick.sample(names, 2)),
            journal=pick.choice(names),
        )
        texts = [f"fever of case {n} {part}" for part in range(pick.randint(1, 3))]
        passages = [("", text, 0, len(text)) for text in texts]
        writer.add(paper, passages, full_text=pick.random() < 0.5)
    writer.commit(299)
    writer.close()
    store = PassageStore(folder / "p")
    build_keywords(store.searchable(0, store.passages), folder / "k")
    return store, KeywordIndex(folder / "k")
