"""What an inspection finds in an index, whole and damaged."""

from pathlib import Path

import pytest

from index.inspection import inspect_index, read_contents
from index.manifest import current_version, describe
from index.passages import PASSAGES
from index.types import IndexingError
from index.vectors import VECTORS
from index.words import count_words
from tests.unit.index.indexes import build, change_manifest, turn_a_bit
from tests.unit.index.release import parse, sentences, write_release

RECORDS = [
    {"cord_uid": "u1", "title": "One", "pdf_json_files": "u1.json", "publish_time": "2020-03-10"},
    {"cord_uid": "u2", "title": "Two", "abstract": sentences(3, "two"), "publish_time": "2019"},
    {"cord_uid": "u3", "title": "Three", "abstract": "Five words are just enough.", "license": "x"},
    {"cord_uid": "u4", "title": "Four", "pdf_json_files": "gone.json"},
]
SOURCES = {"u1": "PMC; Medline", "u2": "PMC"}


@pytest.fixture
def index_dir(tmp_path: Path) -> Path:
    records = [
        record
        | {"source_x": SOURCES.get(record["cord_uid"], ""), "license": record.get("license", "")}
        for record in RECORDS
    ]
    corpus = write_release(tmp_path / "corpus", records, {"u1.json": parse(sentences(60, "one"))})
    build(corpus, tmp_path / "index")
    return tmp_path / "index"


def test_everything_is_counted(index_dir: Path) -> None:
    found = inspect_index(index_dir)
    contents = found.contents
    assert found.problems == []
    assert contents is not None
    assert (contents.papers, contents.full_text) == (3, 1)
    assert contents.passages == found.manifest.passages == sum(contents.lengths.values())
    assert contents.sources == {"PMC": 2, "Medline": 1, "unknown": 1}
    assert contents.licenses == {"unknown": 2, "x": 1}
    assert list(contents.years.items()) == [("2019", 1), ("2020", 1), ("unknown", 1)]
    assert contents.lengths[0] == contents.lengths[30] == 1  # of u3 and of u2
    assert list(contents.lengths) == sorted(contents.lengths)
    assert contents.shortest is not None
    assert (contents.shortest.cord_uid, contents.shortest.words) == ("u3", 5)
    assert contents.longest is not None
    assert contents.longest.cord_uid == "u1"
    assert contents.longest.words == count_words(contents.longest.text)
    assert sum(contents.skips.values()) == 1
    assert sum(contents.unreadable.values()) == 1


def test_samples_are_the_same_every_time(index_dir: Path) -> None:
    first = inspect_index(index_dir, samples=2).contents
    assert first == inspect_index(index_dir, samples=2).contents
    assert first is not None
    assert [sample.id for sample in first.samples] == sorted({s.id for s in first.samples})
    assert len(first.samples) == 2
    every = inspect_index(index_dir, samples=1000).contents
    assert every is not None
    assert [sample.id for sample in every.samples] == list(range(every.passages))


def test_every_file_that_differs_is_named(index_dir: Path) -> None:
    folder = current_version(index_dir)
    (folder / VECTORS).unlink()
    (folder / "embeddings.f16").write_bytes(b"short")
    found = inspect_index(index_dir)
    assert found.contents is not None
    assert len(found.problems) == 2
    assert found.problems[0].startswith("embeddings.f16 has 5 bytes where ")
    assert found.problems[1] == "vectors.faiss is missing"


def test_an_altered_store_is_not_read(index_dir: Path) -> None:
    turn_a_bit(current_version(index_dir) / PASSAGES)
    found = inspect_index(index_dir)
    assert found.contents is None
    assert found.problems == [
        "passages.sqlite was altered (its SHA-256 differs from the manifest's)"
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"dimension": 9}, ["{folder}/vectors.faiss and the vectors beside it do not belong"]),
        ({"word_dimension": 4}, ["{folder}/word_vectors.bin and word_counts.u16 do not belong"]),
        ({"word_dimension": 0}, ["{folder}/word_vectors.bin and word_counts.u16 do not belong"]),
        ({"papers": 7}, ["passages.sqlite holds 3 papers, and the manifest says 7"]),
        (
            {"files": {}},
            [
                f"{name} is not in the manifest"
                for name in ("embeddings.f16", "keywords", "passages.sqlite", "vectors.faiss")
            ],
        ),
    ],
)
def test_a_manifest_that_says_otherwise(
    index_dir: Path, change: dict[str, object], problem: list[str]
) -> None:
    change_manifest(current_version(index_dir), **change)
    for found, said in zip(inspect_index(index_dir).problems, problem, strict=False):
        assert found.startswith(said.format(folder=current_version(index_dir)))
    assert len(inspect_index(index_dir).problems) >= len(problem)


def test_a_part_that_the_manifest_does_not_name_is_missed(index_dir: Path) -> None:
    folder = current_version(index_dir)
    (folder / "keywords/meta.json").unlink()
    change_manifest(folder, files=describe(folder))
    (problem,) = inspect_index(index_dir).problems
    assert problem.startswith(f"{folder}/keywords is not a keyword index")


def test_what_is_no_index_is_refused(index_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(IndexingError, match="is not there: build one"):
        inspect_index(tmp_path / "nowhere")
    (tmp_path / "file").write_text("no database at all, but long enough to be looked at" * 10)
    with pytest.raises(IndexingError, match="is not a passage store"):
        read_contents(tmp_path / "file", 3)
    change_manifest(current_version(index_dir), format=99)
    with pytest.raises(IndexingError, match=r"has format 99.*: update the program"):
        inspect_index(index_dir)
