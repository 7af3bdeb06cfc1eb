from pathlib import Path

import pytest

from scripts.check_corpus import main
from scripts.ending import TerminatedError
from tests.unit.index.release import ABSTRACT, parse, write_dirty_release, write_release


def report(out: str) -> dict[str, list[str]]:
    """Return the lines of the report by their first word."""
    lines: dict[str, list[str]] = {}
    for line in out.splitlines():
        name, rest = line.split(maxsplit=1)
        lines.setdefault(name, []).append(rest)
    return lines


@pytest.mark.parametrize("workers", [1, 2])
def test_every_record_is_accounted_for_and_nothing_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], workers: int
) -> None:
    corpus, records = write_dirty_release(tmp_path / "corpus")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    arguments = ["--corpus", str(corpus), "--scratch", str(scratch), "--workers", str(workers)]
    assert main(arguments) == 0
    lines = report(capsys.readouterr().out)
    skipped = sum(int(line.split()[0]) for line in lines["skipped"])
    assert (lines["records"], lines["papers"]) == ([str(records)], ["9"])
    assert records == 9 + skipped
    assert "2  parses: leaves the corpus folder; not read" in lines["unreadable"]
    assert lines["malformed"] == ["1  records, first at line 18"]
    assert len(lines["memory"]) == workers
    assert list(scratch.iterdir()) == []


def test_the_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus, _ = write_dirty_release(tmp_path / "corpus")
    assert main(["--corpus", str(corpus), "--limit", "3", "--workers", "1"]) == 0
    assert report(capsys.readouterr().out)["records"] == ["3"]


def test_what_cannot_be_read_or_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = write_release(tmp_path / "corpus", [{"cord_uid": "a", "pdf_json_files": "a.json"}])
    (corpus / "document_parses.tar.gz").write_bytes(b"no archive")
    for arguments, message in [
        ([str(tmp_path)], "metadata.csv cannot be read (No such file or directory)"),
        (
            [str(corpus), "--scratch", str(tmp_path / "nowhere")],
            "nowhere cannot be written (No such file or directory): give",
        ),
        ([str(corpus)], "document_parses.tar.gz is cut off or damaged"),
    ]:
        assert main(["--workers", "1", "--corpus", *arguments]) == 1
        out, err = capsys.readouterr()
        last = err.splitlines()[-1]
        assert (out, last.startswith("check_corpus: "), message in last) == ("", True, True)


def test_it_warns_where_most_parses_are_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [
        {"cord_uid": uid, "abstract": f"{ABSTRACT} {uid}.", "pdf_json_files": f"{uid}.json"}
        for uid in "abcd"
    ]
    here = {"a.json": parse(ABSTRACT), "b.json": parse(ABSTRACT)}
    corpus = write_release(tmp_path / "corpus", records, here)
    assert main(["--corpus", str(corpus), "--workers", "1"]) == 0
    assert "warning" not in capsys.readouterr().err
    (corpus / "b.json").unlink()
    assert main(["--corpus", str(corpus), "--workers", "1"]) == 0
    warning = "check_corpus: warning: 3 of the 4 parses that metadata.csv names cannot be read"
    assert warning in capsys.readouterr().err


def test_it_warns_of_metadata_that_names_no_parses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As releases before 2020-05-26 do."""
    (tmp_path / "metadata.csv").write_text(f"cord_uid,title,abstract\na,Masks,{ABSTRACT}\n")
    assert main(["--corpus", str(tmp_path), "--workers", "1"]) == 0
    assert "metadata.csv has no column pmc_json_files or pdf_json_files" in capsys.readouterr().err


def test_a_termination_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def terminated(*_: object, **__: object) -> None:
        raise TerminatedError

    monkeypatch.setattr("scripts.check_corpus.survey", terminated)
    assert main(["--corpus", str(tmp_path), "--scratch", str(tmp_path)]) == 143
    assert capsys.readouterr().err == "check_corpus: stopped\n"
    assert list(tmp_path.iterdir()) == []


def test_a_corpus_without_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A build refuses it, too."""
    corpus = write_release(tmp_path, [{"cord_uid": "a"}])
    assert main(["--corpus", str(corpus), "--workers", "1"]) == 1
    out, err = capsys.readouterr()
    assert report(out)["passages"] == ["0"]
    assert err.splitlines()[-1] == f"check_corpus: {corpus} holds no text to index"
