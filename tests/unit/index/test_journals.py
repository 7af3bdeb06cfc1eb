"""Which names of journals are brought together, and which are not."""

import random
import time
from itertools import combinations

import pytest

from index import journals as journals_module
from index.filters import name_key
from index.journals import Journals, words_of

SAME = [
    ["J Med Virol", "J. Med. Virol.", "Journal of Medical Virology", "JOURNAL OF MEDICAL VIROLOGY"],
    ["Lancet", "The Lancet", "lancet."],
    ["Emerg Infect Dis", "Emerging Infect. Dis.", "Emerging Infectious Diseases"],
    ["J Infect Dis", "J. Infect. Dis.", "The Journal of Infectious Diseases"],
    ["Sci Rep", "Scientific Reports", "Scientific reports"],
    ["Disaster Medicine & Public Health Preparedness", "Disaster Med Public Health Prep"],
    ["N Engl J Med", "N. Engl. J. Med.", "The New England Journal of Medicine"],
    ["Crit Care", "Critical Care"],
    ["Virus Res.", "Virus Research"],
    ["J R Soc Interface", "Journal of The Royal Society Interface"],
    ["Asia Pac J Oncol Nurs", "Asia-Pacific Journal of Oncology Nursing"],
    [
        "Proc. Natl. Acad. Sci. U.S.A.",
        "Proceedings of the National Academy of Sciences of the United States of America",
    ],
]
APART = [
    ["Vaccine", "Vaccines"],
    ["Cell", "Cells", "Cellular"],
    ["Virus", "Viruses", "Virol"],
    ["Gene", "Genes", "Genetics"],
    ["Lancet", "Lancet Infect Dis", "Lancet Oncol"],
    ["J Intern Med", "JAMA Intern Med"],
    ["J Ophthalmol", "JAMA Ophthalmology"],
    ["J Card Surg", "Journal of Cardiothoracic Surgery"],
    ["Pharm Res", "Pharmacognosy Res", "Pharmacognosy Research"],
    ["Mol Pharm", "Mol Pharmacol", "Molecular Pharmacology"],
    ["Health Policy", "Healthcare Policy"],
    ["Global Health", "Globalization and Health"],
    ["Cancer Research", "Cancers Research"],
    ["J Infect", "J Infect Dis", "Journal of Infectious Diseases"],
    ["Medicine (Baltimore)", "Medicine"],
    ["Neuro Oncology", "Neurology Oncology"],
    ["Int Med", "Internal Medicine"],
]


@pytest.mark.parametrize("names", SAME, ids=lambda names: str(names[0]))
def test_spellings_of_one_journal_are_one(names: list[str]) -> None:
    journals = Journals.of(names)
    assert len({journals.journal(name) for name in names}) == 1
    keys = {name_key(name) for name in names}
    for name in names:
        assert set(journals.spellings(name)) == keys


@pytest.mark.parametrize("names", APART, ids=lambda names: str(names[0]))
def test_other_journals_stay_apart(names: list[str]) -> None:
    journals = Journals.of(names)
    joined = {
        (one, other)
        for one, other in combinations(names, 2)
        if journals.journal(one) == journals.journal(other)
    }
    assert joined <= {
        ("Pharmacognosy Res", "Pharmacognosy Research"),
        ("Mol Pharmacol", "Molecular Pharmacology"),
        ("J Infect Dis", "Journal of Infectious Diseases"),
    }


def test_an_abbreviation_that_fits_several_journals_stands_for_none() -> None:
    both = ["J Neurol", "Journal of Neurology", "Journal of Neurologists"]
    assert Journals.of(both).spellings("J Neurol") == ("j neurol",)
    assert len(Journals.of(both[:2]).spellings("J Neurol")) == 2


def test_a_spelling_that_no_paper_has_finds_those_of_the_same_words() -> None:
    journals = Journals.of(["J. Med. Virol.", "Journal of Medical Virology"])
    both = ("j. med. virol.", "journal of medical virology")
    assert journals.spellings("the journal of medical virology") == both
    assert journals.spellings(" j  MED virol ") == both
    assert journals.spellings("Nowhere") == ("nowhere",)


def test_names_without_words_are_no_journal_or_their_own() -> None:
    journals = Journals.of(["", " ", "The", "In", "&", "--"])
    assert journals.spellings("The") == ("the",)
    assert journals.spellings("&") == ("&",)
    assert journals.spellings("") == ("",)
    assert words_of("") == ()


def test_each_spelling_is_of_one_journal() -> None:
    pick = random.Random(3)
    words = [
        "a",
        "cell",
        "cells",
        "cellular",
        "med",
        "medical",
        "medicine",
        "virol",
        "virology",
        "j",
    ]
    names = {" ".join(pick.choices(words, k=pick.randint(1, 4))) for _ in range(3_000)}
    journals = Journals.of(names)
    spelled = [key for keys in journals.keys.values() for key in keys]
    assert sorted(spelled) == sorted(names)
    for name in names:
        assert name in journals.spellings(name)
        assert {journals.spellings(key) for key in journals.spellings(name)} == {
            journals.spellings(name)
        }


def test_many_journals_take_little_time() -> None:
    pick = random.Random(4)
    stems = ["".join(pick.choices("bcdfgklmnprst", k=6)) for _ in range(3_000)]
    full = [
        "Journal of " + " ".join(f"{stem}ology" for stem in pick.sample(stems, 2))
        for _ in range(10_000)
    ]
    names = full + [name.replace("Journal of", "J").replace("ology", "ol") for name in full]
    names += [f"Abcdefgh{n} Research" for n in range(1_000)] + ["Abcdefgh Res"]
    start = time.process_time()
    journals = Journals.of(names)
    assert time.process_time() - start < 5  # a third of a second where nothing else runs
    assert len(journals.keys) < 11_100


def test_names_that_begin_alike_are_compared_so_often_and_stand_for_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half of them may be short for the others by the first word, and never by the second."""
    compared: list[str] = []
    is_short = journals_module._is_short

    def noted(short: str, word: str) -> bool:
        compared.append(word)
        return is_short(short, word)

    monkeypatch.setattr(journals_module, "_is_short", noted)
    monkeypatch.setattr(journals_module, "_MOST_COMPARED", 50)
    names = [f"abcd{n} x{n}" for n in range(1_000)] + [f"abc b{n}" for n in range(1_000)]
    both = ["Abc Xyl", "Abcd999 Xylophone"]
    journals = Journals.of([*names, *both, "Emerg Infect Dis", "Emerging Infectious Diseases"])
    assert len(compared) <= 50 * len(journals.keys)
    assert [name[0] for name in journals.stands_for] == ["emerg"]
    assert len(Journals.of(both).keys) == 1
