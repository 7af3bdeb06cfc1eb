"""No field of a record and no parse is read beyond its bound, and it is told where one is cut."""

import json
from pathlib import Path

import pytest

from index.corpora import bounds
from index.corpora.cord19 import ReadPaper, read_paper
from index.corpora.parses import FolderParses
from index.corpora.records import PaperTask, RecordPlan
from index.types import Paper
from scripts.check_corpus import main
from tests.unit.index.release import ABSTRACT, parse, sentences, write_release

SOURCES = [f"S{n}" for n in range(10, 100)]  # 40 of them have 198 characters
TOO_LONG = "a cord_uid of more than 100 characters"


def read(root: Path, *records: dict[str, str]) -> ReadPaper:
    full = tuple({"cord_uid": "u", "title": "", "abstract": ABSTRACT, **r} for r in records)
    return read_paper(PaperTask(0, full), FolderParses(root))


def paper(root: Path, **record: str) -> Paper:
    found = read(root, record).document
    assert found is not None
    return found.paper


@pytest.mark.parametrize(
    ("column", "field", "text", "kept"),
    [
        ("title", "title", "Masks " * 900, ("Masks " * 166).strip()),
        ("title", "title", "M" * 6_000, "M" * 1_000),
        ("journal", "journal", "Journal " * 40, ("Journal " * 37).strip()),
        ("authors", "authors", "Ahn, B; " * 2_501, ("Ahn, B; " * 2_500).strip("; ")),
        ("url", "url", f"https://a.org/{'x' * 2_000}", ""),
        ("url", "url", "https://a.org/x; https://b.org/y", "https://a.org/x"),
        ("doi", "doi", f"10.1/{'x' * 200}", ""),
        ("doi", "doi", f"10.1/{'x' * 195}", f"10.1/{'x' * 195}"),
        ("pmcid", "pmcid", f"PMC{'1' * 200}", ""),
        ("pubmed_id", "pubmed_id", "1" * 201, ""),
        ("license", "license", "cc-by " * 40, ("cc-by " * 33).strip()),
        ("source_x", "source", "PMC; " * 60, "PMC"),
        ("source_x", "source", "; ".join(SOURCES), "; ".join(SOURCES[:40])),
    ],
)
def test_fields(tmp_path: Path, column: str, field: str, text: str, kept: str) -> None:
    assert getattr(paper(tmp_path, **{column: text}), field) == kept


def test_a_record_with_too_long_an_id_is_skipped_and_its_paper_stays(tmp_path: Path) -> None:
    longer, longest = {"cord_uid": "x" * 101}, {"cord_uid": "x" * 100}
    assert read(tmp_path, longer) == ReadPaper(None, TOO_LONG)
    fuller = longer | {"pmc_json_files": "p", "abstract": ABSTRACT * 2}
    found = read(tmp_path, fuller, {"cord_uid": "u"}).document
    assert found is not None
    assert (found.paper.cord_uid, found.sections[0].text) == ("u", ABSTRACT)
    assert paper(tmp_path, **longest).cord_uid == "x" * 100


def test_the_plan_keeps_fields_within_their_bounds(tmp_path: Path) -> None:
    record = {
        "cord_uid": "u" * 500,
        "title": "t" * 9_000,
        "abstract": ABSTRACT,
        "doi": "1" * 20_000,
    }
    write_release(tmp_path, [record, {"cord_uid": "v", "title": "Masks", "abstract": ABSTRACT}])
    plan = RecordPlan(tmp_path / "plan.sqlite")
    plan.make(tmp_path / "metadata.csv")
    (kept,) = next(plan.tasks()).records
    assert [len(kept[name]) for name in ("cord_uid", "title", "doi")] == [101, 5_000, 10_000]
    assert kept["abstract"] == ABSTRACT
    assert plan.oddities().too_long == 1


def test_what_is_left_out_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.corpora.cord19.LONGEST_TEXT", 10_000)
    records = [
        {"cord_uid": "a", "title": "Masks in wards", "pdf_json_files": "p"},
        {"cord_uid": "b" * 300, "title": "Gowns in wards", "abstract": ABSTRACT},
    ]
    write_release(tmp_path, records, {"p": parse(*[sentences(100)] * 2, "The very last words.")})
    assert main(["--corpus", str(tmp_path), "--workers", "1"]) == 0
    out, err = capsys.readouterr()
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert f"unreadable 1 parses: {bounds.TOO_LONG}" in lines
    assert f"skipped 1 {TOO_LONG}" in lines
    assert "cut 1 records with fields that are too long" in lines
    assert "warning" not in err  # most of its text was read


def test_a_long_parse_is_read_up_to_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.corpora.cord19.LONGEST_ABSTRACT", 100)
    made = parse("First, masks help.", title="T", abstract="The nurses wore masks. " * 9)
    (tmp_path / "p").write_text(json.dumps(made))
    found = read(tmp_path, {"pdf_json_files": "p", "abstract": ""})
    assert found.unreadable == (("p", bounds.TOO_LONG),)
    assert found.document is not None
    assert len(found.document.sections[0].text) <= 100


def test_every_paragraph_counts() -> None:
    paragraphs = (("", ""),) * 10 + (("", "Masks help."),)
    assert bounds.first_paragraphs(paragraphs, 511) == (paragraphs, False)
    assert bounds.first_paragraphs(paragraphs, 505) == ((*paragraphs[:10], ("", "Masks")), True)
    assert bounds.first_paragraphs((("", ""),) * 9, 100) == ((("", ""),) * 2, True)


def test_what_follows_the_bound_is_not_looked_at() -> None:
    paragraphs = iter([("", "Masks help.")] * 10)
    assert len(bounds.first_paragraphs(paragraphs, 100)[0]) == 2
    assert len(list(paragraphs)) == 7


def test_empty_paragraphs_take_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.corpora.cord19.LONGEST_TEXT", 1_000)
    made = parse(*[""] * 1_000, "Masks were worn by all nurses.")
    (tmp_path / "p").write_text(json.dumps(made))
    found = read(tmp_path, {"pdf_json_files": "p"})
    assert found.unreadable == ()
    assert found.document is not None
    assert found.document.sections[-1].text == "Masks were worn by all nurses."
