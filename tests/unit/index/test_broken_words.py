import pytest

from index.corpora.broken_words import without_broken_words


def joined(text: str, elsewhere: str = "") -> str:
    return without_broken_words([text, elsewhere])[0]


@pytest.mark.parametrize(
    ("text", "elsewhere", "whole"),
    [
        ("an environ- mental risk", "Environmental risks", "an environmental risk"),
        ("Inter- feron was", "of interferon", "Interferon was"),
        ("in‐ creasing", "increasing", "increasing"),
        ("a long- term risk", "long-term", "a long-term risk"),
        ("SARS- CoV-2 and COVID- 19", "COVID-19 SARS-CoV-2", "SARS-CoV-2 and COVID-19"),
        ("a 2- fold rise", "2-fold", "a 2-fold rise"),
        ("co- infections", "co-infections, co-infections, coinfections", "co-infections"),
        ("co- infections", "co-infections, coinfections, coinfections", "coinfections"),
        ("of COVID- 19", "", "of COVID-19"),  # needs no evidence
        ("the cur- rent rate", "it is currently 2", "the current rate"),
        ("of pneu- monia", "pneumonias", "of pneumonia"),
    ],
)
def test_a_word_is_joined_as_the_paper_has_it(text: str, elsewhere: str, whole: str) -> None:
    assert joined(text, elsewhere) == whole


@pytest.mark.parametrize(
    ("text", "elsewhere"),
    [
        ("pre- and post-operative", "preand pre-and"),
        ("short- or long-term, two- to three-fold", "two-to shortor"),
        ("prä- und postoperativ", "präund"),
        ("an environ- mental risk", ""),  # nothing tells
        ("the pro- tested", "protein; tested"),  # a word begins alike, but a part is one too
        ("epidemio- As of", "epidemioas"),  # what interrupts begins anew
        ("older- Persons", "olderpersons"),
        ("T- sk", "tsk"),
        ("of 1- 2 days", "1-2 days"),
        ("masks - as they are - help", "maskas"),
        ("environ-mental -mental - mental", "environmental"),
    ],
)
def test_what_is_not_certain_stays(text: str, elsewhere: str) -> None:
    assert joined(text, elsewhere) == text


def test_where_many_words_are_broken_so_are_those_that_nothing_tells() -> None:
    words = ["environ- mental", "influ- enza", "mil- lion", "sec- ond", "pos- sible", "peri- ods"]
    words += ["lit- tle", "the- ory"]
    text = " ".join([*words, *(word.replace("- ", "") for word in words)])
    assert joined("domi- nant", text) == "dominant"
    assert joined("pre- and domi- As", text) == "pre- and domi- As"
    assert joined("virus- mental", f"{text} virus") == "virus- mental"
    assert joined("domi- nant", text.removeprefix(words[0])) == "domi- nant"


def test_a_broken_word_is_no_evidence_of_itself() -> None:
    assert joined("a vac- cine, the vac- cine") == "a vac- cine, the vac- cine"
    assert without_broken_words([]) == []
