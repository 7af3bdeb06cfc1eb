import random
import shutil
import tempfile
from pathlib import Path

import pytest

from index.filters import Attributes, Filters
from index.keywords import KeywordIndex, build_keywords
from index.types import IndexingError, ShortageError

UNKNOWN = Attributes()
TITLES_AND_TEXTS = [
    ("Receptors", "SARS-CoV-2 enters cells through the receptor ACE2."),
    ("Cytokines", "Levels of IL-6 were raised in severe disease."),
    ("Transmission", "Droplets transmit the virus; transmission by surfaces is rare."),
    ("Masks", "The the the and of to in."),
    ("Masks", ""),
    ("Angstroms", "冠状病毒 🦠 β-coronavirus " + "x" * 5_000),
]
PASSAGES = [(title, "", text, UNKNOWN) for title, text in TITLES_AND_TEXTS]


@pytest.fixture(scope="module")
def keywords(tmp_path_factory: pytest.TempPathFactory) -> KeywordIndex:
    folder = tmp_path_factory.mktemp("index") / "keywords"
    build_keywords(PASSAGES, folder)
    return KeywordIndex(folder)


def found(keywords: KeywordIndex, question: str) -> list[int]:
    return [hit.passage_id for hit in keywords.search(keywords.query(question), 10)]


@pytest.mark.parametrize(
    ("question", "passage"),
    [
        ("How does SARS-CoV-2 enter?", 0),
        ("sars cov 2", 0),
        ("SARSCoV2", 0),
        ("SARS-CoV2", 0),
        ("Which cells have ACE-2?", 0),  # written with a hyphen here, without one there
        ("IL6", 1),
        ("il-6 levels", 1),
        ("Is it transmitted by droplets?", 2),  # stemmed: transmitted, transmission, transmit
        ("β-coronavirus", 5),
    ],
)
def test_names_are_found_in_their_usual_spellings(
    keywords: KeywordIndex, question: str, passage: int
) -> None:
    assert found(keywords, question)[0] == passage


def test_a_name_in_two_words_finds_it_in_one(tmp_path: Path) -> None:
    texts = ["They bind ACE2.", "We raised IL6.", "A type2 patient.", "Two of a kind, 6 of 2."]
    texts += [f"Diabetes of this type, number {number}." for number in range(40)]
    build_keywords([("", "", text, UNKNOWN) for text in texts], tmp_path / "keywords")
    keywords = KeywordIndex(tmp_path / "keywords")
    assert found(keywords, "What binds ACE 2?")[0] == 0
    assert found(keywords, "il 6")[0] == 1
    assert keywords.terms("type 2 diabetes") == ["type", "2", "diabet"]  # 1 of 40 has it as one
    assert keywords.terms("ACE 2 ACE 2")[-1] == "ace2"
    assert keywords.terms("a 2, of 6, 7 8, ß 9") == ["2", "6", "7", "8", "ß", "9"]
    assert keywords.terms("Why does SMOKING matter, and its?") == ["smoke", "matter"]
    assert keywords.terms("What did the WHI find?") == ["whi", "find"]


SPELLINGS = [
    ("SARS-CoV-2", ["SARS CoV 2", "SARSCoV2", "SARS-CoV2", "sars‐cov‐2"]),
    ("IL-6", ["IL6", "il-6", "IL 6"]),
    ("ACE-2", ["ACE2", "ace2", "ACE 2"]),
    ("TNF-α", ["TNFα", "TNF α", "tnf‑α", "TNF-alpha"]),
    ("COVID-19", ["COVID19", "Covid-19", "covid 19", "COVID–19"]),
]


@pytest.mark.parametrize(("name", "others"), SPELLINGS, ids=lambda value: str(value)[:6])
def test_a_name_finds_its_other_spellings_and_they_find_it(
    tmp_path: Path, name: str, others: list[str]
) -> None:
    spelled = [name, *others]
    texts = [f"We looked into {spelling} there." for spelling in spelled] + ["We looked away."] * 9
    build_keywords([("", "", text, UNKNOWN) for text in texts], tmp_path / "k")
    keywords = KeywordIndex(tmp_path / "k")
    assert set(found(keywords, f"What is {name}?")) == set(range(len(spelled)))
    for place, spelling in enumerate(others, 1):
        assert (
            {0, place} <= set(found(keywords, f"What is {spelling}?")) <= set(range(len(spelled)))
        )


def test_a_word_counts_in_title_and_section_too_and_once(tmp_path: Path) -> None:
    fillers = [("aa bb cc", "dd ee ff", "gg hh ii", UNKNOWN)] * 20
    passages = [
        ("aa bb cc", "dd ee ff", "zebra hh ii", UNKNOWN),
        ("zebra bb cc", "dd ee ff", "gg hh ii", UNKNOWN),
        ("aa bb cc", "zebra ee ff", "gg hh ii", UNKNOWN),
        ("lion bb cc", "lion ee ff", "lion hh ii", UNKNOWN),
        *fillers,
    ]
    build_keywords(passages, tmp_path / "k")
    keywords = KeywordIndex(tmp_path / "k")
    query = keywords.query("zebra")
    hits = keywords.search(query, 10)
    assert [hit.passage_id for hit in hits] == [0, 1, 2]
    in_text, in_title, in_section = (hit.score for hit in hits)
    assert in_title == pytest.approx(0.5 * in_text, rel=1e-5)  # all fields are as long, and
    assert in_section == pytest.approx(0.3 * in_text, rel=1e-5)  # the word is as rare in each
    (everywhere,) = keywords.search(keywords.query("lion"), 10)
    assert everywhere.score == pytest.approx(in_text, rel=1e-5)  # not 1.8 times as much


@pytest.mark.parametrize("seed", range(8))
def test_no_score_is_above_the_bound(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    words = [f"word{n}" for n in range(12)]

    def some(most: int) -> str:
        return " ".join(chance.choices(words, range(1, 13), k=chance.randrange(most)))

    passages = [(some(4), some(3), some(40), UNKNOWN) for _ in range(40)]
    # the worst for a bound: short, nothing but one word, in all fields
    passages += [(word, word, word, UNKNOWN) for word in chance.choices(words, k=3)]
    build_keywords(passages, tmp_path / "k")
    keywords = KeywordIndex(tmp_path / "k")
    seen = 0
    for _ in range(50):
        query = keywords.query(" ".join(chance.choices([*words, "zebra"], k=1 + seed)))
        for hit in keywords.search(query, 50):
            seen += 1
            assert 0 < hit.score <= query.bound * (1 + 1e-6)
    assert seen > 100


@pytest.mark.parametrize(
    "question", ["", "?!", "the of and", "zebra", "x" * 500, '"AND) OR:* ~^{[\\']
)
def test_a_question_without_a_known_word_finds_nothing(
    keywords: KeywordIndex, question: str
) -> None:
    assert found(keywords, question) == []


def test_the_bound_holds_where_a_passage_is_nothing_but_the_question(tmp_path: Path) -> None:
    others = [("", "", "cough " * 200, UNKNOWN)] * 50  # as long, so that length does not count
    build_keywords([("", "", "fever " * 200, UNKNOWN), *others], tmp_path / "k")
    keywords = KeywordIndex(tmp_path / "k")
    query = keywords.query("fever?")
    assert keywords.search(query, 1)[0].score == pytest.approx(query.bound, rel=0.02)


def test_the_same_passages_give_the_same_scores(keywords: KeywordIndex, tmp_path: Path) -> None:
    build_keywords(PASSAGES, tmp_path / "again")
    again = KeywordIndex(tmp_path / "again")
    query = "receptor droplets levels"
    assert again.search(again.query(query), 9) == keywords.search(keywords.query(query), 9)


PAPERS = [
    Attributes("2020-03-13", "Medline; PMC", "PLoS One", full_text=True),
    Attributes("2020", "WHO", "plos  ONE", full_text=False),
    Attributes("2021-01", "PMC", "J. <b>", full_text=True),
    Attributes(),
]


@pytest.mark.parametrize(
    ("filters", "papers"),
    [
        (Filters(), {0, 1, 2, 3}),
        (Filters(published_from="2020-04"), {1, 2}),
        (Filters(published_to="2020-03-12"), {1}),
        (Filters(published_from="2020-03-13", published_to="2020"), {0, 1}),
        (Filters(published_from="0000", published_to="9999"), {0, 1, 2}),
        (Filters(sources=("pmc",)), {0, 2}),
        (Filters(sources=("WHO", "medline")), {0, 1}),
        (Filters(journals=("PLOS ONE",)), {0, 1}),
        (Filters(journals=("PLoS",)), set()),
        (Filters(journals=("J. <b>", "")), {2}),
        (Filters(full_text=True), {0, 2}),
        (Filters("2020", "2020", ("PMC", "WHO"), ("plos one",), full_text=True), {0}),
        (Filters(published_from="2022"), set()),
        (Filters(sources=("x" * 70_000,)), set()),
    ],
)
def test_filters_leave_passages_out_and_change_no_score(
    tmp_path: Path, filters: Filters, papers: set[int]
) -> None:
    texts = [f"{'fever ' * (1 + n % 7)} in case {n}" for n in range(80)]
    passages = [("Fever", "", text, PAPERS[n % 4]) for n, text in enumerate(texts)]
    build_keywords(passages, tmp_path / "k")
    keywords = KeywordIndex(tmp_path / "k")
    query = keywords.query("Who had fever?")
    everything = keywords.search(query, 80)
    assert len(everything) == 80
    expected = [hit for hit in everything if hit.passage_id % 4 in papers]
    found = keywords.search(query, 80, filters)
    assert {hit.passage_id: hit.score for hit in found} == {
        hit.passage_id: hit.score for hit in expected
    }
    scores = [hit.score for hit in keywords.search(query, 5, filters)]  # the best of them
    assert scores == [hit.score for hit in expected[:5]]


def test_a_question_without_a_known_word_finds_nothing_among_some(keywords: KeywordIndex) -> None:
    assert keywords.search(keywords.query("zebra ?!"), 10, Filters(full_text=True)) == []


def test_a_damaged_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexingError, match="is not a keyword index"):
        KeywordIndex(tmp_path)
    build_keywords(PASSAGES, tmp_path / "k")
    (tmp_path / "k" / "meta.json").write_text("{")
    with pytest.raises(IndexingError, match="build the index again"):
        KeywordIndex(tmp_path / "k")
    shutil.rmtree(tmp_path / "k")
    with pytest.raises(IndexingError):
        KeywordIndex(tmp_path / "k")


def test_an_index_that_cannot_be_written_where_nothing_else_can_either_is_not_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_keywords(PASSAGES, tmp_path / "k")
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(ShortageError, match=r"k cannot be written, .* in TMPDIR$") as caught:
        KeywordIndex(tmp_path / "k")
    assert "build" not in str(caught.value)
    (tmp_path / "gone").mkdir()
    assert KeywordIndex(tmp_path / "k").size


def test_an_index_that_cannot_be_written_is_searched_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_keywords([("Masks", "", "Masks were worn.", UNKNOWN)], tmp_path / "keywords")
    (tmp_path / "keywords" / ".tantivy-meta.lock").unlink(missing_ok=True)
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    index = KeywordIndex(tmp_path / "keywords")
    assert [hit.passage_id for hit in index.search(index.query("masks"), 1)] == [0]
    assert not (tmp_path / "keywords" / ".tantivy-meta.lock").exists()


@pytest.mark.parametrize(
    ("question", "unknown"),
    [
        ("A receptor of SARS-CoV-2 in a cell?", ()),  # cells, by its stem
        ("Is mollnupiravir transmitting droplets or Paxlovid?", ("mollnupiravir", "Paxlovid")),
        ("Droplets, masks and cytokines", ()),  # of titles too
        ("IL-6, IL-99 and ACE-2?", ()),  # a part is known, or both joined
        ("BNT162-b2 and its BNT162-b2", ("BNT162-b2",)),
        ("Why isn’t the virus's RNA what it was in 2020?", ("RNA",)),
        ("冠状病毒 传播途径", ("传播途径",)),
        ("... ?", ()),
    ],
)
def test_words_that_no_passage_has(
    keywords: KeywordIndex, question: str, unknown: tuple[str, ...]
) -> None:
    assert keywords.unknown(question) == unknown
