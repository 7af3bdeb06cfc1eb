from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from index.embedding import embedding_text
from index.manifest import current_version
from index.passages import PASSAGES, PassageStore
from index.reuse import Known, KnownVectors, Row
from index.types import IndexingError
from index.vector_files import EMBEDDINGS
from index.word_vectors import quantised
from tests.unit.index.fake_encoder import encode
from tests.unit.index.indexes import SAMPLE, build

UNKNOWN: Row = ("A title", "", "A text that the index does not hold.")


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    index = tmp_path_factory.mktemp("reuse")
    build(SAMPLE, index, limit=20)
    return current_version(index)


@pytest.fixture
def rows(version: Path) -> list[Row]:
    store = PassageStore(version / PASSAGES)
    found = store.texts(0, store.passages)
    store.close()
    return [(title, section, text) for title, section, text in found]


def lookups(known: KnownVectors, monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """Return the list of the rows that will be looked up by their digest."""
    asked: list[Row] = []
    find = known._store.find

    def counted(rows: Sequence[Row]) -> dict[int, int]:
        asked.extend(rows)
        return find(rows)

    monkeypatch.setattr(known._store, "find", counted)
    return asked


def assert_known(found: Known, rows: Sequence[Row]) -> None:
    """Compare what was found with what the encoder makes of the rows."""
    made = encode([embedding_text(*row) for row in rows])
    np.testing.assert_array_equal(found.vectors, made.vectors.astype(np.float16))
    assert len(found.codes) == len(rows)
    for codes, words in zip(found.codes, made.words, strict=True):
        np.testing.assert_array_equal(codes, quantised(words))


def test_the_same_order_is_read_from_front_to_back(
    version: Path, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = KnownVectors(version)
    asked = lookups(known, monkeypatch)
    for at in range(0, len(rows), 10):
        places, found = known.find(rows[at : at + 10])
        assert places == list(range(len(rows[at : at + 10])))
        assert_known(found, rows[at : at + 10])
    assert asked == []
    known.close()


def test_new_rows_do_not_disturb_the_order_and_gaps_cost_one_page(
    version: Path, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = KnownVectors(version)
    asked = lookups(known, monkeypatch)
    page = [rows[0], UNKNOWN, rows[1], rows[2]]
    places, found = known.find(page)
    assert places == [0, 2, 3]
    assert_known(found, [rows[0], rows[1], rows[2]])
    assert asked == [UNKNOWN]
    asked.clear()
    assert known.find(rows[20:24])[0] == [0, 1, 2, 3]  # papers in between were dropped
    assert asked == rows[20:24]
    asked.clear()
    assert known.find(rows[24:28])[0] == [0, 1, 2, 3]
    assert asked == []
    known.close()


def test_any_order_is_found(version: Path, rows: list[Row]) -> None:
    known = KnownVectors(version)
    turned = rows[::-1]
    for at in range(0, len(turned), 7):
        places, found = known.find(turned[at : at + 7])
        assert places == list(range(len(turned[at : at + 7])))
        assert_known(found, turned[at : at + 7])
    known.close()


def test_another_title_section_or_letter_case_is_not_known(version: Path, rows: list[Row]) -> None:
    known = KnownVectors(version)
    title, section, text = rows[3]
    changed = [("Other", section, text), (title, "Other", text), (title, section, text.upper())]
    for row in changed:
        places, found = known.find([row])
        assert (places, found.vectors.shape[0], found.codes) == ([], 0, [])
    known.close()


def test_vectors_of_other_passages_are_refused(version: Path) -> None:
    path = version / EMBEDDINGS
    content = path.read_bytes()
    path.write_bytes(content[:-16])
    try:
        with pytest.raises(IndexingError, match=r"vectors of .* passages: build the index again"):
            KnownVectors(version)
    finally:
        path.write_bytes(content)
