import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.types import Paper
from service.citations import Name, authors_of, bibtex, cite, doi_of, is_preprint, ris
from tests.fake_app import make_paper

LINK = "https://doi.org/10.7326/M20-0504"


def test_a_citation_is_in_the_vancouver_style() -> None:
    paper = make_paper(
        title="How long COVID-19 incubates", pmcid="PMC7081172", pubmed_id="32150748"
    )
    assert cite(paper) == (
        "Lauer SA, Grantz KH, Bi Q, Jones FK, Zheng Q. How long COVID-19 incubates. "
        "Annals of Internal Medicine. 2020 Mar 10. "
        "doi:10.7326/M20-0504; PMID: 32150748; PMCID: PMC7081172"
    )


def test_what_is_not_known_is_left_out_of_a_citation() -> None:
    unknown = dict.fromkeys(("authors", "journal", "publish_time", "doi", "title"), "")
    assert cite(make_paper(**unknown)) == "Untitled."
    assert cite(make_paper(**unknown | {"title": "Why?", "publish_time": "2020"})) == "Why? 2020."


def test_a_citation_names_six_authors() -> None:
    six = "; ".join(f"Name{n}, A" for n in "abcdef")
    assert cite(make_paper(authors=six)).startswith("Namea A, Nameb A, Namec A, Named A, Namee A, ")
    assert ", et al" not in cite(make_paper(authors=six))
    assert "Namef A, et al. How" in cite(make_paper(authors=f"{six}; More, B"))


@pytest.mark.parametrize(
    ("text", "family", "initials"),
    [
        ("Jung, Sung-Mok A.", "Jung", "SMA"),
        ("de Silva, Charitha", "de Silva", "C"),
        ("Zeng W, L.", "Zeng W", "L"),
        ("Akdis CA", "Akdis", "CA"),
        ("Lauer, SA", "Lauer", "SA"),
        ("WHO", "WHO", ""),
        ("Novel Coronavirus Team", "Novel Coronavirus Team", ""),
    ],
)
def test_names_are_taken_apart(text: str, family: str, initials: str) -> None:
    name = Name.of(text)
    assert (name.family, name.initials) == (family, initials)


@pytest.mark.parametrize(
    ("authors", "cited"),
    [
        ("Linjie, Li; 3#; Chen, Yu", "Linjie L, Chen Y"),
        ("Tan, Z.; Gonzalez, G.; ¶; Sheng, J.", "Tan Z, Gonzalez G, Sheng J"),
        ("#1, Su; #2, Stefano Elli", "Su, Stefano Elli"),
        ("Bahl1, Justin†", "Bahl J"),
        ("2019-nCoV Outbreak Joint Team", "2019-nCoV Outbreak Joint Team"),  # a name's own
    ],
)
def test_marks_of_footnotes_are_no_authors(authors: str, cited: str) -> None:
    assert cite(make_paper(authors=authors)).startswith(f"{cited}. ")


@given(st.text("12ax#*†-. ", max_size=20))
def test_marks_are_what_they_are_also_where_digits_are_looked_at_once(name: str) -> None:
    plain = re.sub(r"\d*[#*†‡§¶‖]+\d*|(?<=[a-z])\d+(?![\w-])", "", " ".join(name.split())).strip()
    assert authors_of(name) == ([plain] if any(map(str.isalpha, plain)) else [])


@pytest.mark.parametrize("run", ["1", "#", "1#", "a1"])
def test_an_endless_name_takes_no_time(run: str) -> None:
    began = time.process_time()
    authors_of(run * 100_000)
    assert time.process_time() - began < 2  # a minute, were it quadratic


def test_the_files_name_authors_without_marks() -> None:
    paper = make_paper(authors="#2, Stefano Elli; ¶; Yujun, #")
    assert re.findall("AU  - (.*)\r", ris(paper)) == ["Stefano Elli", "Yujun"]
    assert "author = {{Stefano Elli} and {Yujun}}" in bibtex(paper)


def test_an_author_whose_name_has_an_and_is_one() -> None:
    paper = make_paper(authors="Care and Control, Centre for; Others, Anna; Andersen, K")
    found = "{{Care and Control}, Centre for and {Others}, Anna and Andersen, K}"
    assert f"author = {found}" in bibtex(paper)


@pytest.mark.parametrize(
    ("changes", "preprint"),
    [
        ({"journal": "medRxiv"}, True),
        ({"journal": "medRxiv : the preprint server for health sciences"}, True),
        ({"source": "BioRxiv; WHO"}, True),
        ({"source": "preprint"}, True),
        ({"journal": "Res Sq"}, True),
        ({"journal": "", "doi": "10.21203/rs.3.rs-17715/v1"}, True),
        ({"journal": "", "doi": "10.1101/2020.02.20.20025957"}, True),
        ({"journal": "", "doi": "10.1101/776807"}, True),
        ({"journal": "Genes Dev", "doi": "10.1101/gad.123806"}, False),
        ({}, False),
    ],
)
def test_preprints_are_known_by_source_journal_or_doi(
    changes: dict[str, str], preprint: bool
) -> None:
    paper = make_paper(**changes)
    assert is_preprint(paper) is preprint
    assert ("[preprint]" in cite(paper).lower()) is preprint
    assert ris(paper).startswith("TY  - UNPB" if preprint else "TY  - JOUR")
    assert bibtex(paper).startswith("@misc" if preprint else "@article")


def test_an_endless_journal_takes_no_time() -> None:
    assert not is_preprint(
        make_paper(journal="x" * 1_000_000, source="", doi="")
    )  # minutes, were it quadratic


def test_a_doi_that_is_none_is_not_cited() -> None:
    assert doi_of(make_paper(doi="not a doi")) == ""
    assert "doi" not in cite(make_paper(doi="not a doi"))


@pytest.mark.parametrize("doi", ["10.1101/2020.02", "10.1101/2020.02.", "10.1101/2020.02.07"])
def test_a_doi_that_was_cut_off_is_none(doi: str) -> None:
    assert doi_of(make_paper(doi=doi)) == ""
    assert doi_of(make_paper(doi="10.1101/2020.02.07.937862")) != ""
    assert doi_of(make_paper(doi="10.1101/gr.2020.02")) != ""


def test_an_ris_entry_has_what_is_known() -> None:
    paper = make_paper(title=" A\ttitle ", pmcid="PMC7081172", pubmed_id="32150748")
    assert ris(paper, LINK, ["one", "two\nlines"]).split("\r\n") == [
        "TY  - JOUR",
        "ID  - ug7v899j",
        "AU  - Lauer, Stephen A.",
        "AU  - Grantz, Kyra H.",
        "AU  - Bi, Qifang",
        "AU  - Jones, Forrest K.",
        "AU  - Zheng, Qulu",
        "TI  - A title",
        "JO  - Annals of Internal Medicine",
        "T2  - Annals of Internal Medicine",
        "PY  - 2020",
        "DA  - 2020/03/10/",
        "DO  - 10.7326/M20-0504",
        "AN  - 32150748",
        "C2  - PMC7081172",
        f"UR  - {LINK}",
        "N1  - one",
        "N1  - two lines",
        "ER  - ",
        "",
    ]


def test_a_bibtex_entry_has_what_is_known() -> None:
    paper = make_paper(
        title="50% of {β}-CoV & R_0 \\ ~2", authors="Müller, Jörg; WHO Team", journal="A & B"
    )
    assert bibtex(paper, LINK + "_#%7B", ["a note"]) == (
        "@article{muller_2020_ug7v899j,\n"
        "  author = {Müller, Jörg and {WHO Team}},\n"
        "  title = {{50\\% of \\textbraceleft{}β\\textbraceright{}-CoV \\& R\\_0 "
        "\\textbackslash{} \\textasciitilde{}2}},\n"
        "  journal = {A \\& B},\n"
        "  year = {2020},\n"
        "  doi = {10.7326/M20-0504},\n"
        f"  url = {{{LINK}_#%7B}},\n"
        "  annote = {a note},\n"
        "  month = mar\n"
        "}\n"
    )


def test_an_unknown_paper_still_makes_entries() -> None:
    unknown = dict.fromkeys(("title", "authors", "journal", "publish_time", "doi"), "")
    paper = make_paper(**unknown)
    assert ris(paper).split("\r\n") == [
        "TY  - GEN",
        "ID  - ug7v899j",
        "TI  - Untitled",
        "ER  - ",
        "",
    ]
    assert bibtex(paper) == "@misc{ug7v899j,\n  title = {{Untitled}}\n}\n"


texts = st.text(st.characters(), max_size=30)
papers = st.builds(
    Paper,
    cord_uid=st.text("abcdefgh12345678", min_size=8, max_size=8),
    title=texts,
    authors=texts,
    journal=texts,
    publish_time=st.sampled_from(["", "2020", "2020-03", "2020-03-10", "2020-13", "soon"]),
    doi=st.one_of(texts, texts.map("10.1234/x{}".format)),
    pmcid=texts,
    pubmed_id=texts,
    url=texts,
    license=texts,
    source=texts,
)


@given(papers, texts, texts)
def test_no_paper_breaks_the_files_it_is_cited_in(paper: Paper, link: str, note: str) -> None:
    """An RIS entry has one tag a line and one end; braces of a BibTeX entry are balanced."""
    assert cite(paper).splitlines() == [cite(paper)]
    *lines, end, last = ris(paper, link, [note]).split("\r\n")
    assert (end, last) == ("ER  - ", "")
    for line in lines:
        assert re.fullmatch(r"[A-Z][A-Z0-9]  - .+", line)
        assert line.splitlines() == [line]
    entry = bibtex(paper, link, [note])
    entry.encode()
    depth = 0
    for place, character in enumerate(entry):
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth > 0 or character == "@" or place >= len(entry) - 2 or place < entry.index("{")
    assert depth == 0
