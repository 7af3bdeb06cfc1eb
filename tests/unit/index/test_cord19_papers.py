import json
import os
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from index.corpora.citations import with_citations_apart
from index.corpora.cord19 import ReadPaper, read_paper
from index.corpora.parses import FolderParses
from index.corpora.records import PaperTask
from index.types import Document, Section
from tests.unit.index.release import ABSTRACT, parse, sentences


def read(tmp_path: Path, *records: dict[str, str], **parses: Any) -> ReadPaper:
    """Read a paper; `parses` are the files of the release by name."""
    for name, content in parses.items():
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        (tmp_path / name).write_bytes(data)
    full = tuple({"cord_uid": "u", "title": "", "abstract": "", **record} for record in records)
    return read_paper(PaperTask(0, full), FolderParses(tmp_path))


def document(tmp_path: Path, *records: dict[str, str], **parses: Any) -> Document:
    result = read(tmp_path, *records, **parses)
    assert result.document is not None
    assert result.unreadable == ()
    return result.document


LONG = sentences(20)
LONGER = sentences(30)


@pytest.mark.parametrize("title", ["2", "China. somebody@hospital.cn (B He); The masks"])
def test_a_title_that_is_none_gives_way_to_the_parses(tmp_path: Path, title: str) -> None:
    record = {"pdf_json_files": "p", "title": title}
    other = parse(LONG) | {"metadata": {"title": "Masks in wards"}}
    assert document(tmp_path, record, p=other).paper.title == "Masks in wards"
    assert document(tmp_path, record, p=parse(LONG)).paper.title == title


@pytest.mark.parametrize("separator", ["; ", ";", " ;; "])
def test_of_several_parses_the_longest_counts(tmp_path: Path, separator: str) -> None:
    paths = separator.join(["one", "two", "one"])
    found = document(tmp_path, {"pdf_json_files": paths}, one=parse("Two words"), two=parse(LONG))
    assert found.sections == (Section("Results", LONG),)
    assert found.full_text


def test_xml_is_read_before_pdf_unless_it_is_a_stub(tmp_path: Path) -> None:
    record = {"pdf_json_files": "pdf", "pmc_json_files": "xml"}
    xml = parse(LONG, abstract=None)
    assert document(tmp_path, record, pdf=parse(LONGER), xml=xml).sections[0].text == LONG
    stub = parse("A stub.", abstract=None)
    assert document(tmp_path, record, pdf=parse(LONGER), xml=stub).sections[0].text == LONGER


def test_the_abstract_is_metadatas_and_else_the_parses(tmp_path: Path) -> None:
    other = "The abstract that the parse holds is this one."
    record = {"pdf_json_files": "p"}
    both = document(tmp_path, record | {"abstract": ABSTRACT}, p=parse(LONG, abstract=other))
    assert both.sections == (Section("Abstract", ABSTRACT), Section("Results", LONG))
    assert document(tmp_path, record).sections[0] == Section("Abstract", other)
    neither = document(tmp_path, record, p=parse(LONG, abstract=None))
    assert [section.heading for section in neither.sections] == ["Results"]


@pytest.mark.parametrize("cites", [{"text": "[1]"}, {"mention": "[1]"}, {}])
def test_cite_spans_of_any_kind(tmp_path: Path, cites: dict[str, str]) -> None:
    record = {"pmc_json_files": "p"}
    assert document(tmp_path, record, p=parse(LONG, cites=cites)).sections[0].text == LONG


def cited(text: str, *words: str, **changes: object) -> list[dict[str, object]]:
    """Return `cite_spans` of words of the text, one behind the other."""
    spans: list[dict[str, object]] = []
    at = 0
    for word in words:
        at = text.index(word, at) + len(word)
        spans.append({"start": at - len(word), "end": at, "mention": word} | changes)
    return spans


@pytest.mark.parametrize(
    ("text", "citations", "apart"),
    [
        ("R0 is about 2.23,24 in Wuhan.", ("3", "24"), "R0 is about 2.2[3,24] in Wuhan."),
        ("It fell by 40%12–14 at once.", ("12", "14"), "It fell by 40%[12–14] at once."),
        ("They were open.38 Thus it fell.", ("38",), "They were open.[38] Thus it fell."),
        ("Masks help7, gowns8 do not.", ("7", "8"), "Masks help[7], gowns[8] do not."),
        ("Masks,8 and gowns9", ("8", "9"), "Masks,[8] and gowns[9]"),
        ("Masks help [3,24] all (5) of us 6 .", ("3", "24", "5", "6"), ""),
        ("Masks (Ahn et al., 2012) help COVID-19 wards.", ("Ahn et al., 2012", "19"), ""),
    ],
)
def test_numbers_of_citations_do_not_stick_to_words(
    tmp_path: Path, text: str, citations: tuple[str, ...], apart: str
) -> None:
    found = parse(LONG)
    found["body_text"].append({"text": text, "cite_spans": cited(text, *citations)})
    (*_, section) = document(tmp_path, {"pmc_json_files": "p"}, p=found).sections
    assert section.text == (apart or text)


@pytest.mark.parametrize(
    "spans",
    [
        cited("about 2.23", "3", end=99),
        cited("about 2.23", "3", mention="4"),
        cited("about 2.23", "3", start=-1),
        cited("about 2.23", "3", start="9"),
        cited("about 2.23", "3", end=None),
        [None, 3, {}, [{"start": 9, "end": 10, "mention": "3"}]],
        {"start": 9, "end": 10, "mention": "3"},
        "3",
        None,
    ],
)
def test_places_of_citations_that_are_none_count_for_nothing(spans: object) -> None:
    assert with_citations_apart("about 2.23", spans) == "about 2.23"


def test_places_of_citations_may_overlap() -> None:
    text = "about 2.23,24"
    spans = [*cited(text, "3,24"), *cited(text, "3", "24"), *cited(text, "3", "24")]
    assert with_citations_apart(text, spans) == "about 2.2[3,24]"


def test_the_title_is_metadatas_and_else_the_parses(tmp_path: Path) -> None:
    made = parse(LONG, title=" The\x00title ")
    assert document(tmp_path, {"pdf_json_files": "p"}, p=made).paper.title == "The title"
    record = {"pdf_json_files": "p", "title": "Masks"}
    assert document(tmp_path, record).paper.title == "Masks"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        *[("2020", "2020"), ("2019-04", "2019-04"), ("2020-03-13", "2020-03-13"), ("", "")],
        *[("March 2020", ""), ("2020-3-1", "2020-03-01"), ("20200313", "2020-03-13"), ("-", "")],
        *[("2020-03-13T00:00:00", "2020-03-13"), ("2020-03-13 10:00", "2020-03-13")],
        *[("2020-04-01; 2020-05-01", "2020-04-01"), ("04/03/2020", ""), ("20203", "")],
        *[("2120-01-01", ""), ("9999", ""), ("2020-13-01", "2020")],
        *[("2020-13", "2020"), ("2020-00-00", "2020"), ("2020-02-30", "2020-02")],
        *[("2020-02-29", "2020-02-29"), ("0000", ""), ("２０２０-01-01", "")],
    ],
)
def test_dates(tmp_path: Path, given: str, kept: str) -> None:
    record = {"abstract": ABSTRACT, "publish_time": given}
    assert document(tmp_path, record).paper.publish_time == kept


def test_the_order_of_the_records_changes_nothing(tmp_path: Path) -> None:
    records = [
        {"cord_uid": uid, "abstract": f"{ABSTRACT} {uid}", "journal": f"J {uid}", "url": url}
        for uid, url in [("b", "http://x"), ("a", "http://x"), ("a", "http://y")]
    ]
    found = document(tmp_path, *records)
    assert (found.paper.cord_uid, found.paper.journal) == ("a", "J a")
    assert all(document(tmp_path, *order) == found for order in permutations(records))


@pytest.mark.parametrize(
    "abstract",
    [
        *[
            "No abstract available.",
            "Abstract not available",
            "abstract is not available",
            "Unknown",
        ],
        *["No abstract is available for this article.", "[Abstract not available]", "Not there."],
    ],
)
def test_a_placeholder_is_no_abstract(tmp_path: Path, abstract: str) -> None:
    title = "Masks on hospital wards in winter"
    record = {"title": title, "abstract": abstract}
    assert document(tmp_path, record).sections == (Section("Title", title),)
    other = record | {"abstract": ABSTRACT}
    for records in ((record | {"pdf_json_files": "p"}, other), (record, other)):
        found = document(tmp_path, *records, p=parse(LONG))
        if "bstract" in abstract:
            assert found.sections[0] == Section("Abstract", ABSTRACT)


def test_identifiers_are_in_one_notation(tmp_path: Path) -> None:
    """So that links can be made of them."""
    given = {"doi": "https://doi.org/10.1/X", "pmcid": "12", "pubmed_id": "12.0"}
    paper = document(tmp_path, {"abstract": ABSTRACT} | given).paper
    assert (paper.doi, paper.pmcid, paper.pubmed_id) == ("10.1/x", "PMC12", "12")


def test_fields_are_filled_from_all_records_of_the_paper(tmp_path: Path) -> None:
    found = document(
        tmp_path,
        {"cord_uid": "a", "doi": "10.1/a", "journal": "J", "abstract": "Short one."},
        {"cord_uid": "b", "doi": "10.1/b", "abstract": ABSTRACT, "url": "http://x; http://y"},
    )
    paper = found.paper
    assert (paper.cord_uid, paper.doi, paper.journal, paper.url) == ("b", "10.1/b", "J", "http://x")
    assert found.sections == (Section("Abstract", ABSTRACT),)
    assert not found.full_text


def test_what_cannot_be_read_of_one_record_hides_nothing_of_another(tmp_path: Path) -> None:
    paper = document(
        tmp_path,
        {
            "abstract": ABSTRACT,
            "publish_time": "Winter 2020",
            "doi": "10.1101",
            "pmcid": "unknown",
            "pubmed_id": f"PMID: {'1' * 300}",
        },
        {"publish_time": "2020-03-13", "doi": "10.1/X", "pmcid": "12", "pubmed_id": "34"},
    ).paper
    assert (paper.publish_time, paper.doi) == ("2020-03-13", "10.1/x")
    assert (paper.pmcid, paper.pubmed_id) == ("PMC12", "34")


@pytest.mark.parametrize(
    ("dates", "kept"),
    [
        (("2020", "2019-12-30"), "2019-12-30"),
        (("2020-03", "2020", "2019-12"), "2020-03"),
        (("", "2020-13", "2021"), "2020"),
        (("", ""), ""),
    ],
)
def test_the_most_precise_date_counts_and_else_that_of_the_fullest_record(
    tmp_path: Path, dates: tuple[str, ...], kept: str
) -> None:
    records = [
        {"abstract": ABSTRACT[: -n or None], "publish_time": date} for n, date in enumerate(dates)
    ]
    assert document(tmp_path, *records).paper.publish_time == kept


@pytest.mark.parametrize(
    ("sources", "kept"),
    [
        (("Elsevier; PMC", "Medline; pmc ;WHO"), "Elsevier; PMC; Medline; WHO"),
        (("", "WHO", "PMC"), "WHO; PMC"),
        (("Elsevier", "MedRxiv; WHO"), "Elsevier; WHO"),  # else it would be called a preprint
        (("MedRxiv; WHO", "Elsevier; BioRxiv"), "MedRxiv; WHO; Elsevier"),
        (("", "ArXiv", "SSRN"), "ArXiv"),
        (("", ""), ""),
    ],
)
def test_a_paper_has_the_sources_of_all_its_records(
    tmp_path: Path, sources: tuple[str, ...], kept: str
) -> None:
    records = [
        {"abstract": ABSTRACT[: -n or None], "source_x": source} for n, source in enumerate(sources)
    ]
    assert document(tmp_path, *records).paper.source == kept


def test_sections(tmp_path: Path) -> None:
    made = parse(
        ("1. Methods", "Masks were worn by 31 nurses."),
        ("Methods", "They were worn all day"),
        ("Methods", "and all night."),
        ("Methods", "12"),  # no word: a page number
        ("Results", "None fell ill."),
        ("Methods", "This heading comes again."),
    )
    assert document(tmp_path, {"pdf_json_files": "p"}, p=made).sections == (
        Section(
            "Methods",
            "Masks were worn by 31 nurses.\nThey were worn all day and all night.",
        ),
        Section("Results", "None fell ill."),
        Section("Methods", "This heading comes again."),
    )


def test_back_matter_and_lists_of_authors_are_no_sections(tmp_path: Path) -> None:
    names = ", ".join(f"A. B. Name{letter}" for letter in "abcdefgh")
    made = parse(
        ("Results", "H Faber1, O Khan2 1Clinic, Bonn"),
        ("Results", "Background: None fell ill and the."),
        ("Results", "masks were worn."),
        ("Contents", names),
        ("Acknowledgements", "We thank the nurses."),
        ("Acknowledgements", "Figure 2. The nurses."),
        abstract=None,
    )
    record = {"pdf_json_files": "p", "abstract": names}
    assert document(tmp_path, record, p=made).sections == (
        Section("Results", "Background: None fell ill and the masks were worn."),
        Section("Acknowledgements", "Figure 2. The nurses."),
    )


def test_line_numbers_go_from_pdfs_only(tmp_path: Path) -> None:
    text = " ".join(f"these are the words of the line that ends here {n}" for n in range(1, 30))
    made = parse(text)
    pdf = document(tmp_path, {"pdf_json_files": "p"}, p=made).sections[0].text
    assert not any(character.isdigit() for character in pdf)
    assert document(tmp_path, {"pmc_json_files": "p"}, p=made).sections[0].text == text


def test_paragraphs_of_two_and_of_four_thousand_words(tmp_path: Path) -> None:
    huge = sentences(400)
    assert len(huge.split()) == 4_000
    made = parse(("A", "Two words"), ("Big one", huge), ("Results", "None."))
    texts = [s.text for s in document(tmp_path, {"pdf_json_files": "p"}, p=made).sections]
    assert texts == ["Two words", huge, "None."]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "invalid JSON"),
        (b'{"body_text": [', "invalid JSON"),
        (b"\xff\xfe\x00", "invalid JSON"),
        (b"[" * 100_000, "invalid JSON"),  # nested too deep
        (b"[]", "not a CORD-19 parse"),
        (b"3", "not a CORD-19 parse"),
        (b"null", "not a CORD-19 parse"),
        (b"{}", "not a CORD-19 parse"),
        (b'{"body_text": 3}', "not a CORD-19 parse"),
        (b'{"body_text": ["text"]}', "not a CORD-19 parse"),
        (b'{"body_text": [{"section": "A"}]}', "not a CORD-19 parse"),
    ],
)
def test_a_broken_parse_is_noted_and_the_abstract_stays(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    result = read(tmp_path, {"pdf_json_files": "p", "abstract": ABSTRACT}, p=content)
    assert result.unreadable == (("p", reason),)
    assert result.document is not None
    assert result.document.sections == (Section("Abstract", ABSTRACT),)


def test_a_broken_paragraph_leaves_the_other_ones(tmp_path: Path) -> None:
    """And nothing that is no text becomes one."""
    broken = [None, "text", 3, {"section": "x"}, {"text": ["We found"]}, {"text": {"a": "found"}}]
    made = parse(LONG) | {"metadata": ["x"], "abstract": [None, {"text": 3}]}
    made["body_text"] += [*broken, {"text": ABSTRACT, "section": float("nan")}]
    found = document(tmp_path, {"pdf_json_files": "p"}, p=made)
    assert found.sections == (Section("Results", LONG), Section("", ABSTRACT))
    assert found.paper.title == ""


def test_an_abstract_of_a_parse_may_be_one_text(tmp_path: Path) -> None:
    made = parse(LONG) | {"abstract": ABSTRACT}
    found = document(tmp_path, {"pdf_json_files": "p"}, p=made)
    assert found.sections[0] == Section("Abstract", ABSTRACT)


def test_a_parse_with_bytes_that_are_no_utf_8(tmp_path: Path) -> None:
    made = parse(f"{LONG} Caf\xe9 patients.")
    latin = json.dumps(made, ensure_ascii=False).encode("latin-1")
    found = document(tmp_path, {"pdf_json_files": "p"}, p=latin)
    assert found.sections[0].text.startswith(LONG)
    utf_16 = json.dumps(made, ensure_ascii=False).encode("utf-16")
    assert "Café" in document(tmp_path, {"pdf_json_files": "p"}, p=utf_16).sections[0].text


def test_a_broken_parse_leaves_the_other_ones(tmp_path: Path) -> None:
    result = read(tmp_path, {"pdf_json_files": "no: such; p; q"}, p=b"{", q=parse(LONG))
    assert result.unreadable == (("no: such", "No such file or directory"), ("p", "invalid JSON"))
    assert result.document is not None
    assert result.document.sections[0].text == LONG


def test_null_values_are_no_text(tmp_path: Path) -> None:
    nothing = b"""{"metadata": null, "abstract": null,
                   "body_text": [{"text": null, "section": null}, {"text": "Real words."}]}"""
    found = document(tmp_path, {"pdf_json_files": "p"}, p=nothing)
    assert found.sections == (Section("", "Real words."),)


def test_a_parse_with_a_byte_order_mark_and_lone_surrogates(tmp_path: Path) -> None:
    content = (
        b'\xef\xbb\xbf{"body_text": [{"text": "A \\ud800 real text.", "section": "\\udfffX1y"}]}'
    )
    found = document(tmp_path, {"pdf_json_files": "p"}, p=content)
    assert found.sections == (Section("X1y", "A real text."),)


@pytest.mark.parametrize(
    "path", ["../secret", "/{root}/secret", "a/../../secret", "..\\secret", "secret\x00", "a/../.."]
)
def test_a_path_that_leaves_the_folder_is_not_read(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").write_bytes(json.dumps(parse(LONG)).encode())
    root = tmp_path / "corpus"
    (root / "a").mkdir(parents=True)
    path = path.replace("/{root}", str(tmp_path))
    result = read(root, {"pdf_json_files": path, "abstract": ABSTRACT})
    assert result.unreadable == ((path, "leaves the corpus folder; not read"),)
    assert result.document is not None
    assert not result.document.full_text


def test_links_may_lead_to_places_in_the_folder_and_not_out_of_it(tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    outside = tmp_path / "outside"
    for folder in (root / "inside", outside):
        folder.mkdir(parents=True)
        (folder / "p").write_bytes(json.dumps(parse(LONG)).encode())
    (root / "file").symlink_to(outside / "p")
    (root / "folder").symlink_to(outside)
    (root / "relative").symlink_to("../outside/p")
    (root / "again").symlink_to("relative")
    (root / "good").symlink_to("inside/p")
    (root / "loop").symlink_to("loop")
    paths = ["file", "folder/p", "relative", "again"]
    record = {"pdf_json_files": ";".join(paths), "abstract": ABSTRACT}
    result = read(root, record)
    assert result.unreadable == tuple((p, "leaves the corpus folder; not read") for p in paths)
    assert document(root, {"pdf_json_files": "good"}).full_text
    assert len(read(root, record | {"pdf_json_files": "loop"}).unreadable) == 1
    (tmp_path / "linked").symlink_to(root)  # the folder itself may be reached by a link
    assert document(tmp_path / "linked", {"pdf_json_files": "good"}).full_text


def test_what_is_no_file_or_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")  # nobody writes to it: reading would wait for ever
    monkeypatch.setattr("index.corpora.parses.LARGEST", 1_000)
    record = {"pdf_json_files": "pipe;large", "abstract": ABSTRACT}
    result = read(tmp_path, record, large=parse(LONG))
    assert result.unreadable == (
        ("pipe", "is not a file"),
        ("large", "has more than 1,000 bytes; not read"),
    )
    assert result.document is not None


@pytest.mark.parametrize("path", [".", "x" * 5_000, "p/q"])
def test_a_path_that_is_no_file(tmp_path: Path, path: str) -> None:
    result = read(tmp_path, {"pdf_json_files": path, "abstract": ABSTRACT}, p=b"")
    assert [name for name, _ in result.unreadable] == [path]
    assert result.document is not None


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"cord_uid": "", "abstract": ABSTRACT}, "no cord_uid"),
        ({"title": "Editorial"}, "no abstract and no full text"),
        ({"title": "Editorial", "abstract": "None"}, "no abstract and no full text"),
        ({"abstract": "\x00 . "}, "no abstract and no full text"),
    ],
)
def test_what_cannot_be_indexed_says_why(
    tmp_path: Path, record: dict[str, str], reason: str
) -> None:
    assert read(tmp_path, record) == ReadPaper(None, reason)


def test_a_long_title_is_better_than_nothing(tmp_path: Path) -> None:
    title = "Masks on hospital wards in winter"
    assert document(tmp_path, {"title": title}).sections == (Section("Title", title),)


def test_chinese_counts_without_spaces(tmp_path: Path) -> None:
    abstract = "患者戴口罩后病毒传播减少。"
    assert document(tmp_path, {"abstract": abstract}).sections == (Section("Abstract", abstract),)
