import pytest

from service.cautions import ANIMALS, CLAIM, HEDGE, LABORATORY, NEGATION, PREPRINT, RULES, cautions


def names(sentence: str) -> list[str]:
    return [mark.name for mark in cautions(sentence, preprint=False)]


@pytest.mark.parametrize(
    ("sentence", "marks"),
    [
        ("The median incubation period was 5.1 days.", []),
        ("There is no evidence that masks harm.", ["Negated"]),
        ("The drug did not shorten the illness.", ["Negated"]),
        ("It doesn’t last.", ["Negated"]),
        ("They found a lack of benefit.", ["Negated"]),
        ("The trial failed to show it.", ["Negated"]),
        ("It protects not only staff but patients.", []),  # it claims both
        ("Sample no. 5 was positive.", []),  # a number
        ("The nodes were normal.", []),  # letters within a word
        ("Not surprisingly, we found that the estimate rose.", []),  # nothing is denied
        ("Infectivity was compared with that in the absence of the serum.", []),  # a condition
        ("The presence or absence of diarrhoea was recorded.", []),
        ("The absence of a relationship was striking.", ["Negated"]),
        ("Former smokers fared worse than people who never smoked.", []),  # a kind of people
        ("In patients with a normal airway awake intubation should be avoided.", ["Negated"]),
        ("Patients are advised to avoid ibuprofen.", ["Negated"]),
        ("Clinicians should generally avoid nebulisers.", ["Negated"]),
        ("Avoid crowds.", ["Negated"]),
        ("Avoiding the use of steroids is recommended.", ["Negated"]),
        ("Wash your hands to avoid infection.", []),  # a purpose
        ("Infection was avoided by masks.", []),
        ("Steroids are contraindicated.", ["Negated"]),
        ("We give heparin unless contraindicated.", []),
        ("Travel was discouraged, then prohibited.", ["Negated"]),
        ("Data cleaning takes prohibitively long.", []),
        ("Hydroxychloroquine was ineffective.", ["Negated"]),
        ("Hydroxychloroquine is ineffective against it.", ["Negated"]),
        ("They counted ineffective triggering.", []),  # a name
        ("A bacterial infection was ruled out.", ["Negated"]),
        ("The test is used to rule out sepsis.", []),
        ("The panel recommends strongly against ivermectin.", ["Negated"]),
        ("The vaccine protects against it.", []),
        ("It was unable to bind ACE2.", ["Negated"]),
        ("Zinc had little effect.", ["Negated"]),
        ("The receptor is absent in mice.", ["Negated", "Animals"]),
        ("Masks may help.", ["Hedged"]),
        ("It is likely airborne.", ["Hedged"]),
        ("Smokers were 1.45 times more likely to die.", []),  # a finding
        ("It began in May 2020.", []),  # the month
        ("These data suggest a benefit.", ["Hedged"]),
        ("A possible link was seen.", ["Hedged"]),
        ("Masks were worn as soon as possible after delivery.", []),
        ("Markets were named as possible sources.", ["Hedged"]),
        ("It was found in mice.", ["Animals"]),
        ("The virus came from horseshoe bats.", ["Animals"]),
        ("A RAT was done after the CAT scan.", []),  # a rapid antigen test, a picture
        ("A kit (Biogerm, Cat# SJ-HX-226-1,2, Shanghai) was used.", []),  # of a catalogue
        ("Serum (Cat. No. 7) and IgG (Cat DA0930) were used.", []),
        ("The antibody (Cat No 12) bound.", []),
        ("The cat no longer ate.", ["Negated", "Animals"]),
        ("The swine flu of 2009 spread widely.", []),  # an illness of people
        ("Swine influenza was found on a farm.", ["Animals"]),
        ("The rate was high in adults.", []),
        ("It inhibited the virus in vitro.", ["Laboratory"]),
        ("There are also rumours that it was made in a laboratory.", ["Claimed"]),
        ("Some accused it of causing autism.", ["Claimed"]),
        ("A claim that masks harm is a myth.", ["Claimed"]),
        ("Of the insurance claims, 4% were late.", []),
        ("Vero E6 cells were infected.", ["Laboratory"]),
        ("Molecular docking found a candidate.", ["Laboratory"]),
        (
            "It may not help in mice or in vitro.",
            ["Negated", "Hedged", "Animals", "Laboratory"],
        ),
    ],
)
def test_a_sentence_gets_the_marks_that_its_words_ask_for(sentence: str, marks: list[str]) -> None:
    assert names(sentence) == marks


def test_a_mark_shows_the_word_that_it_is_there_for() -> None:
    (mark,) = cautions("It could, and might, be so.", preprint=False)
    assert (mark.name, mark.words, mark.meaning) == ("Hedged", "could", HEDGE.meaning)


def test_a_preprint_is_marked_whatever_it_says() -> None:
    assert cautions("It was so.", preprint=True) == (PREPRINT,)
    assert [m.name for m in cautions("It may be so.", preprint=True)] == ["Hedged", "Preprint"]


def test_each_mark_has_a_name_and_a_meaning_of_its_own() -> None:
    assert RULES == (NEGATION, HEDGE, CLAIM, ANIMALS, LABORATORY)
    assert len({rule.name for rule in RULES} | {PREPRINT.name}) == 6
    assert len({rule.meaning for rule in RULES} | {PREPRINT.meaning}) == 6
