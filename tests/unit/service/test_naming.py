import time

import pytest

from service.naming import COVID, COVID_ALONE, Name, Words, is_named, names_in


@pytest.mark.parametrize(
    "text",
    [
        *("COVID-19", "covid19", "Covid", "SARS-CoV-2", "SARS‐CoV‐2", "SARS CoV 2", "SARS-CoV2"),
        *("2019-nCoV", "2019 nCoV", "nCoV", "HCoV-19", "novel coronavirus", "new corona virus"),
        *("2019 novel coronavirus", "coronavirus disease 2019", "Coronavirus Disease"),
        "severe acute respiratory syndrome coronavirus 2",
        "SARS - CoV - 2",
    ],
)
def test_covid_is_known_in_all_usual_spellings(text: str) -> None:
    assert COVID.search(f"It was {text}.")


@pytest.mark.parametrize("text", ["nCoV", "novel coronavirus", "new corona virus", "SARS-CoV"])
def test_what_may_name_another_virus_is_not_covid_alone(text: str) -> None:
    assert not COVID_ALONE.search(f"It was {text}.")
    assert COVID_ALONE.search(f"It was the {text}, 2019-nCoV.")


@pytest.mark.parametrize("text", ["SARS-CoV", "SARS-CoV (2003)", "MERS", "a coronavirus", "HCoV"])
def test_other_viruses_are_not_covid(text: str) -> None:
    assert not COVID.search(f"It was {text}.")


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("How long is it?", []),  # what opens a sentence has a capital anyhow
        ("Is it so? Masks help.", []),
        ("What was it in Iceland in 2021?", ["Iceland", "2021"]),
        ("How many died in the United States?", ["United States"]),  # one name
        ("Does IL-6 bind ACE2?", ["IL-6", "ACE2"]),
        ("ARDS mortality", ["ARDS"]),
        ("Did tocilizumab and dexamethasone help?", ["tocilizumab", "dexamethasone"]),  # endings
        ("What is COVID-19 caused by SARS-CoV-2?", []),  # has a mark of its own
        ("What is the coronavirus disease 2019?", []),
        ("WHAT IS THE RATE IN ICELAND?", []),  # capitals tell nothing
        ("What Did The Recovery Trial Find?", []),
        ("Does vitamin D help?", []),  # one letter
        *((covid, []) for covid in ("COVID-19", "SARS-CoV-2?", "omicron", "?")),  # no other word
    ],
)
def test_a_question_names_what_has_capitals_digits_or_a_drugs_ending(
    question: str, names: list[str]
) -> None:
    assert [name.text for name in names_in(question)] == names


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ACE2", "the receptor ACE-2"),
        ("ACE-2", "the receptor ACE2"),
        ("ACE2", "angiotensin-converting enzyme 2"),
        ("ARDS", "acute respiratory distress syndrome"),
        ("ECMO", "extracorporeal membrane oxygenation"),  # a letter within a word
        ("RT-PCR", "real-time PCR"),
        ("ICUs", "in intensive care units"),
        ("ICU", "the critically ill"),
        ("UK", "the United Kingdom"),
        ("United Kingdom", "in the UK"),
        ("United States", "American hospitals"),
        ("USA", "in the United States of America"),
        ("IL-6", "interleukin 6"),
        ("R0", "the reproductive number"),
        ("RNA", "viral shedding in stool"),  # that is what is measured
        ("RNA", "a positive RT-PCR"),
        ("Italy", "Italian patients"),
        ("Wuhan", "in Wuhan's hospitals"),
        ("mRNA", "messenger RNA"),
        ("Remdisivir", "remdesivir was given"),  # misspelt
        ("remdesivir", "RDV was given"),
        ("HCQ", "hydroxychloroquine was given"),
        ("SARS-related", "as in SARSr-CoV"),
        ("Guillain-Barré", "Guillain-Barre syndrome"),
        ("2020", "published in 2020"),
    ],
)
def test_a_name_counts_in_another_form(name: str, text: str) -> None:
    assert is_named(Name(name), Words.of(text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Iceland", "Ireland and Greenland"),  # two letters away, and another first letter
        ("Greg Mortimer", "Greg was there"),  # both of its words
        ("chloroquine", "hydroxychloroquine was given"),  # another drug
        ("BA.5", "lineage B.1"),
        ("H5N1", "H1N1"),
        ("NEPTUNE-19", "COVID-19"),
        ("2021", "in 2020"),
    ],
)
def test_another_name_is_not_taken_for_it(name: str, text: str) -> None:
    assert not is_named(Name(name), Words.of(text))


def test_a_word_opens_a_sentence_behind_whatever_stands_before_it() -> None:
    asked = "... Masks? (Gowns) help: Visors, Gloves_Boots _Hats"
    assert [name.text for name in names_in(asked)] == ["Gloves_Boots", "Hats"]


def test_a_question_of_nothing_but_names_has_a_few() -> None:
    assert len(names_in(" ".join(f"x{n}Y" for n in range(100)))) == 20
    began = time.process_time()
    for n in range(40):
        names_in(f"{'.' * 330}{n}{' a' * 83}")
    assert time.process_time() - began < 1  # 2.3 s, were it quadratic


def test_a_species_is_named_by_the_initial_of_its_genus() -> None:
    (name,) = names_in("What resists Staphylococcus aureus?")
    assert is_named(name, Words.of("MRSA is a resistant S. aureus."))
    assert not is_named(name, Words.of("a resistant E. coli"))
