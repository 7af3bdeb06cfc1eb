import pytest

from index.corpora.titles import clean_heading, clean_journal, clean_title


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
