import pytest

from index.corpora.sections import is_back_matter, is_contents, without_authors, without_title

TITLE = "Masks on hospital wards in winter"
FIRST = "Masks are worn on many wards, and what they do is not known."


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
