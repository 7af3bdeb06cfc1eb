import csv
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from index.corpora.metadata import read_metadata
from index.manifest import current_version
from index.passages import PASSAGES, PassageStore
from scripts.make_large_corpus import COLUMNS, main
from tests.unit.index import release
from tests.unit.index.indexes import build


def made(output: Path, *more: str) -> Path:
    assert main(["--output", str(output), *more]) == 0
    assert not list(output.rglob("*.tmp"))
    return output


def files(output: Path) -> dict[str, bytes]:
    return {str(p.relative_to(output)): p.read_bytes() for p in output.rglob("*") if p.is_file()}


def test_a_seed_gives_the_same_files(tmp_path: Path) -> None:
    size = ("--records", "60", "--parses", "3")
    once = files(made(tmp_path / "once", *size))
    assert once == files(made(tmp_path / "again", *size))
    assert len(once) == 4
    other = files(made(tmp_path / "other", *size, "--seed", "1"))
    assert other.keys() == once.keys()
    assert other["metadata.csv"] != once["metadata.csv"]
    archived = files(made(tmp_path / "archive", *size, "--archive"))
    assert archived == files(made(tmp_path / "archive again", *size, "--archive"))
    assert set(archived) == {"metadata.csv", "document_parses.tar.gz"}


def test_records_are_like_a_releases(tmp_path: Path) -> None:
    corpus = made(tmp_path, "--records", "3000")
    with (corpus / "metadata.csv").open(encoding="utf-8", newline="") as file:
        assert tuple(next(csv.reader(file))) == COLUMNS == release.COLUMNS
    records = list(read_metadata(corpus / "metadata.csv"))
    assert len(records) == 3000
    repeated = 3000 - len({record["cord_uid"] for record in records})
    assert 100 < repeated < 200
    dois = Counter(record["doi"] for record in records if record["doi"])
    assert sum(count - 1 for count in dois.values()) > repeated  # some under another cord_uid
    abstracts = [len(record["abstract"].split()) for record in records if record["abstract"]]
    assert 150 < sum(abstracts) / len(abstracts) < 250
    assert 2200 < len(abstracts) < 2600


def test_parses_are_read_the_same_from_a_folder_and_an_archive(tmp_path: Path) -> None:
    found = []
    for name, more in [("folder", []), ("archive", ["--archive"])]:
        corpus = made(tmp_path / name, "--records", "20", "--parses", "5", *more)
        index_dir = tmp_path / f"{name}-index"
        report = build(corpus, index_dir)
        assert report.corpus.unreadable == {}
        with closing(PassageStore(current_version(index_dir) / PASSAGES)) as store:
            found.append(store.texts(0, store.passages))
    assert found[0] == found[1]
    assert sum(section == "Methods" for _, section, _ in found[0]) > 20


def test_what_is_there_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "metadata.csv").write_text("mine")
    assert main(["--output", str(tmp_path)]) == 1
    assert "holds a metadata.csv: give another --output" in capsys.readouterr().err
    assert main(["--output", str(tmp_path / "metadata.csv")]) == 1
    assert "cannot be written: " in capsys.readouterr().err
