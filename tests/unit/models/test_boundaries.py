import random
import unicodedata

import pytest

from models.boundaries import tidy, trimmed


def _tidied(text: str, part: str) -> str:
    start = text.index(part)
    left, right = tidy(text, start, start + len(part))
    return text[left:right]


def _trimmed(text: str, part: str) -> str:
    start = text.index(part)
    left, right = trimmed(text, *tidy(text, start, start + len(part)))
    return text[left:right]


@pytest.mark.parametrize(
    ("text", "part", "whole"),
    [
        ("the coronaviruses are", "corona", "coronaviruses"),
        ("the coronaviruses are", "virus", "coronaviruses"),
        ("of SARS-CoV-2 in", "CoV", "SARS-CoV-2"),  # hyphens hold a name together
        ("of SARS‑CoV‑2 in", "SARS", "SARS‑CoV‑2"),  # non-breaking hyphens too
        ("took 5.1 days", "5", "5.1"),
        ("took 5.1 days", "1 days", "5.1 days"),
        ("in 1,099 patients", "099", "1,099"),
        ("in 10% of", "10", "10%"),
        ("in 37.5°C water", "37", "37.5°C"),
        ("in 2–14 days", "14 days", "2–14 days"),  # half of a range would mislead
        ("a drop of -0.5 or", "5", "-0.5"),  # the sign is part of the number
        ("cost $5 each", "5", "$5"),
        ("p<0.05 is", "0.05", "<0.05"),  # so is what it is compared by
        ("a P-value < 0.05 is", "0.05", "< 0.05"),
        ("for >10 days", "10 days", ">10 days"),
        ("in 10 % of", "10", "10 %"),
        ("at (34) 34 °C", "34 °C", "34 °C"),
        ("at 34 °C and", "34", "34 °C"),
        ("beta5 and", "5", "beta5"),
        ("the patient's age", "patient", "patient's"),
        ("IL_6 level", "6", "IL_6"),
        ("cafe\u0301 noir", "caf", "cafe\u0301"),  # a combining accent stays on its letter
        ("cafe\u0301 noir", "cafe", "cafe\u0301"),
        ("हिन्दी भाषा", "ह", "हिन्दी"),  # vowel signs are marks
        ("新型冠状病毒肺炎", "冠状", "冠状"),  # no spaces: characters are words of their own
        ("👩\u200d🔬 works", "👩", "👩\u200d🔬"),  # one emoji of three code points
    ],
)
def test_words_are_never_cut(text: str, part: str, whole: str) -> None:
    assert _tidied(text, part) == whole


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("fever, cough", "fever"),
        ("fever and/or cough", "cough"),  # a slash parts words
        ("days.The next", "days"),  # a missing space after a full stop
        ("a - b", "a"),
        ("in 10 °Celsius of", "10"),
        ("p < x is", "x"),
        ("page 5-", "5"),
    ],
)
def test_whole_words_stay_as_they_are(text: str, part: str) -> None:
    assert _tidied(text, part) == part


@pytest.mark.parametrize(
    ("text", "part", "tidied"),
    [
        ("it was fever.", " fever.", "fever"),
        ("(fever, cough)", "(fever,", "fever"),  # the bracket's other half is outside
        ("the virus (ACE2) binds", "(ACE2)", "(ACE2)"),  # a pair stays
        ("by ACE2) or", "ACE2)", "ACE2"),
        ("enzyme 2 (ACE2) binds", "enzyme 2 (ACE2", "enzyme 2 (ACE2)"),  # closed right behind
        ("enzyme 2 (ACE2) binds", "enzyme 2 (", "enzyme 2"),
        ("number (R0) of 2 - 2.5", "R0) of 2", "(R0) of 2"),  # opened right before
        ("number (R0) of 2 - 2.5", "R0)", "(R0)"),
        ("(83%), and 21%)", "83%), and 21%", "(83%), and 21%"),
        ("(83% of 9), and 21%", "of 9), and 21%", "of 9"),  # not opened in the answer
        ("in a third) because (of this)", "a third) because (of", "a third"),
        ("R0 3.11 (95%CI 2.4-4.1) was", "3.11 (95%CI", "3.11 (95%CI 2.4-4.1)"),
        (
            "age [OR 2; 95% CI (1 to 4)] and",
            "age [OR 2; 95% CI (1 to 4)",
            "age [OR 2; 95% CI (1 to 4)]",
        ),
        ("age (OR 2; and so on.\nThen (1)", "age (OR 2", "age"),  # closed nowhere near
        ('so-called "tropical" infections', 'tropical" infections', '"tropical" infections'),
        ('the so-called "tropical"', 'so-called "tropical', 'so-called "tropical"'),
        ('called "cytokine storm" by', '"cytokine storm', "cytokine storm"),
        ('called "cytokine storm" by', '"cytokine storm"', '"cytokine storm"'),
        ("in the U.S. and", "the U.S.", "the U.S."),  # initials keep their stop
        ("was 5.1. Then", "5.1.", "5.1"),
        ("rate .05, then", ".05,", ".05"),
        ("– fever 。", "– fever 。", "fever"),
        ("a ... b", "...", "..."),  # nothing else there: as it was
    ],
)
def test_edges_are_tidied(text: str, part: str, tidied: str) -> None:
    assert _tidied(text, part) == tidied


@pytest.mark.parametrize(
    ("text", "part", "tidied"),
    [
        ("at [44.6%], or", "[44.6%]", "44.6%"),  # brackets around all of it are not its own
        ("in four (80%).", "(80%)", "80%"),
        ("as (a1) or (a2) is", "(a1) or (a2)", "(a1) or (a2)"),
        ("DM, 0.5 mg kg−1 day−1) showed", "0.5 mg kg−1 day", "0.5 mg kg−1 day−1"),
        ("(3.8, 95%CI: 3.4-4.2) or", "3.8, 95%CI", "3.8"),  # where is the interval?
        ("(3.8, 95% CrI: 3.4-4.2) or", "3.8, 95%", "3.8"),
        ("is 1.6; 95% CI [1.3–1.8], P", "1.6; 95% CI", "1.6"),
        ("is 1.6 (95% CI 1.3–1.8), P", "1.6 (95% CI 1.3–1.8)", "1.6 (95% CI 1.3–1.8)"),
        ("in 95% CIs of it", "95% CIs", "95% CIs"),  # nothing else there
        ("with the 95% CI of it", "the 95%", "the 95%"),
        ("an OR of 1.6 95% CI 1.3–1.8", "1.6 95%", "1.6"),
        ("via 1) droplets and/or 2) close", "droplets and/or 2", "droplets"),
        ("that is: 1) a lack, 2) no", "1) a lack, 2)", "a lack"),
        ("(in groups 1 and 2) were", "groups 1 and 2", "groups 1 and 2"),
        ("Do so. 4. Wash hands often", "4. Wash hands", "Wash hands"),
        ("mask (Figure 1) and", "1) and", "1"),
        ("(PaO2/FiO2<=100) ARDS", "100", "<=100"),
        ("a ratio >= 100 or", "100", ">= 100"),
        ("a ratio >= 100 or", "= 100", ">= 100"),
        ("if R = 5 or", "5", "5"),
        ("the death of Dr Li Wenliang in", "Dr", "Dr Li Wenliang"),
        ("told Dr. Anthony S. Fauci, who", "Dr", "Dr. Anthony S. Fauci"),
        ("the Dr said", "Dr", "Dr"),
    ],
)
def test_nothing_of_the_text_around_an_answer_stays(text: str, part: str, tidied: str) -> None:
    assert _trimmed(text, part) == tidied


@pytest.mark.parametrize(
    ("text", "part", "tidied"),
    [
        ("named SARS-CoV-2 4 . Until", "SARS-CoV-2 4", "SARS-CoV-2"),
        ("79.6% of the genome 5 . One", "79.6% of the genome 5", "79.6% of the genome"),
        ("found in bats 7, 18 , and", "in bats 7, 18", "in bats"),
        ("R0 at 3.0. 17", "3.0. 17", "3.0"),
        ("from 0 to 25. 7 .", "0 to 25. 7", "0 to 25"),
        ("was 25. 7 days", "25. 7", "25. 7"),
        ("found in bats 7 in", "bats 7", "bats 7"),  # no mark of punctuation says that it is one
        ("by SARS CoV 2 . The", "SARS CoV 2", "SARS CoV 2"),
        ("diabetes type 2 . The", "type 2", "type 2"),
        ("on March 20 , the", "on March 20", "on March 20"),
        ("enzyme 2 , the", "enzyme 2", "enzyme 2"),
        ("number R 0 , the", "R 0", "R 0"),
        ("of MgCl 2 , and", "MgCl 2", "MgCl 2"),
        ("at biosafety level 3 .", "level 3", "level 3"),
        ("at this level 3 .", "level 3", "level"),
        ("was 2 .", "2", "2"),
    ],
)
def test_the_number_of_a_citation_is_no_part_of_an_answer(
    text: str, part: str, tidied: str
) -> None:
    assert _trimmed(text, part) == tidied


def test_a_gene_sequence_is_not_one_word() -> None:
    text = "ACGT" * 1000
    assert tidy(text, 2000, 2004) == (2000, 2004)


def test_any_range_of_any_text_stays_a_range() -> None:
    pieces = [*'a5 .,-–%°C$()[]"“”«»\n\0', "新", "e\u0301", "👩\u200d🔬", "ש", "\ud800", "\u200d"]
    draw = random.Random(0)
    for _ in range(3000):
        text = "".join(draw.choices(pieces, k=draw.randint(1, 12)))
        start = draw.randrange(len(text))
        end = draw.randint(start + 1, len(text))
        left, right = tidy(text, start, end)
        assert 0 <= left < right <= len(text)
        first, last = trimmed(text, left, right)
        assert left <= first < last <= right
        for cut in (left, right):
            if 0 < cut < len(text):  # no edge between two letters, or before an accent
                assert not (text[cut - 1] in "ae5" and text[cut] in "ae5")
                if unicodedata.combining(text[cut]):
                    assert not text[cut - 1].isalpha()
