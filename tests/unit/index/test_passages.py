import shutil
import sqlite3
import threading
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from index.filters import Attributes, Facet, Facets, Filters
from index.passages import PassageStore, PassageWriter, digest
from index.types import IndexingError, Paper, Passage

PAPER = Paper("a", "Masks", "Ahn, B", "J", "2020", "10.1/a", "PMC1", "1", "http://x", "cc", "PMC")
OTHER = replace(PAPER, cord_uid="b", title="Fever")


def rows(*texts: str) -> list[tuple[str, str, int, int]]:
    return [("Results", text, 7, 7 + len(text)) for text in texts]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a?b#c%20" / "passages.sqlite"  # no path is too odd


@pytest.fixture
def writer(path: Path) -> PassageWriter:
    path.parent.mkdir()
    return PassageWriter(path)


def finished(writer: PassageWriter, path: Path) -> PassageStore:
    """Commit what was added, and open the store; it is closed with its last user."""
    writer.commit(0)
    writer.close()
    return PassageStore(path)


def texts_of(store: PassageStore) -> list[str]:
    return [passage.text for passage in store.get(range(store.passages))]


def test_ids_count_from_zero_without_gaps(path: Path, writer: PassageWriter) -> None:
    assert writer.add(PAPER, rows("One.", "Two.", " one. ", "TWO."), full_text=True) == 2
    assert writer.add(OTHER, rows("Two.", "Three."), full_text=False) == 1
    store = finished(writer, path)
    assert (store.papers, store.passages) == (2, 3)
    assert store.get([2, 0, 2]) == [  # in the order asked for
        Passage(2, "b", "Results", "Three.", 7, 13),
        Passage(0, "a", "Results", "One.", 7, 11),
        Passage(2, "b", "Results", "Three.", 7, 13),
    ]
    assert store.texts(1, 9) == [("Masks", "Results", "Two."), ("Fever", "Results", "Three.")]
    assert store.get_papers(["b", "a", "zz"]) == {"a": PAPER, "b": OTHER}


def test_what_is_too_long_is_cut(path: Path, writer: PassageWriter) -> None:
    endless = "ab" * 1_000_000
    paper = replace(Paper("a", *[endless] * 10), publish_time="2020")
    writer.add(paper, [(endless, endless, 7, 7 + len(endless))], full_text=True)
    store = finished(writer, path)
    (passage,) = store.get([0])
    assert passage == Passage(0, "a", endless[:1000], endless[:13_000], 7, 13_007)
    assert store.of_paper("a") == [passage]
    known = store.get_papers(["a"])["a"]
    assert (known.title, known.authors) == (endless[:1000], endless[:20_000])
    assert sum(map(len, astuple(known))) == 1 + 1000 + 20_000 + 2000 + 4 + 6 * 300
    assert store.matching(Filters(journals=(known.journal,))).tolist() == [0]
    assert store.texts(0, 1) == [(endless, endless, endless)]  # as it was built


def test_a_store_with_an_endless_key_is_refused(path: Path, writer: PassageWriter) -> None:
    writer.add(replace(PAPER, cord_uid="x" * 101), rows("One."), full_text=False)
    with pytest.raises(IndexingError, match=r"cord_uid is 101 characters long.* build"):
        finished(writer, path)


def test_thousands_of_ids(path: Path, writer: PassageWriter) -> None:
    writer.add(PAPER, rows(*(f"Text {n}" for n in range(2_500))), full_text=True)
    store = finished(writer, path)
    ids = list(range(2_499, -1, -1))
    assert [passage.id for passage in store.get(ids)] == ids
    assert store.get([]) == []
    assert store.get_papers([]) == {}
    for unknown in ([2_500], [0, -1]):
        with pytest.raises(KeyError):
            store.get(unknown)


def test_a_paper_without_new_text_is_not_added(path: Path, writer: PassageWriter) -> None:
    writer.add(PAPER, rows("One."), full_text=True)
    assert writer.add(OTHER, rows("one."), full_text=True) == 0
    assert writer.add(replace(PAPER, cord_uid="c"), [], full_text=True) == 0
    store = finished(writer, path)
    assert (store.papers, store.passages) == (1, 1)


def test_what_was_not_committed_is_undone(path: Path, writer: PassageWriter) -> None:
    assert writer.last_paper() == -1
    writer.add(PAPER, rows("One."), full_text=True)
    writer.skip("x", "why")
    writer.commit(5)
    writer.add(OTHER, rows("Two."), full_text=True)
    writer.skip("y", "why")
    writer.unreadable("p", "because")
    writer.close()
    assert [file.name for file in path.parent.iterdir()] == ["passages.sqlite"]
    again = PassageWriter(path)
    assert (again.last_paper(), again.next_id) == (5, 1)
    again.add(OTHER, rows("Two."), full_text=True)
    again.unreadable("q", "because")
    again.commit(6)
    again.close()
    store = PassageStore(path)
    assert (store.papers, store.skips(), store.unreadable()) == (2, {"why": 1}, {"because": 1})
    assert texts_of(store) == ["One.", "Two."]


def test_a_writer_that_died_leaves_what_it_committed(path: Path, writer: PassageWriter) -> None:
    writer.add(PAPER, rows("One."), full_text=True)
    writer.commit(0)
    writer.add(OTHER, rows("Two."), full_text=True)
    for name in ("passages.sqlite", "passages.sqlite-wal"):  # as the files are at this moment
        (path.parent / name).with_suffix(".copy" + name[15:]).write_bytes(
            (path.parent / name).read_bytes()
        )
    writer.close()
    copy = path.with_suffix(".copy")
    PassageWriter(copy).close()
    assert texts_of(PassageStore(copy)) == ["One."]


def test_closing_after_an_error_that_ended_the_transaction(writer: PassageWriter) -> None:
    writer._db.execute("ROLLBACK")  # what SQLite does itself when the disk is full
    writer.close()


def test_any_unicode_comes_back(path: Path, writer: PassageWriter) -> None:
    texts = ["e\u0301 😀 病毒", "a\x00b", "'; DROP TABLE passages; --", "\u202e"]
    writer.add(PAPER, rows(*texts), full_text=True)
    assert texts_of(finished(writer, path)) == texts


def test_digests_ignore_case_and_white_space() -> None:
    assert digest("One\n two ") == digest("one TWO")
    assert digest("one two") != digest("onetwo")
    assert -(2**63) <= digest("\ud800") < 2**63


def test_many_threads_read_at_once(path: Path, writer: PassageWriter) -> None:
    writer.add(PAPER, rows(*(f"Text {n}" for n in range(300))), full_text=True)
    store = finished(writer, path)
    wrong: list[object] = []

    def read(seed: int) -> None:
        try:
            for step in range(50):
                ids = [(seed * 7 + step * n) % 300 for n in range(20)]
                if [p.text for p in store.get(ids)] != [f"Text {i}" for i in ids]:
                    wrong.append(ids)
        except Exception as error:  # noqa: BLE001 - whatever it was, the test shall see it
            wrong.append(error)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("content", [None, b"", b"no database", b"SQLite format 3\x00" + b"x" * 90])
def test_what_is_no_store_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "passages.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(IndexingError, match=r"is not a passage store .*: build the index again"):
        PassageStore(path)


def test_reading_does_not_write(path: Path, writer: PassageWriter) -> None:
    writer.commit(0)
    writer.close()
    before = path.read_bytes()
    store = PassageStore(path)
    with pytest.raises(sqlite3.OperationalError):
        store._rows("DELETE FROM passages")
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["passages.sqlite"]


def test_filters_find_the_passages_of_papers(path: Path, writer: PassageWriter) -> None:
    new = replace(OTHER, cord_uid="0", source="WHO; PMC", publish_time="2021-05", journal="K")
    writer.add(PAPER, rows("One.", "Two."), full_text=True)
    writer.add(OTHER, rows("Two.", "Three."), full_text=False)
    writer.add(new, rows("Four.", "Five."), full_text=False)
    store = finished(writer, path)
    assert store.matching(Filters(full_text=True)).tolist() == [0, 1]
    assert store.matching(Filters(published_to="2020")).tolist() == [0, 1, 2]
    assert store.matching(Filters(sources=("who",))).tolist() == [3, 4]
    assert store.matching(Filters(journals=("L",))).tolist() == []
    assert store.facets() == Facets(
        (Facet("PMC", 3), Facet("WHO", 1)), (Facet("J", 2), Facet("K", 1))
    )
    assert store.searchable(2, 9) == [
        ("Fever", "Results", "Three.", Attributes("2020", "PMC", "J", full_text=False)),
        *[
            ("Fever", "Results", t, Attributes("2021-05", "WHO; PMC", "K"))
            for t in ("Four.", "Five.")
        ],
    ]


def test_what_filters_found_cannot_be_changed(path: Path, writer: PassageWriter) -> None:
    writer.add(PAPER, rows("One."), full_text=True)
    store = finished(writer, path)
    with pytest.raises(ValueError, match="read-only"):
        store.matching(Filters(full_text=True))[0] = 7


def test_a_store_outlives_its_file_and_is_closed_with_its_last_user(
    path: Path, writer: PassageWriter
) -> None:
    """A service reads on while the version that it has open is deleted."""
    writer.add(PAPER, rows("One."), full_text=True)
    store = finished(writer, path)
    shutil.rmtree(path.parent)
    read: list[Passage] = []
    reader = threading.Thread(target=lambda get: read.extend(get([0])), args=(store.get,))
    reader.start()
    reader.join()
    assert [passage.text for passage in read] == ["One."]
    connection = store._db
    del reader, store
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
