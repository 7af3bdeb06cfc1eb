import gzip
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from index.corpora.metadata import read_metadata
from index.corpora.records import Oddities, RecordPlan
from index.types import CorpusError
from tests.unit.index.release import COLUMNS, write_release


def groups(tmp_path: Path, *records: Mapping[str, str], limit: int | None = None) -> list[str]:
    """Return the cord_uids of each paper, joined, in the order of the plan."""
    plan = RecordPlan(tmp_path / "plan.sqlite")
    plan.make(write_release(tmp_path / "corpus", records) / "metadata.csv", limit)
    found = list(plan.tasks())
    assert plan.counts() == (sum(len(task.records) for task in found), len(found))
    assert [task.number for task in found] == sorted(task.number for task in found)
    return ["".join(record["cord_uid"] for record in task.records) for task in found]


def record(uid: str, **fields: str) -> dict[str, str]:
    return {"cord_uid": uid, **fields}


TITLE = "Masks on hospital wards in winter"
AHN = "Ahn, Bo; Cho, Di"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (record("a"), record("a")),
        (record("a", doi="10.1/X"), record("b", doi="10.1/x")),
        (record("a", doi="10.1/X"), record("b", doi="https://doi.org/10.1/x")),
        (record("a", doi="doi:10.1/x "), record("b", doi="10.1/x; 10.1/z")),
        (record("a", pmcid="PMC1"), record("b", pmcid="pmc1")),
        (record("a", pmcid="PMC1"), record("b", pmcid="1")),
        (record("a", pubmed_id="32000001"), record("b", pubmed_id="32000001.0")),
        (
            record("a", doi="10.1/x", title=TITLE),
            record("b", doi="10.1/x", title=f"Title: {TITLE}"),
        ),
        (record("a", doi="10.1/x", title=TITLE), record("b", doi="10.1/x")),
        (record("a", title=TITLE, authors=AHN), record("b", title=f"{TITLE}!", authors="AHN, B.")),
    ],
)
def test_records_of_one_paper_are_brought_together(
    tmp_path: Path, first: dict[str, str], second: dict[str, str]
) -> None:
    other = record("z", title="Another title of more words", authors=AHN, doi="10.1/y")
    assert groups(tmp_path, first, other, second) == [first["cord_uid"] + second["cord_uid"], "z"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (record("a", title="Editorial", authors=AHN), record("b", title="Editorial", authors=AHN)),
        (record("a", title=TITLE, authors=AHN), record("b", title=TITLE, authors="Eve, F")),
        (record("a", title=TITLE), record("b", title=TITLE)),  # nobody's
        (record("a", title="新型冠状病毒"), record("b", title="新型冠状病毒")),
        (record(""), record("")),
        (record("a", doi="", pmcid=""), record("b", doi="", pmcid="")),
        (record("a", doi="NA", pmcid="NA"), record("b", doi="NA", pmcid="NA")),
        (
            record("a", pubmed_id="32000001", title="Contact tracing and epidemics"),
            record("b", pubmed_id="32000001", title="Kidney impairment in patients"),
        ),
        (  # an identifier that was cut
            record("a", doi="10.1101/2020.02", title="Contact tracing and epidemics"),
            record("b", doi="10.1101/2020.02", title="Kidney impairment in patients"),
        ),
    ],
)
def test_records_that_only_look_alike_stay_apart(
    tmp_path: Path, first: dict[str, str], second: dict[str, str]
) -> None:
    assert groups(tmp_path, first, second) == [first["cord_uid"], second["cord_uid"]]


LETTER = "Reply to the letter to the editor"
LI = "Li, W"


@pytest.mark.parametrize(
    ("records", "papers"),
    [
        # a record without a title does not chain what disagrees, in any order
        (
            [
                record("a", doi="10.1/x", title="Contact tracing and epidemics"),
                record("b", doi="10.1/x"),
                record("c", doi="10.1/x", title="Kidney impairment in patients"),
            ],
            ["ab", "c"],
        ),
        (
            [
                record("a", doi="10.1/x"),
                record("b", doi="10.1/x", title="Contact tracing and epidemics"),
                record("c", doi="10.1/x", title="Kidney impairment in patients"),
            ],
            ["ab", "c"],
        ),
        (
            [
                record("a", doi="10.1/x", title="Contact tracing and epidemics"),
                record("b", pmcid="PMC2", title="Kidney impairment in patients"),
                record("c", doi="10.1/x", pmcid="PMC2"),  # would join the two
            ],
            ["ac", "b"],
        ),
        # an identifier that two papers have identifies neither
        (
            [
                record("a", doi="10.1101/2020.02", title="Contact tracing and epidemics"),
                record("b", doi="10.1101/2020.02", title="Kidney impairment in patients"),
                record("c", doi="10.1101/2020.02", title="Kidney transplants in winter"),
                record("d", doi="10.1101/2020.02"),
            ],
            ["a", "b", "c", "d"],
        ),
        # words that every title has are no agreement
        (
            [
                record("a", doi="10.1/x", title="The novel coronavirus disease in Henan"),
                record("b", doi="10.1/x", title="The novel coronavirus disease and kidneys"),
            ],
            ["a", "b"],
        ),
        # a title that many write, under identifiers that differ
        (
            [
                record("a", title=LETTER, authors=LI, doi="10.1016/a"),
                record("b", title=LETTER, authors=LI, doi="10.1016/b"),
            ],
            ["a", "b"],
        ),
        (
            [
                record("a", title=LETTER, authors=LI, pmcid="PMC1"),
                record("b", title=LETTER, authors=LI, pmcid="PMC2"),
            ],
            ["a", "b"],
        ),
        (
            [
                record("a", title=LETTER, authors=LI, doi="10.1016/a"),
                record("b", title=LETTER, authors=LI),
                record("c", title=LETTER, authors=LI, doi="10.1016/b"),  # not by way of b
            ],
            ["ab", "c"],
        ),
        # a preprint, its second version, and the article that it became
        (
            [
                record("a", title=TITLE, authors=AHN, doi="10.21203/rs.3.rs-1/v1"),
                record("b", title=TITLE, authors=AHN, doi="10.21203/rs.3.rs-1/v2"),
                record("c", title=TITLE, authors=AHN, doi="10.1016/j.x"),
            ],
            ["abc"],
        ),
        # the release's own word counts, whatever the titles say
        ([record("a", title="Masks"), record("a", title="Vaccines")], ["aa"]),
    ],
)
def test_no_wrong_chains(tmp_path: Path, records: list[dict[str, str]], papers: list[str]) -> None:
    assert groups(tmp_path, *records) == papers


def test_a_paper_of_very_many_records_is_read_from_the_first(tmp_path: Path) -> None:
    records = [record("a", title=TITLE, abstract=f"{n} masks") for n in range(150)]
    plan = RecordPlan(tmp_path / "plan.sqlite")
    plan.make(write_release(tmp_path, records) / "metadata.csv")
    (task,) = plan.tasks()
    assert len(task.records) == 150
    assert [bool(each["abstract"]) for each in task.records] == [True] * 100 + [False] * 50


def test_a_record_may_join_two_papers_and_what_comes_later_joins_them(tmp_path: Path) -> None:
    found = groups(
        tmp_path,
        record("a", doi="10.1/a"),
        record("b", pmcid="PMC2"),
        record("c", doi="10.2/c"),
        record("d", doi="10.1/a", pmcid="PMC2"),  # a and b are one
        record("e", pmcid="PMC2"),
        record("f", doi="10.2/c", title=TITLE, authors=AHN),
        record("b", title=TITLE, authors=AHN),  # and so is c
    )
    assert found == ["abcdefb"]


def test_the_limit_counts_records(tmp_path: Path) -> None:
    records = [record(str(n), doi="10.1/a" if n < 3 else "") for n in range(9)]
    assert groups(tmp_path, *records, limit=5) == ["012", "3", "4"]


def test_tasks_go_on_after_a_paper(tmp_path: Path) -> None:
    plan = RecordPlan(tmp_path / "plan.sqlite")
    plan.make(write_release(tmp_path, [record(uid) for uid in "abaca"]) / "metadata.csv")
    assert [task.number for task in plan.tasks()] == [0, 1, 3]
    assert [task.number for task in plan.tasks(after=1)] == [3]
    assert [plan.papers_up_to(number) for number in (-1, 0, 1, 2, 3)] == [0, 1, 2, 2, 3]


def test_a_plan_is_made_once_and_again_when_it_was_cut_off(tmp_path: Path) -> None:
    metadata = write_release(tmp_path, [record("a")]) / "metadata.csv"
    path = tmp_path / "plan.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE records (x)")  # what a kill left behind
    RecordPlan(path).make(metadata)
    assert RecordPlan(path).counts() == (1, 1)
    path.write_bytes(b"not SQLite at all" * 100)
    RecordPlan(path).make(metadata)
    assert RecordPlan(path).counts() == (1, 1)
    metadata.unlink()
    RecordPlan(path).make(metadata)  # complete: not looked at again


HEADER = ",".join(COLUMNS).encode()


def read(tmp_path: Path, content: bytes) -> list[Mapping[str, str]]:
    path = tmp_path / "metadata.csv"
    path.write_bytes(content)
    return list(read_metadata(path))


def test_dirty_rows_are_records_too(tmp_path: Path) -> None:
    rows = [
        b"a,sha",  # truncated
        b"b" + b",x" * 30,  # columns too many
        b"",  # no record
        b"c,,,caf\xe9 \xff",  # not UTF-8
        b"d,,,a\x00b",
        b' e ,,,"two\r\nlines"',
        b"f,,,whole" + b"," * 15,
    ]
    found = read(tmp_path, b"\xef\xbb\xbf" + HEADER + b"\r\n" + b"\r\n".join(rows))
    assert [row["cord_uid"] for row in found] == list("abcdef")
    assert all(set(row) == set(COLUMNS) for row in found)
    assert [row["title"] for row in found] == [
        *("", "x", "caf\ufffd \ufffd", "a b", "two\r\nlines", "whole"),
    ]
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("end", "number"),
    [
        (b'b,,,"half a quo', 2),
        (b'b,,,"a title","an abstract\nof two lines, and no e', 2),
        (b'b,,,"', 2),
        (b"b,,,unquo", 2),
        (b"b", 2),
        (b"b,,,Masks" + b"," * 15 + b'\nc,,,"', 3),
    ],
)
def test_a_file_that_is_cut_off_says_so(tmp_path: Path, end: bytes, number: int) -> None:
    """Nobody would miss what followed, or know of the half abstract."""
    content = HEADER + b"\na,,,Masks" + b"," * 15 + b"\n" + end
    with pytest.raises(CorpusError, match=f"is cut off in record {number}, the last one: fetch"):
        read(tmp_path, content)
    path = tmp_path / "metadata.csv"
    assert [row["cord_uid"] for row in read_metadata(path, limit=1)] == ["a"]


def test_a_file_may_end_without_a_line_end(tmp_path: Path) -> None:
    for end in (b"," * 15, b"," * 15 + b'"quoted"', b"," * 20):
        assert len(read(tmp_path, HEADER + b"\na,,,Masks" + end)) == 1


def test_nul_bytes_are_spaces(tmp_path: Path) -> None:
    rows = b'a\x00,,,"Masks\x00on wards",10.1/\x00' + b"," * 14 + b"\n\x00\x00\x00\n"
    found = read(tmp_path, HEADER + b"\n" + rows)
    assert [(row["cord_uid"], row["title"], row["doi"]) for row in found] == [
        ("a", "Masks on wards", "10.1/"),
        ("", "", ""),
    ]


def test_only_a_few_columns_are_needed(tmp_path: Path) -> None:
    assert read(tmp_path, b"abstract,title,cord_uid\nA,T,u\n") == [
        {"abstract": "A", "title": "T", "cord_uid": "u"}
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no column cord_uid, title, abstract"),
        (b"\n\n", "has no column"),
        (b"id,text\n1,2\n", "has no column"),
        (b"cord_uid,title\na,b\n", "has no column abstract: is it"),
        (HEADER.decode().encode("utf-16"), "is in UTF-16: write it in UTF-8"),
        (HEADER.decode().encode("utf-16-be"), "is in UTF-16: write it in UTF-8"),
        (gzip.compress(HEADER, mtime=0), "is compressed: unpack it with gunzip"),
        (b"\x1f\x8b\x08\x00" + bytes(range(256)), "is compressed: unpack it"),
        (HEADER.replace(b",", b";"), "separates its fields by semicolons"),
        (HEADER.replace(b",", b"\t"), "separates its fields by tabs"),
        (
            HEADER + b'\na,,,A\n\nb,,,"two\nlines"\nc,,," alone\n' + b"d,,,D\n" * 200,
            r"record 3, which begins at line 6 \(field larger .*: a quotation mark there may stand",
        ),
        (b'"' + HEADER + b"\n" * 2_000, "in the header, which begins at line 1"),
        (HEADER + b"\n" + bytes(3_000), "has 2,000 characters or more in line 2: is it the meta"),
    ],
)
def test_what_is_no_metadata_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.setattr("index.corpora.metadata._LARGEST_FIELD", 1_000)
    monkeypatch.setattr("index.corpora.metadata._LONGEST_LINE", 2_000)
    with pytest.raises(CorpusError, match=message) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", ["nowhere", "metadata.csv", "."])
def test_missing_metadata(tmp_path: Path, folder: str) -> None:
    (tmp_path / "metadata.csv").mkdir()
    with pytest.raises(CorpusError, match="give --corpus the folder of a CORD-19 release"):
        list(read_metadata(tmp_path / folder / "metadata.csv"))


def test_metadata_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "metadata.csv")
    with pytest.raises(CorpusError, match="is no regular file"):
        list(read_metadata(tmp_path / "metadata.csv"))


def test_what_can_be_read_in_part_only_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "metadata.csv"
    path.write_text(
        'cord_uid,title,abstract,publish_time\na,"Masks,\nin wards",b,March 2020\n\n'
        'c,"An open quotation mark,d,2020\ne,f,g,2020\nh,i,"j",2020\nk,l,m,2020,n\n'
    )
    plan = RecordPlan(tmp_path / "plan.sqlite")
    plan.make(path)
    assert plan.counts()[0] == 3
    assert plan.oddities() == Oddities(malformed=2, first_line=5, dates=1, too_long=0)
