import re
import time
from pathlib import Path

import pytest

from index.corpora.cleaning import (
    clean,
    clean_abstract,
    clean_heading,
    clean_journal,
    clean_title,
    is_back_matter,
    is_contents,
    without_authors,
    without_stray_stops,
    without_title,
)

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
    "text",
    [
        "All rights reserved. No reuse allowed without permission. " + "is the " * 5_000 + "end",
        "author/funder " + "It . " * 20_000,
        "preprint " + "https://doi.org/10.1101/1 " * 2_000,
        "preprint https://doi.org/10.1101/" + "1 . " * 20_000,
        "author/funder" + " " * 50_000 + "x",
        "preprint " + "The copyright holder for this preprint (" * 2_000,
        ". " * 20_000 + "https: //doi.org/10.1101 " * 5_000,
        "https: //doi.org/10.1101" + " //doi.org/10. /2020" * 5_000,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    started = time.perf_counter()
    clean(text)
    assert time.perf_counter() - started < 3  # the first took longer than the universe is old


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
    ("title", "cleaned"),
    [
        ("Title: Masks in three wards of one hospital", "Masks in three wards of one hospital"),
        ("Title 42 and the masks", "Title 42 and the masks"),
        (
            "Masks in three wards of one hospital Short running title: Masks",
            "Masks in three wards of one hospital",
        ),
        (
            "Masks in three wards of one hospital # Corresponding authors: 1 7",
            "Masks in three wards of one hospital",
        ),
        (
            "West et al. (2020) Running title: Masks in three wards",
            "West et al. (2020) Running title: Masks in three wards",
        ),
        ("Masks and the evolution of wards 2 3 4", "Masks and the evolution of wards"),
        ("Masks worn in one 1 ward of a hospital 2", "Masks worn in one ward of a hospital"),
        ("Full Title: Masks of type 2 in wards 3 Short title: 4 M", "Masks of type 2 in wards 3"),
        ("2 Masks in all the wards 3 of one. 4 5 18", "Masks in all the wards of one."),
        ("Title 1 Masks in three of all wards 2 3 Authors 4", "Masks in three of all wards"),
        ("Title Masks in wards", "Masks in wards"),
        ("P a g e Masks in wards", "Masks in wards"),
        ("D R A F T Masks in wards", "Masks in wards"),
        ("Running title: Masks in wards", "Masks in wards"),
        ("Original Article: Masks in wards", "Masks in wards"),
        ("Article type: Research Article Title: Masks in wards", "Masks in wards"),
        ("MASKS IN ALL OF OUR WARDS A PREPRINT", "MASKS IN ALL OF OUR WARDS"),
        ("Masks in all of our wards Abbreviations: M: mask", "Masks in all of our wards"),
        ("Masks in all of our wards Authors", "Masks in all of our wards"),
        ("Masks in all of our wards AUTHORS: A Nurse", "Masks in all of our wards"),
        *[
            (title, title)
            for title in (
                "Herpes simplex virus types 1 and 2",
                "Genotype 3 and Genotype 4 and what they do",
                "Report 6 (reporting week ending at 7 March)",
                "Masks from 1 % to 2 %",
                "Original articles on masks",
                "What an author of all of these wards can do",
            )
        ],
    ],
)
def test_titles(title: str, cleaned: str) -> None:
    assert clean_title(title) == cleaned


@pytest.mark.parametrize(
    ("journal", "cleaned"),
    [
        ("J Clin Med. 2020 Mar 13", "J Clin Med"),
        ("Lancet. 2020 Mar 11. pii: S0140-6736(20)30566-3. doi:", "Lancet"),
        ("Radiology. 2020 Feb 12:200343. doi: 10.1148/radiol.2020200343.", "Radiology"),
        ("Chin Med J (Engl). 2020 Feb 28. doi: 10.1097/CM9.0000000000000775.", "Chin Med J (Engl)"),
        ("Commun Dis Intell (2018). 2020 Mar 4", "Commun Dis Intell (2018)"),
        ("J Emerg Manag. 2020 Mar/Apr", "J Emerg Manag"),
        ("Epidemiol Health. 2020", "Epidemiol Health"),
        ("Medicine1Baltimore)", "Medicine (Baltimore)"),
        ("Tuberc Respir Dis(Seoul)", "Tuberc Respir Dis (Seoul)"),
        ("G3 (Bethesda)", "G3 (Bethesda)"),
        ("J. Virol.", "J. Virol."),
        ("Arch. pathol. lab. med. (1976)", "Arch. pathol. lab. med. (1976)"),
        ("Proc. 2020 IEEE Conf. on Big Data", "Proc. 2020 IEEE Conf. on Big Data"),
        (
            "6th Future Technologies Conference, FTC 2021",
            "6th Future Technologies Conference, FTC 2021",
        ),
        ("", ""),
    ],
)
def test_journals(journal: str, cleaned: str) -> None:
    assert clean_journal(journal) == cleaned


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


@pytest.mark.parametrize(
    "heading",
    [
        *["Disclosures", "FUNDING", "Role of the funding source", "Authors’ contributions"],
        *["Acknowledgments", "ACKNOWLEDGEMENT", "Conflict of Interest", "Competing interests"],
        *["Declaration of interests", "Declaration of Competing Interest", "Funding statement"],
        *["Consent for publication", "Funding &Acknowledgment", "Author Contributions"],
    ],
)
def test_back_matter(heading: str) -> None:
    assert is_back_matter(heading, "We thank all who contributed.")
    assert not is_back_matter(heading, "Masks were worn on all wards.")
    assert not is_back_matter(heading, "We thank all. Figure 1. Masks")
    assert not is_back_matter(f"{heading} of masks", "We thank all who contributed.")


def test_contents_of_books() -> None:
    names = "P1 - Masks A. B. Ahn, C. de Lee, D. Os, E. Vieira Jr, F. Ng, G.-H. Li, I. Wu, J. Xu"
    assert is_contents(names)
    assert not is_contents(names.removesuffix("J. Xu"))
    assert not is_contents(f"{names} {'wore masks on wards ' * 20}")
    times = "9.00-9.15 Opening 15.55‐16.10O-1AhnMasks " + "16.10–16.25 Masks " * 7
    assert is_contents(times)
    assert not is_contents(times.replace("16.25", "16.27"))  # such numbers are measured
    assert not is_contents("09.00-10.00 of the masks were worn. " * 7)


def test_authors_before_an_abstract_of_a_book_go() -> None:
    assert without_authors("H-J Cho1, Ä Vennegoor1,2 2Clinic, Bonn Objectives: A: b") == (
        "Objectives: A: b"
    )
    assert without_authors("1Clinic, Bonn Background: Masks") == "Background: Masks"
    for text in (
        "1Background: Masks help. Methods: We looked.",
        "T cells are many. Methods: We looked.",
        "H1N1, a virus. Background: Masks",
        "1Clinic, Bonn",
    ):
        assert without_authors(text) == text


def test_control_characters_and_white_space() -> None:
    assert clean("a\x00b\tc\r\nd\x85e\u2028f\ud800g\uffffh") == "a b c d e f g h"
    assert clean(" a\xa0 \u2009b\u3000") == "a b"
    assert clean("knowl\u00adedge of corona\u200bviruses\ufeff") == "knowledge of coronaviruses"
    assert clean("ab\u202ecd\u202c \u2066ef\u2069") == "abcd ef"  # would turn the page around
    assert clean("e\u0301 👩\u200d🔬 मान") == "e\u0301 👩\u200d🔬 मान"  # joiners have a meaning
    assert clean("") == clean("\x00 \n") == ""


@pytest.mark.parametrize(
    ("heading", "cleaned"),
    [
        ("Methods", "Methods"),
        ("2.1. Study design:", "Study design"),
        ("3 | RESULTS", "RESULTS"),
        ("Treatment of COVID-19", "Treatment of COVID-19"),
        ("2019-nCoV binds to ACE2", "2019-nCoV binds to ACE2"),
        ("16S rRNA", "16S rRNA"),
        ("2.3Methods", "Methods"),
        ("4) Results 112 113", "Results"),  # line numbers
        ("IV", ""),
        ("12", ""),
        ("A", ""),
        ("", ""),
        ("author/funder. All rights reserved. No reuse allowed without permission.", ""),
        ("方法", "方法"),
    ],
)
def test_headings(heading: str, cleaned: str) -> None:
    assert clean_heading(heading) == cleaned


TITLE = "Masks on hospital wards in winter"
FIRST = "Masks are worn on many wards, and what they do is not known."


def test_front_matter_goes() -> None:
    front = [
        f"{TITLE}.",
        "A Nurse, B Doctor. Correspondence: a.nurse@example.org",
        "* Author for correspondence: b.doctor@example.org",
        "doi: 10.1000/1",
        "Keywords:",
        "Received: 2 March 2020",
    ]
    assert without_title([*front, FIRST, "See https://example.org for data."], TITLE) == [
        FIRST,
        "See https://example.org for data.",  # after the first sentence of text nothing goes
    ]
    assert without_title([f"{TITLE.upper()} {FIRST}"], TITLE) == [FIRST]


@pytest.mark.parametrize(
    "paragraphs",
    [
        [FIRST],
        ["We read with interest the correspondence by Ahn on masks."],
        ["Regions corresponding to those of SARS were mapped."],
        ["Masks. They are worn."],  # begins with the short title "Masks"
        [f"{FIRST} " * 4 + "The data are at https://example.org."],  # long: mentions an address
        [],
    ],
)
def test_first_sentences_stay(paragraphs: list[str]) -> None:
    assert without_title(paragraphs, "Masks") == paragraphs
    assert without_title(paragraphs, "") == paragraphs


def test_a_title_whose_lower_case_is_longer() -> None:
    title = "İstanbul'da maskeler ve hastaneler"
    assert without_title([f"{title} Maske iyidir."], title) == ["Maske iyidir."]


@pytest.mark.parametrize("space", ["\u205f", "\u1680", "\x85", "\u2028", "\x0b", "\x1f", "\u3000"])
def test_white_space_of_any_kind_is_one_space(space: str) -> None:
    assert clean(f"Masks{space * 3}help") == "Masks help"
    assert clean_title(f"{space}Masks in{space * 900}three wards") == "Masks in three wards"
    assert clean_heading(f"2.1{space * 2}Methods{space * 900}112") == "Methods"
