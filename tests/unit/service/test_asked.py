"""Marks beside an answer because of its question."""

import pytest

from service.asked import asked_cautions
from service.cards import cautions_of
from service.statements import asked_by, statement_of
from tests.fake_app import make_answer, make_paper


def marks(question: str, text: str, section: str = "", **paper: str) -> list[str]:
    """Return the marks for an answer in a passage, in which it stands in brackets."""
    fields = {"title": "A paper", "journal": "", "authors": "", "publish_time": ""} | paper
    answer = make_answer(make_paper(**fields), section, text)
    return [str(mark) for mark in asked_cautions(question, answer)]


@pytest.mark.parametrize(
    ("text", "title", "time", "marked"),
    [
        ("It lasts [[5 days]] in gout.", "Gout", "", True),
        ("It lasts [[5 days]] in gout.", "Gout of 2003", "2004", True),
        ("It lasts [[5 days]]. COVID-19 does.", "Illness", "", False),  # elsewhere in the passage
        ("It lasts [[5 days]].", "The 2019-nCoV", "", False),
        ("In the pandemic it lasts [[5 days]].", "Illness", "2020-05", False),  # there is but one
        ("In the pandemic it lasts [[5 days]].", "Illness", "2010", True),  # another
    ],
)
def test_covid_must_be_named_where_it_is_asked_for(
    text: str, title: str, time: str, marked: bool
) -> None:
    found = marks("How long does COVID-19 last?", text, title=title, publish_time=time)
    assert found == (["COVID-19 not named"] if marked else [])
    assert not marks("How long does it last?", text, title=title, publish_time=time)


def test_names_of_the_question_must_be_there() -> None:
    question = "What was the rate of flu in Iceland in 2020?"
    assert marks(question, "It was [[3%]].") == ["Not named: “Iceland, 2020”"]
    assert marks(question, "It was [[3%]].", "Icelandic data", publish_time="2020") == []
    assert marks(question, "In Iceland it was [[3%]] in 2020.") == []


@pytest.mark.parametrize(
    ("question", "answer", "mark"),
    [
        ("What is the dose of it?", "4.3 ± 3.2 days", "Not a dose: “4.3 ± 3.2 days”"),
        ("What is the dose of it?", "8 mg for 3 days", ""),
        ("What is the dose of it?", "0.64 ng/mL", "Not a dose: “0.64 ng/mL”"),
        ("Does the second dose of it help in 7 days?", "5 days", ""),  # asks for no dose
        ("How long does it last?", "14%", "Not a duration: “14%”"),
        ("How long does it last?", "weeks to months", ""),
        ("How many days does it last?", "five", ""),
        ("What proportion died?", "2.4 times more", "Not a share: “2.4 times”"),
        ("What proportion died?", "3 of 10", ""),
        ("What proportion died?", "41", ""),  # a number without a unit may be one
        ("How far does it fly?", "6.4 days", "Not a distance: “6.4 days”"),
        ("What temperature kills it?", "30 min", "Not a temperature: “30 min”"),
        ("How many died?", "3.6%", ""),  # a share tells how many
        ("How many died?", "3 days", "Not a count: “3 days”"),
        ("What is the median age?", "41 years", ""),
        ("What is the median age?", "41%", "Not an age: “41%”"),
        ("How many died?", "Lots", "No number"),
        ("How many died?", "none", ""),
        ("What is the basic reproduction number?", "R 0", "No number"),
        ("What is the efficacy of it?", "higher than before", ""),  # says how much in words
        ("What is the dose of it?", "chloroquine", "No number"),
        ("zinc dose in children", "chloroquine", "No number"),  # put as to a search
        ("zinc dose in children", "3 days", "Not a dose: “3 days”"),
        ("zinc dose in children", "3 mg", ""),
        ("second dose of zinc", "chloroquine", ""),
        ("serial interval", "a time between onsets", "No number"),
        ("What is the binding affinity of zinc?", "its receptor", "No number"),
        ("What is the viral load in stool?", "its receptor", "No number"),
        ("What is the viral load in stool?", "highest at first", ""),
        ("What is the odds ratio of death?", "gout", "No number"),
        ("What is the mutation rate?", "a substitution", "No number"),
        ("What is the time from onset to death?", "onset", "No number"),
        ("What is the effect of zinc on mortality?", "good", ""),  # asks for no amount
        ("effect of zinc dose on children", "good", ""),
        ("Does zinc dose in children matter?", "It does", ""),
        ("Why did they die?", "old age", ""),
        ("When was it found?", "lately", ""),  # asks for no amount
    ],
)
def test_an_amount_must_be_of_the_kind_that_is_asked_for(
    question: str, answer: str, mark: str
) -> None:
    assert marks(question, f"It was [[{answer}]].") == ([mark] if mark else [])


@pytest.mark.parametrize(
    ("text", "source", "marked"),
    [
        ("[[from symptom 26 onset]] to that of {} the next 27 one.", "BioRxiv", True),
        ("That of the 25 first, {} the next [[is symptom 26 onset]] of it.", "MedRxiv", True),
        ("[[from symptom 26 onset]] to that of {} the next 27 one.", "PMC", False),
        ("[[from symptom 26 onset]] to that of the next 27 one.", "BioRxiv", False),  # too near
        ("[[from symptom 26 onset]] to that of {} the next 28 one.", "BioRxiv", False),
        ("[[from 26 patients]] to that of {} the next 27 one.", "BioRxiv", False),
        ("[[from symptom 26 to 3 ]]onset of {} the next 27 one.", "BioRxiv", False),
    ],
)
def test_the_number_of_a_printed_line_is_no_amount(text: str, source: str, marked: bool) -> None:
    passage = text.format("infectors " * 6)
    found = marks("What is the serial interval?", passage, source=source)
    assert found == ["No number"] * marked


@pytest.mark.parametrize(
    ("question", "text", "mark"),
    [
        ("Does it help?", "We aimed to show whether it [[helps]].", "We aimed to"),
        ("Does it help?", "The aim of this study was to see if it [[helps]].", None),
        ("Does it help?", "OBJECTIVES: To evaluate whether it [[helps]].", "OBJECTIVES: To evalu"),
        ("Does it help?", "To evaluate it, we treated 9, and it [[helps]].", ""),  # and was found
        ("Does it help?", "Main Outcomes and Measures: [[death]].", "Main Outcomes and Measures:"),
        ("What is the aim?", "We aimed to show whether it [[helps]].", ""),  # that is asked
        ("How was it defined?", "The rate is defined as [[a share]].", ""),
        ("What is gout?", "Gout is defined as [[an arthritis]].", ""),  # asks for no amount
        ("What is the attack rate?", "The rate was calculated as [[few of all]].", "was calculat"),
        ("What is the attack rate?", "The rate was calculated as [[3%]].", ""),  # which is found
        ("Does it help?", "We aimed to see. " * 40 + "It [[helps]].", ""),
        ("Does it help?", "We aimed to see " * 40 + "if it [[helps]].", ""),  # a run-on
    ],
)
def test_an_aim_is_no_finding(question: str, text: str, mark: str | None) -> None:
    found = marks(question, text)
    if mark == "":
        assert found == []
    else:
        assert found[0].startswith(f"Aim or method: “{mark or ''}")


@pytest.mark.parametrize(
    ("question", "text", "marked"),
    [
        ("Which drugs do not inhibit it?", "[[Zinc]] inhibits it.", True),
        ("Which drugs don’t inhibit it?", "[[Zinc]] inhibits it.", True),
        ("Which of these drugs cannot inhibit it?", "[[Zinc]] inhibits it.", True),
        ("Which drugs fail to inhibit it?", "[[Zinc]] inhibits it.", True),
        ("Which drugs have no effect?", "[[Zinc]] has an effect.", True),
        ("Which drugs are ineffective?", "[[Zinc]] is effective.", True),
        ("What is not a symptom?", "[[Fever]] is a symptom.", True),
        ("Who should not be vaccinated?", "[[All]] should be vaccinated.", True),
        ("Which surfaces does the virus not survive on?", "It survives on [[steel]].", True),
        ("Who should not be vaccinated?", "[[All]] must not only be vaccinated.", True),
        ("What do patients not take?", "They refuse to take [[tablets]].", False),
        ("Which drugs do not inhibit it?", "[[Zinc]] does not inhibit it.", False),
        ("Which drugs do not inhibit it?", "It is resistant to [[zinc]].", False),
        ("Which drugs do not inhibit it?", "With [[zinc]] it was unaffected.", False),
        ("Which drugs inhibit it?", "[[Zinc]] inhibits it.", False),
        ("Which drugs inhibit not only this one?", "[[Zinc]] inhibits it.", False),
        ("Which drugs are not only cheap?", "[[Zinc]] inhibits it.", False),
        ("Why do children not have it?", "[[Few receptors]] are there.", False),  # asks for a cause
        ("Is it not so?", "[[It]] is so.", False),  # may be answered either way
        ("Which drugs help those without fever?", "[[Zinc]] helps.", False),
    ],
)
def test_who_asks_for_what_is_not_so_is_told_where_nothing_is_denied(
    question: str, text: str, marked: bool
) -> None:
    assert marks(question, text) == ["Not negated"] * marked


def test_long_texts_take_no_longer_than_they_must() -> None:
    for hostile in ("which " * 40_000, "which do " + "a " * 40_000, "who " + "-" * 80_000):
        assert marks(hostile[:1000], "[[Zinc]] helps.") == []
        assert marks("Which do not help?", f"[[Zinc]] {hostile} helps.") == ["Not negated"]


def test_a_question_brings_its_marks_before_those_of_the_sentence() -> None:
    answer = make_answer(make_paper(title="[Retracted: Gout]"), "", "It may be [[5 days]] in mice.")
    names = [mark.name for mark in cautions_of(answer, "What is the dose for COVID-19 in Peru?")]
    assert names == [
        *("Retracted", "COVID-19 not named", "Not named", "Not a dose"),
        *("Hedged", "Animals"),
    ]
    assert [m.name for m in cautions_of(answer)] == ["Retracted", "Hedged", "Animals"]


def test_answers_are_grouped_without_the_marks_of_the_question() -> None:
    answer = make_answer(make_paper(title="Flu"), "", "It is [[5 days]].")
    assert statement_of(answer, asked_by("How long is COVID-19 in Peru?")).marks == ()
