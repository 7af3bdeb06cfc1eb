import pytest

from service.cautions import (
    ANIMALS,
    ASKED,
    CLAIM,
    HEDGE,
    LABORATORY,
    NEGATION,
    PREPRINT,
    RULES,
    animals_studied,
    cautions,
    retraction,
)


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
        ("The EC50 was 2.89 µM.", ["Laboratory"]),
        ("IC50s and CC 50 were low.", ["Laboratory"]),
        ("A titre of 102.8 TCID50/mL was left.", ["Laboratory"]),
        ("It neutralised a pseudotyped virus.", ["Laboratory"]),
        ("Pseudoviruses were made.", ["Laboratory"]),
        ("The ECC500 was bought.", []),
        ("A not negligible number, a not uncommon one, died.", []),  # idioms
        ("The old man is not the exception.", []),
        ("It was not rarely seen, and not unusual.", []),
        ("How it works is not well understood.", ["Hedged"]),
        ("There is no doubt that it helps.", []),
        ("Treat it no later than 5 days after.", []),
        ("It was shorter than in no LPV/r treatment group.", []),  # those who were given none
        ("Atazanavir, combined or not with ritonavir, helped.", []),  # in either case
        ("Ask whether or not it helps.", []),
        ("It came late, or not at all.", ["Negated"]),
        ("There was no doubt, but no benefit.", ["Negated"]),
        ("It is not the cause.", ["Negated"]),
        ("Is it the best choice?", ["Asked"]),
        ('They asked "why?"', ["Asked"]),
        ("Why? It helps.", []),
        ("Gnotobiotic calves were given 0.5 mg/kg.", ["Animals"]),
        ("Horses, goats and sheep had it.", ["Animals"]),
        ("Poultry, civets, kittens and marmosets had it.", ["Animals"]),
        ("PEDV spread.", ["Animals"]),
        ("Pain in the calf, a herd effect, and work in Turkey.", []),
        ("Patients with avian A(H7N9) influenza-related severe ARDS died.", []),
        ("Human Avian Influenza A is severe.", []),
        ("Avian flu came before the new virus.", []),
        ("Avian influenza A(H7N9) was found in 12 patients.", []),
        ("Avian influenza was found on a farm.", ["Animals"]),
        ("Varicella zoster (chicken pox) is one.", []),
        ("Allergy to chicken eggs is one.", []),
        ("Chickens laid eggs.", ["Animals"]),
        ("The Pangolin lineage B.1 is one.", []),
        ("The Pangolin nomenclature is one.", []),
        ("The pangolin is one.", ["Animals"]),
        ("Cat scratch disease is one, cat-scratch fever another.", []),
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
    assert RULES == (NEGATION, HEDGE, CLAIM, ASKED, ANIMALS, LABORATORY)
    assert len({rule.name for rule in RULES} | {PREPRINT.name}) == 7
    assert len({rule.meaning for rule in RULES} | {PREPRINT.meaning}) == 7


@pytest.mark.parametrize(
    ("journal", "title", "words"),
    [
        ("J. Vet. Intern. Med.", "Research Communications", "Vet"),
        ("BMC Veterinary Research", "", "Veterinary"),
        ("Veterans' Health", "Covetous velvet", ""),
        ("", "Zinc in pre-weaned dairy calves: a trial", "in pre-weaned dairy calves"),
        ("", "Pathogenesis of FIP in cats", "of FIP in cats"),
        ("", "SARS-CoV-2 in golden Syrian hamsters", "in golden Syrian hamsters"),
        ("", "MERS at the camel-human interface", ""),
        ("", "Influenza in pigs and humans", ""),
        ("", "Leptospirosis in patients and in rats", ""),
        ("", "Opinions of dogs' owners", ""),
        ("", "Genome of Nairobi sheep disease virus", ""),
        ("", "Bats as reservoirs", ""),
    ],
)
def test_a_paper_tells_that_it_is_about_animals(journal: str, title: str, words: str) -> None:
    assert animals_studied(journal, title) == words
    marks = cautions("The stay was 31 hours.", preprint=False, journal=journal, title=title)
    assert [(mark.name, mark.words) for mark in marks] == ([("Animals", words)] if words else [])


def test_a_sentence_about_people_is_not_marked_for_its_paper() -> None:
    title = "Influenza in ferrets"
    assert not cautions("In people it took 3 days.", preprint=False, title=title)
    (mark,) = cautions("In mice it took 3 days.", preprint=False, title=title)
    assert (mark.words, mark.meaning) == ("mice", ANIMALS.meaning)


@pytest.mark.parametrize(
    ("title", "mark"),
    [
        ("[Retracted: Clinical characteristics of 34 children].", "Retracted"),
        ("RETRACTED: Hydroxychloroquine or chloroquine", "Retracted"),
        ("[RETRACTED] A trial", "Retracted"),
        ("RETRACTED ARTICLE: A trial", "Retracted"),
        ("A trial [retracted article]", "Retracted"),
        ("A trial (Retracted)", "Retracted"),
        ("[WITHDRAWN: A trial].", "Retracted"),
        ("Retraction: A trial", "Retracted"),
        ("Retraction notice to “A trial”", "Retracted"),
        ("Retraction Note to: A trial", "Retracted"),
        ("Retraction of “A trial”", "Retracted"),
        ("Expression of Concern: A trial", "Expression of concern"),
        ("Editorial Expression of Concern: A trial", "Expression of concern"),
        ("Effective method of gallbladder retraction", ""),  # what surgeons do
        ("Retraction of the lung", ""),
        ("Retracted eyelids in Graves disease", ""),
        ("Withdrawal of life support", ""),
        ("Why papers are retracted", ""),
    ],
)
def test_a_title_tells_that_its_paper_was_retracted(title: str, mark: str) -> None:
    found = retraction(title)
    assert (found.name if found else "") == mark
    assert found is None or found.grave


def test_a_mark_tells_where_its_words_stand() -> None:
    sentence = "It could, and might, not be so."
    for mark in cautions(sentence, preprint=False):
        assert mark.place is not None
        assert sentence[slice(*mark.place)] == mark.words
    (of_paper,) = cautions("It took 3 days.", preprint=False, title="Influenza in ferrets")
    assert of_paper.place is None
