import re
from pathlib import Path

import pytest

from index.corpora.cleaning import clean, clean_abstract, without_stray_stops
from index.corpora.titles import clean_heading, clean_title

# Lines as they stand in papers of bioRxiv and medRxiv.
WATERMARKS = Path(__file__).with_name("watermarks.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize("watermark", WATERMARKS)
@pytest.mark.parametrize("times", [1, 3])
def test_a_watermark_goes_and_the_words_around_it_stay(watermark: str, times: int) -> None:
    marks = " ".join([watermark] * times)
    cleaned = clean(f"The virus stays in the {marks} air for 3 hours.")
    assert re.sub(r"^(The virus stays in the)[ .]*", r"\1 ", cleaned) == (
        "The virus stays in the air for 3 hours."
    )
    assert clean(marks).strip(" .") == ""  # a paragraph of nothing else
    assert clean(f"It rose by 2.5. {marks}").rstrip(" .") == "It rose by 2.5"
    assert clean(f"{marks} Figure 2 shows it.").lstrip(" .") == "Figure 2 shows it."


@pytest.mark.parametrize(
    "text",
    [
        "In another preprint by Ahn et al. it was 2.7.",
        "Results will be disseminated through peer-reviewed publications.",
        "The data set, which was not peer-reviewed, was posted as a preprint.",
        "Our code is made available under a permissive license.",
        "Our preprint (https://doi.org/10.1101/152850) shows the same.",  # authors cite their own
        "As shown in a preprint (bioRxiv 152850), it is the author who is first.",
        "We thank the copyright owner for the license to reprint it.",
        "It was reserved for patients. No reuse of masks was allowed.",
        "It is the preprint. The author is the funder. It is the license.",
    ],
)
def test_authors_own_words_stay(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (
            "SARS-related ( Figure 5(A) ) , as in [1] [2] ) .",
            "SARS-related (Figure 5(A)), as in [1] [2]).",
        ),
        ("R 0 = 2 . 6 ( 95 % CI, 2 . 4 - 2 . 8 )", "R 0 = 2.6 (95 % CI, 2.4 - 2.8)"),
        ("as in Figure 7 . 175 A", "as in Figure 7 . 175 A"),
        ("as described 24 . To inhibit", "as described 24 . To inhibit"),
        ("<strong>Screening</strong>: <i>in silico</i> a<b", "Screening: in silico a<b"),
        (
            "software.</p> <p><b>Results</b>: p<0.05 and p>0.01",
            "software. Results: p<0.05 and p>0.01",
        ),
        ('a <span class="x">mask</span>, <br/>twice', "a mask, twice"),
        ("PaO[sub]2[/sub] of [i]S. aureus[/i] [sub] [i]", "PaO2 of S. aureus [sub] [i]"),
        ("10<sup>3</sup> cells, CO<sub>2</sub>, masks<sup>3</sup>", "10^3 cells, CO2, masks3"),
        ('Here we <a></a><a>dock</a> at <a href="https://x.org/#/a">x</a>', "Here we dock at x"),
        ("\uf062-globin 5\uf0a2 at 37\uf0b0C \uf0b1 1 \uf0fe", "β-globin 5′ at 37°C ± 1"),
        ("ORF identi\ufb01cation \u115f", "ORF identification"),
    ],
)
def test_debris_of_markup_and_of_fonts(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Abstract Background The outbreak of", "Background The outbreak of"),
        ("AbstractMasks help.", "Masks help."),
        ("Abstract art is helped by masks.", "Abstract art is helped by masks."),
        (
            "BackgroundTonsillitis hurts.ConclusionIt goes.",
            "Background: Tonsillitis hurts. Conclusion: It goes.",
        ),
        ("infection.IMPORTANCE MERS-CoV is", "infection. IMPORTANCE MERS-CoV is"),
        ("of [p = 0.025].METHODS: PubMed", "of [p = 0.025]. METHODS: PubMed"),
        ("Methodology and ResultsBased.Methodology", "Methodology and ResultsBased.Methodology"),
    ],
)
def test_abstracts(text: str, cleaned: str) -> None:
    assert clean_abstract(text) == cleaned


def test_line_numbers_go_from_abstracts_also_where_their_digits_are_apart() -> None:
    line = "words that fill a line of some 60 characters in a manuscript"
    numbered = " ".join(f"{line} {' '.join(str(n))}" for n in range(335, 347))
    assert clean_abstract(numbered) == " ".join([line] * 12)


@pytest.mark.parametrize(
    "address",
    [
        "https: //doi.org/10.1101 //doi.org/10. /2020",
        "https: //doi.org/10.1101 //doi.org/10. /2020 //doi.org/10. .02.04.20020461",
        "https://doi.org /10.1101 /10. /2020",
        "https://doi.org /10.1101 /10. /2020 the https://doi.org /10.1101 /10. /2020",
        "https://doi.org/10. 1101 /2020",
        "https://doi.org/10. 1101",
        "https://doi. org/10.1101/190769",
        "https://doi. org/10.1101 org/10. /2020",
        "https://doi. org/10.1101org/10. /2020",
    ],
)
def test_addresses_of_preprints_that_came_apart_go(address: str) -> None:
    assert clean(f"Many were {address} ill.") == "Many were ill."
    assert clean(f"Many were. {address} ill.") == "Many were ill."
    assert clean(f"Many were ill. {address} Some died.") == "Many were ill. Some died."
    assert clean(f"{address} . Many were ill. {address}") == "Many were ill."
    assert clean(address) == ""


@pytest.mark.parametrize(
    "text",
    [
        "See https://doi.org/10.1101/2020.02.04.20020479 and https://doi.org/10.1016/1.",
        "See https://doi org/10 1186/s41077-020-00141-13 too.",
    ],
)
def test_other_addresses_stay(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("attack rates and the.\nseverity rose", "attack rates and the severity rose"),
        ("three of. these are. likely", "three of these are likely"),
        ("It is on. Then it is off.", "It is on. Then it is off."),
        ("Conditions: a. toluene, 4 in. below, (a.a. 1), a.m. in", None),
        ("(S2)\na. mice; 773 a.\nb. rats", None),
        ("It rose to a level.\nthen fell", None),
    ],
)
def test_stray_full_stops_go(text: str, cleaned: str | None) -> None:
    assert without_stray_stops(text) == (cleaned or text)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("56 o C, 37 • C, 5.6ºC, 30 oC, 4˚C, 100 • F", "56°C, 37°C, 5.6°C, 30°C, 4°C, 100°F"),
        ("at 37 °C, 3 or C, Table 2 • Cells", "at 37 °C, 3 or C, Table 2 • Cells"),
        ("‹=3, < =0.5, age >=65, > = 6, CRP [>=] 20", "≤3, ≤0.5, age ≥65, ≥ 6, CRP ≥ 20"),
        ("S2=<D2>=<1/2>, <=~8, a => b", "S2=<D2>=<1/2>, <=~8, a => b"),
    ],
)
def test_signs(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("20 0 days (IQR 17 0-24 0), 18 4%", "20.0 days (IQR 17.0-24.0), 18.4%"),
        (
            "7 23 mutations, p=0 0043, of 3 046 and 279 000",
            "7.23 mutations, p=0.0043, of 3 046 and 279 000",
        ),
        ("(HR 0 19 [95% CI 0 02-1 65])", "(HR 0.19 [95% CI 0.02-1.65])"),
        ("MD=-42 806 and -38 70%, p<0 001", "MD=-42 806 and -38.70%, p<0.001"),
        (">=10 50% tissue culture dose", "≥10 50% tissue culture dose"),  # no sign of a loss
        ("of 10 50% doses, p=0 0043 or 0.5", "of 10 50% doses, p=0 0043 or 0.5"),  # not all lost
    ],
)
def test_lost_decimal_points_come_back(text: str, cleaned: str) -> None:
    assert clean_abstract(text) == cleaned


def test_control_characters_and_white_space() -> None:
    assert clean("a\x00b\tc\r\nd\x85e\u2028f\ud800g\uffffh") == "a b c d e f g h"
    assert clean(" a\xa0 \u2009b\u3000") == "a b"
    assert clean("knowl\u00adedge of corona\u200bviruses\ufeff") == "knowledge of coronaviruses"
    assert clean("ab\u202ecd\u202c \u2066ef\u2069") == "abcd ef"  # would turn the page around
    assert clean("e\u0301 👩\u200d🔬 मान") == "e\u0301 👩\u200d🔬 मान"  # joiners have a meaning
    assert clean("") == clean("\x00 \n") == ""


@pytest.mark.parametrize("space", ["\u205f", "\u1680", "\x85", "\u2028", "\x0b", "\x1f", "\u3000"])
def test_white_space_of_any_kind_is_one_space(space: str) -> None:
    assert clean(f"Masks{space * 3}help") == "Masks help"
    assert clean_title(f"{space}Masks in{space * 900}three wards") == "Masks in three wards"
    assert clean_heading(f"2.1{space * 2}Methods{space * 900}112") == "Methods"
