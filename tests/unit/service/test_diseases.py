"""The mark of an answer whose sentence is about another disease."""

import time

import pytest

from service.asked import asked_cautions
from service.diseases import OTHER_DISEASE, other_disease
from service.evidence import evidence_of
from tests.fake_app import make_answer, make_paper
from tests.making import never, of

LAST = "How long does COVID-19 last?"


def words(text: str, question: str = LAST, title: str = "A paper", time: str = "2020-05") -> str:
    """Return the words of the mark for an answer that stands in brackets, "" without a mark."""
    paper = make_paper(title=title, journal="", authors="", publish_time=time)
    mark = other_disease(question, make_answer(paper, "", text))
    assert mark is None or mark.name == OTHER_DISEASE
    return mark.words if mark else ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("In SARS it lasts [[5 days]].", "SARS"),
        ("In SARS-CoV and MERS‐CoV infection it lasts [[5 days]].", "SARS-CoV, MERS‐CoV"),
        ("SARS-CoV-1 lasts [[5 days]].", "SARS-CoV-1"),
        ("SARS in 2003 lasted [[5 days]].", "SARS"),
        ("Of 22 SARS 21 patients lasted [[5 days]].", "SARS"),
        (
            "Severe acute respiratory syndrome lasts [[5 days]].",
            "Severe acute respiratory syndrome",
        ),
        ("SARS-related pneumonia lasts [[5 days]].", "SARS"),
        ("Middle East respiratory syndrome (MERS) coronavirus lasts [[5 days]].", None),
        ("H7N9 and avian influenza last [[5 days]].", "H7N9, avian influenza"),
        ("The flu, measles, Ebola and Zika last [[5 days]].", "flu, measles, Ebola"),  # the first
        ("MERS-CoV, by which MERS is meant, lasts [[5 days]].", "MERS-CoV"),  # once
        ("In the H1N1 pandemic it lasted [[5 days]].", "H1N1"),
        ("Pandemic influenza lasts [[5 days]].", "influenza"),
        ("Human coronavirus 229E lasts [[5 days]].", "229E"),
        ("It lasts [[5 days]].", ""),
        ("In gout it lasts [[5 days]].", ""),
        ("In HIV it lasts [[5 days]].", "HIV"),
        ("In those with HIV, diabetes or cancer it lasts [[5 days]].", ""),  # what they have, too
        ("Given HIV protease inhibitors it lasts [[5 days]].", ""),
        ("In Marburg, Germany, it lasts [[5 days]].", ""),
        ("In Marburg virus disease it lasts [[5 days]].", "Marburg virus"),
        ("Influenza-like symptoms last [[5 days]].", ""),
        ("The influenza vaccine lasts [[5 days]].", ""),
        ("A SARS-like virus lasts [[5 days]].", ""),
        ("Bat SARS-related coronaviruses last [[5 days]].", ""),
        ("Anti-influenza drugs last [[5 days]].", ""),
        ("Patients negative for influenza had it for [[5 days]].", ""),
        ("Haemophilus influenzae lasts [[5 days]].", ""),
    ],
)
def test_the_sentence_names_another_disease(text: str, found: str | None) -> None:
    expected = "Middle East respiratory syndrome (MERS) coronavirus" if found is None else found
    assert words(text) == expected


@pytest.mark.parametrize(
    "name",
    [
        *("COVID-19", "SARS-CoV-2", "SARS CoV 2", "SARS‐CoV‐2", "SARSCoV2", "SARS-CoV- 2"),
        *("SARS-coronavirus-2", "SARS-CoV-II", "SARS-CoV-1/2", "SARS-248 CoV-2", "SARS-2"),
        *("severe acute respiratory syndrome coronavirus 2", "2019-nCoV", "CoV-19"),
        *("this novel virus", "the new disease", "the current outbreak", "the coronavirus"),
        *("the pandemic", "lockdown"),
    ],
)
def test_a_sentence_that_names_covid_is_about_it(name: str) -> None:
    assert words(f"In {name} it lasts [[5 days]].") == ""
    assert words(f"In {name}, SARS and influenza it lasts [[5 days]].") == ""


def test_only_papers_of_its_time_mean_covid_by_other_words() -> None:
    text = "In the pandemic, influenza lasts [[5 days]]."
    assert words(text) == ""
    assert words(text, time="2010") == "influenza"
    assert words(text, time="", title="COVID-19") == ""  # of no date
    assert words(text, time="", title="Flu") == "influenza"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It lasts [[5 days]], longer than in SARS.", ""),
        ("It lasts [[5 days]], as compared with 3 in SARS and 2 in MERS.", ""),
        ("Unlike SARS it lasts [[5 days]].", ""),
        ("Like SARS it lasts [[5 days]].", ""),
        ("Diseases like SARS last [[5 days]].", "SARS"),  # an example
        ("It lasts 2 days, compared with [[5 days]] in SARS.", "SARS"),  # which is the answer
        ("MERS lasts [[5 days]], longer than SARS.", "MERS"),
        (f"It is longer than {'ever ' * 20} SARS of [[5 days]].", "SARS"),  # too far off
    ],
)
def test_what_is_only_compared_with_is_not_what_a_sentence_is_about(text: str, found: str) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("question", "marked"),
    [
        ("How long does it last?", True),
        ("What proportion of SARS-CoV-2 infections lasts?", True),
        ("How long do viruses last?", False),
        ("How long do coronaviruses last?", False),
        ("How long do infections last?", False),
        ("How long does measles last?", False),  # of one, so of others
        ("Is COVID-19 longer than flu?", False),
        ("How long does the cowpox virus last?", True),
        ("How long does hantavirus last?", False),
        ("How long does parvovirus last?", False),
        ("How long does the coronavirus last?", True),
        ("How long does it last in bats?", False),
        ("How long does COVID-19 last in bats?", True),
        ("Who is at risk of co-infection with COVID-19?", False),
        ("Does oseltamivir shorten it?", False),
        ("", False),
    ],
)
def test_the_question_may_be_of_others(question: str, marked: bool) -> None:
    assert words("In MERS it lasts [[5 days]].", question) == ("MERS" if marked else "")


@pytest.mark.parametrize(
    ("text", "title", "found"),
    [
        ("It lasts [[5 days]].", "MERS in Korea", "MERS"),
        ("It lasts [[5 days]].", "The stay in MERS-CoV and influenza", "MERS-CoV, influenza"),
        ("It lasts [[5 days]].", "The stay in gout", ""),
        ("It lasts [[5 days]].", "COVID-19, SARS and MERS", ""),
        ("It lasts [[5 days]]. So it is in COVID-19.", "MERS in Korea", ""),
        ("It lasts [[5 days]]. So it is in the pandemic.", "MERS in Korea", ""),
        ("In Ebola it lasts [[5 days]].", "MERS in Korea", "Ebola"),  # of the sentence first
        ("It lasts [[5 days]].", "Longer than in SARS", ""),
    ],
)
def test_the_title_names_another_disease(text: str, title: str, found: str) -> None:
    assert words(text, title=title) == found
    assert words(text, "How long does MERS last?", title=title) == ""


def test_one_mark_tells_that_it_is_not_about_covid() -> None:
    paper = make_paper(title="Flu", journal="", authors="", publish_time="2010")
    answer = make_answer(paper, "", "In MERS it lasts [[5 days]].")
    assert [str(mark) for mark in asked_cautions(LAST, answer)] == ["Another disease: “MERS”"]
    assert asked_cautions("", answer) == ()


def test_another_disease_is_no_evidence_of_this_one() -> None:
    answers = [
        of(1, "It takes 5 days.", "5 days"),
        of(2, "In MERS it takes 5 days.", "5 days"),
        of(3, "MERS took 5 days.", "5 days"),
        of(4, "In SARS it takes 5 days.", "5 days"),
        of(5, "In measles it takes 12 days.", "12 days"),
    ]
    found = evidence_of(answers, never, LAST)
    (group,) = found.agreeing
    assert [answer.passage.id for answer in group.answers] == [2, 3]
    assert group.marks == (OTHER_DISEASE,)
    assert found.spreads == ()
    asked = evidence_of(answers, never, "How long does measles take?")  # others may be asked for
    assert [len(group.answers) for group in asked.agreeing] == [4]
    assert len(asked.spreads) == 1


def test_long_texts_take_no_longer_than_they_must() -> None:
    for hostile in ("SARS-CoV-" * 20_000, "than " * 40_000, "SARS than " * 20_000, "CoV " * 40_000):
        assert words(f"{hostile} [[5 days]]") in {"", "SARS-CoV", "SARS"}
        assert words("MERS: [[5 days]]", f"How {hostile[:500]}?") in {"", "MERS"}
    began = time.process_time()
    assert words(f"{'HIV-' * 10_000} [[5 days]]") == "HIV"
    assert time.process_time() - began < 1  # 15 s, were it quadratic
