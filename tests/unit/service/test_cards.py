from dataclasses import replace

import pytest

from service.cards import Card, cautions_of, long_date, paper_link, paper_links, short_authors
from tests.fake_app import ANSWERS, make_answer, make_paper


def test_a_card_splits_the_passage_around_the_answer() -> None:
    card = Card.of(1, ANSWERS[0], 0.5)
    assert card.before + card.answer + card.after == ANSWERS[0].passage.text
    assert card.answer == "5.1 days (95% CI, 4.5 to 5.8 days)"
    assert card.scores == (("Final", 0.875), ("Reader", 0.94), ("Retrieval", 0.81))
    assert card.reader_part + card.retrieval_part == pytest.approx(0.875)


def test_the_answer_stands_in_its_sentence() -> None:
    card = Card.of(1, ANSWERS[0], 0.5)
    lead, answer, tail = ("".join(piece.text for piece in part) for part in card.parts)
    assert lead == "The median incubation period of COVID-19 was estimated to be "
    assert answer == card.answer
    assert tail.startswith(", and 97.5%")
    assert tail.endswith("within 11.5 days of infection.")


@pytest.mark.parametrize(
    ("marked", "emphasised"),
    [
        ("It is not very likely that [[it spreads]].", [["not:Negated", "likely:Hedged"], [], []]),
        ("It may [[not spread]], says no one.", [["may:Hedged"], ["not:Negated"], []]),
        ("It [[spreads]], but not far.", [[], [], ["not:Negated"]]),
        ("It has n[[o effect]].", [["n:Negated"], ["o:Negated"], []]),  # cut by the answer
        ("It is [[not well understood]].", [[], ["not well understood:Hedged"], []]),
        ("It was found in mice: [[it spreads]].", [[], [], []]),  # other marks turn nothing round
    ],
)
def test_words_that_deny_or_doubt_stand_out_in_the_sentence(
    marked: str, emphasised: list[list[str]]
) -> None:
    card = Card.of(1, make_answer(make_paper(), "", f"Before. {marked} After."), 0.5)
    said = [[f"{one.text}:{one.mark}" for one in part if one.mark] for part in card.parts]
    assert said == emphasised
    text = "".join(piece.text for part in card.parts for piece in part)
    assert text == marked.replace("[[", "").replace("]]", "")


def test_an_answer_is_called_by_its_readers_score() -> None:
    readers = (0.0, 0.19, 0.2, 0.49, 0.5, 1.0)
    cards = [Card.of(1, replace(ANSWERS[0], reader_score=score), 0.5) for score in readers]
    assert [card.chance for card in cards] == [
        *("doubtful", "doubtful", "possible", "possible", "likely", "likely"),
    ]


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        ({}, ["DOI"]),
        ({"pmcid": "PMC7081172", "pubmed_id": "32150748"}, ["DOI", "PMC", "PubMed"]),
        ({"doi": "none", "pmcid": "PMC1/../x", "pubmed_id": "1 OR 1"}, []),  # but a URL
        ({"doi": "", "url": ""}, ["Search Europe PMC"]),
        ({"doi": "", "url": "", "pmcid": "PMC1"}, ["PMC"]),
        ({"doi": "", "url": "", "title": ""}, []),
        ({"doi": "", "url": "", "title": '".'}, []),
    ],
)
def test_a_paper_can_be_read_where_its_record_says(ids: dict[str, str], names: list[str]) -> None:
    assert [link.name for link in paper_links(make_paper(**ids))] == names


def test_a_paper_without_an_address_is_searched_for_by_its_title() -> None:
    title = '[Does the "new" virus\\n spread: R&D, 5% more?]'
    (link,) = paper_links(make_paper(doi="", url="", title=title))
    assert link.address == (
        "https://europepmc.org/search"
        "?query=%22Does%20the%20new%20virus%20n%20spread%20R%26D%205%20more%22"
    )
    assert paper_link(make_paper(doi="", url="", title=title)) is None  # it is only a search


def test_an_answer_is_marked_for_the_animals_of_its_paper_but_not_in_its_introduction() -> None:
    answer = replace(ANSWERS[0], paper=make_paper(title="Fever in dogs"))
    introduced = replace(answer, passage=replace(answer.passage, section="1 Introduction"))
    marks = [[mark.name for mark in cautions_of(one)] for one in (answer, introduced)]
    assert marks == [["Animals"], []]


@pytest.mark.parametrize(
    ("question", "marked"),
    [
        ("How long does fever last?", True),
        ("What is the origin of it?", False),
        ("Do dogs have fever?", False),
        ("Where did the fever come from?", False),
        ("Which species have it?", False),
        ("What is its intermediate host?", False),
        ("Is it zoonotic?", False),
        ("Which host proteins cause fever?", True),
        ("", True),
    ],
)
def test_who_asks_about_animals_is_not_told_of_them(question: str, marked: bool) -> None:
    answer = make_answer(make_paper(title="Fever in dogs"), "", "It lasts [[5 days]] in mice.")
    assert [mark.name for mark in cautions_of(answer, question)] == ["Animals"] * marked


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "Journal article"),
        ({"journal": "bioRxiv", "source": "BioRxiv"}, "Preprint"),
        ({"journal": "", "source": "MedRxiv; WHO"}, "Preprint"),
        ({"journal": "", "source": "WHO"}, ""),  # nobody knows
    ],
)
def test_preprints_are_told_from_journals(changes: dict[str, str], kind: str) -> None:
    answer = replace(ANSWERS[0], paper=make_paper(doi="", **changes))
    card = Card.of(1, answer, 0.5)
    assert card.kind == kind
    assert ("Preprint" in [mark.name for mark in card.cautions]) == (kind == "Preprint")


@pytest.mark.parametrize(
    ("doi", "url", "link"),
    [
        ("10.7326/M20-0504", "https://a.example/", "https://doi.org/10.7326/M20-0504"),
        ("10.1016/S0140-6736(20)30183-5", "", "https://doi.org/10.1016/S0140-6736(20)30183-5"),
        ('10.1000/"><script>?#', "", "https://doi.org/10.1000/%22%3E%3Cscript%3E%3F%23"),
        ("", "https://a.example/x; https://b.example/", "https://a.example/x"),
        ("", "ftp://a.example/; http://b.example/", "http://b.example/"),
        ("10.x", "", None),
        ("10.1101/2020.02", "https://doi.org/10.1101/2020.02", None),  # cut off: leads nowhere
        (
            "10.1101/2020.02",
            "https://doi.org/10.1101/2020.02; http://b.example/",
            "http://b.example/",
        ),
        ("10.1101/2020.02.07.937862", "", "https://doi.org/10.1101/2020.02.07.937862"),
        ("javascript:alert(1)", "javascript:alert(1)", None),
        ("", "data:text/html,x", None),
        ("", "//a.example/", None),
        ("", "https://", None),
        ("", "http://[broken", None),
        ("", "", None),
    ],
)
def test_only_web_addresses_become_links(doi: str, url: str, link: str | None) -> None:
    assert paper_link(make_paper(doi=doi, url=url)) == link


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2020-03-13", "13 March 2020"),
        ("2020-03-01", "1 March 2020"),
        ("2020-12", "December 2020"),
        ("2020", "2020"),
        ("", ""),
        ("2020-13", "2020-13"),
        ("2020-02-30", "2020-02-30"),
        ("0000-01", "0000-01"),
        ("spring 2020", "spring 2020"),
    ],
)
def test_dates_are_written_with_their_own_precision(written: str, shown: str) -> None:
    assert long_date(written) == shown


@pytest.mark.parametrize(
    ("authors", "shown"),
    [
        ("", ""),
        ("Li, Qun", "Li, Qun"),
        ("A, B; C, D; E, F", "A, B; C, D; E, F"),
        ("A, B; C, D; E, F; ; G, H;", "A, B; C, D; E, F and 1 more"),
        ("Yujun, #; ¶; 1#, Edward Emmott", "Yujun; Edward Emmott"),  # marks of footnotes
    ],
)
def test_long_lists_of_authors_are_cut(authors: str, shown: str) -> None:
    assert short_authors(authors) == shown
