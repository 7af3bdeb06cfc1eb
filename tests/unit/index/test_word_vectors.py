import gc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from index.types import IndexingError
from index.word_vectors import (
    CODES,
    COUNTS,
    MOST_WORDS,
    Codes,
    WordVectorFile,
    WordVectors,
    likeness,
    quantised,
)
from tests.making import unit

DIMENSION = 8
WIDTH = 2  # bytes of a word of 8 coordinates


def restored(codes: Codes) -> NDArray[np.float32]:
    """Return the vectors that codes stand for: their products with every axis."""
    return likeness(codes, np.eye(4 * codes.shape[1], dtype=np.float32))


def passages(*counts: int) -> list[Codes]:
    """Return the codes of passages of so many words each."""
    return [quantised(unit(count, seed=place)) for place, count in enumerate(counts)]


def test_levels_and_packing() -> None:
    # of 4 dimensions, so coordinates are doubled: -1.2, -0.2, 0.2, 1.2
    # the edges are -0.98, 0 and 0.98: levels 0, 1, 2, 3, from the lowest two bits up
    codes = quantised(np.array([[-0.6, -0.1, 0.1, 0.6]], np.float32))
    assert codes.dtype == np.uint8
    assert codes.tolist() == [[0b11_10_01_00]]
    # the levels are -1.5104, -0.4528, 0.4528, 1.5104, to a hundredth; then their length is made 1
    expected = np.array([-1.5104, -0.4528, 0.4528, 1.5104]) / np.sqrt(2 * (1.5104**2 + 0.4528**2))
    np.testing.assert_allclose(restored(codes), [expected], atol=0.001)
    # 8 coordinates: two bytes, the first four coordinates first
    codes = quantised(np.array([[0.9] * 4 + [-0.9] * 4], np.float32))
    assert codes.tolist() == [[0b11_11_11_11, 0]]
    np.testing.assert_allclose(restored(codes), [[8**-0.5] * 4 + [-(8**-0.5)] * 4], rtol=1e-5)


def test_every_byte_comes_back_as_it_was() -> None:
    codes = np.arange(256, dtype=np.uint8).reshape(-1, 1)
    # restored rows have length 1, so a level is the nearest one only where the four are alike
    vectors = restored(codes)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    signs = (codes >> np.array([1, 3, 5, 7])) & 1  # the higher bit of each coordinate
    np.testing.assert_array_equal(vectors > 0, signs == 1)


@pytest.mark.parametrize("dimension", [32, 64, 128])
def test_two_bits_keep_the_direction(dimension: int) -> None:
    vectors = unit(2_000, dimension)
    found = restored(quantised(vectors))
    assert found.dtype == np.float32
    assert found.shape == vectors.shape
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    cosines = np.einsum("nd,nd->n", found, vectors)
    # a normal variable of variance 1 loses 0.1175 of it (Max, 1960): sqrt(1 - 0.1175) = 0.939
    assert cosines.mean() > 0.93
    assert cosines.min() > 0.8


def test_likeness_is_the_inner_product_with_each_word() -> None:
    codes, question = quantised(unit(5)), unit(3, seed=1) / 3
    assert likeness(codes, question).shape == (5, 3)
    np.testing.assert_allclose(likeness(codes, question), restored(codes) @ question.T, atol=1e-6)


def test_no_words_have_no_codes() -> None:
    assert quantised(np.empty((0, DIMENSION), np.float32)).shape == (0, WIDTH)
    assert likeness(np.empty((0, WIDTH), np.uint8), unit(3)).shape == (0, 3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(IndexingError, match="not numbers: try --device cpu"):
        quantised(np.full((2, DIMENSION), value, np.float32))


def read(folder: Path) -> list[list[list[int]]]:
    words = WordVectors(folder, DIMENSION)
    found = [words.codes(id_).tolist() for id_ in range(words.size)]
    words.close()
    return found


def test_passages_are_appended_and_read_back(tmp_path: Path) -> None:
    file = WordVectorFile(tmp_path, DIMENSION)
    assert file.rows == 0
    some = passages(3, 0, 2, 0)
    file.append(some[:1])
    assert file.rows == 1
    file.append(some[1:])
    file.append([])
    assert WordVectorFile(tmp_path, DIMENSION).rows == 4
    assert read(tmp_path) == [codes.tolist() for codes in some]
    assert (tmp_path / CODES).stat().st_size == 5 * WIDTH
    assert (tmp_path / COUNTS).stat().st_size == 4 * 2


def test_words_beyond_what_a_count_holds_are_dropped(tmp_path: Path) -> None:
    many = np.zeros((MOST_WORDS + 1, WIDTH), np.uint8)
    WordVectorFile(tmp_path, DIMENSION).append([many, *passages(1)])
    words = WordVectors(tmp_path, DIMENSION)
    assert [len(words.codes(0)), len(words.codes(1))] == [65_535, 1]
    words.close()


def test_what_a_kill_leaves_can_be_cut_off_anywhere(tmp_path: Path) -> None:
    """Codes are written before counts, and either may be torn at any byte."""
    some = passages(3, 0, 2, 1)
    file = WordVectorFile(tmp_path, DIMENSION)
    file.append(some[:2])
    codes, counts = (tmp_path / CODES).read_bytes(), (tmp_path / COUNTS).read_bytes()
    file.append(some[2:])
    all_codes, all_counts = (tmp_path / CODES).read_bytes(), (tmp_path / COUNTS).read_bytes()
    torn = [
        *((all_codes[:size], counts) for size in range(len(codes), len(all_codes) + 1)),
        *((all_codes, all_counts[:size]) for size in range(len(counts), len(all_counts) + 1)),
    ]
    for codes_left, counts_left in torn:
        (tmp_path / CODES).write_bytes(codes_left)
        (tmp_path / COUNTS).write_bytes(counts_left)
        again = WordVectorFile(tmp_path, DIMENSION)
        assert again.rows == len(counts_left) // 2  # what is counted is whole
        again.truncate(again.rows)
        again.append(some[again.rows :])
        assert (tmp_path / CODES).read_bytes() == all_codes
        assert (tmp_path / COUNTS).read_bytes() == all_counts


def test_counts_without_their_codes_do_not_count(tmp_path: Path) -> None:
    file = WordVectorFile(tmp_path, DIMENSION)
    file.append(passages(3, 0, 2, 0, 1))
    content = (tmp_path / CODES).read_bytes()
    # 3, 3, 5, 5 and 6 words of 2 bytes: so many passages are whole with so many bytes
    for size, rows in [(12, 5), (11, 4), (10, 4), (9, 2), (6, 2), (5, 0), (0, 0)]:
        (tmp_path / CODES).write_bytes(content[:size])
        assert file.rows == rows
    (tmp_path / CODES).unlink()
    assert file.rows == 0


def test_truncating_drops_passages_and_makes_the_files(tmp_path: Path) -> None:
    file = WordVectorFile(tmp_path, DIMENSION)
    file.truncate(0)
    assert [(tmp_path / name).read_bytes() for name in (CODES, COUNTS)] == [b"", b""]
    some = passages(3, 0, 2)
    file.append(some)
    file.truncate(2)
    assert file.rows == 2
    file.append(some[2:])
    file.truncate(3)
    assert read(tmp_path) == [codes.tolist() for codes in some]


@pytest.fixture
def words(tmp_path: Path) -> Iterator[WordVectors]:
    """Four passages of exactly restored vectors: along axes of 4 dimensions."""
    a, b = CORNERS
    WordVectorFile(tmp_path, 4).append(
        [
            quantised(rows)
            for rows in (a[None], np.empty((0, 4), np.float32), np.stack([a, b]), b[None])
        ]
    )
    opened = WordVectors(tmp_path, 4)
    yield opened
    opened.close()


CORNERS = np.array([[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, -0.5, -0.5]], np.float32)
"""Two vectors that 2 bits hold exactly, at right angles."""


def test_scores_are_the_best_matches_of_all_words_summed(words: WordVectors) -> None:
    question = np.array([0.75, 0.25], np.float32)[:, None] * CORNERS  # weights 3/4 and 1/4
    # passage 0 is a: 0.75 * 1 + 0.25 * 0; 2 is a, b: 0.75 + 0.25; 3 is b: 0.75 * 0 + 0.25
    assert words.scores(question, [0, 2, 3]) == pytest.approx([0.75, 1.0, 0.25], abs=1e-6)
    # the best match may be a bad one: a word that is the opposite of all there is
    opposite = -question[:1]
    assert words.scores(opposite, [0, 2]) == pytest.approx([-0.75, 0.0], abs=1e-6)


def test_a_passage_without_words_scores_nothing(words: WordVectors) -> None:
    question = CORNERS[:1]
    assert words.scores(question, [1]).tolist() == [0]
    # first, last and between: it takes nothing from its neighbours
    assert words.scores(question, [1, 0, 1, 2, 1]) == pytest.approx([0, 1, 0, 1, 0], abs=1e-6)


def test_ids_come_in_any_order_and_again(words: WordVectors) -> None:
    question = np.array([0.75, 0.25], np.float32)[:, None] * CORNERS
    expected = [0.25, 0.75, 1.0, 0.25]
    assert words.scores(question, [3, 0, 2, 3]) == pytest.approx(expected, abs=1e-6)
    assert words.scores(question, []).shape == (0,)
    assert words.scores(question[:0], [3, 0]).tolist() == [0, 0]  # a question without words


@pytest.mark.parametrize("slab", [1, 7, 2048])
def test_scores_are_those_of_plain_loops(
    tmp_path: Path, slab: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.word_vectors._SLAB", slab)
    counts = np.random.default_rng(5).integers(0, 9, 60).tolist()
    some = passages(*counts)
    WordVectorFile(tmp_path, DIMENSION).append(some)
    opened = WordVectors(tmp_path, DIMENSION)
    question = unit(5, seed=99) / 5
    expected = [
        sum(max(float(word @ own) for own in restored(codes)) for word in question)
        if len(codes)
        else 0.0
        for codes in some
    ]
    found = opened.scores(question, range(60))
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, abs=1e-6)
    opened.close()


@pytest.mark.parametrize("damage", ["codes cut", "codes longer", "counts cut", "no codes at all"])
def test_files_that_do_not_belong_together_are_refused(tmp_path: Path, damage: str) -> None:
    WordVectorFile(tmp_path, DIMENSION).append(passages(3, 1))
    codes, counts = (tmp_path / CODES).read_bytes(), (tmp_path / COUNTS).read_bytes()
    (tmp_path / CODES).write_bytes(
        {"codes cut": codes[:-1], "codes longer": codes + b"x", "no codes at all": b""}.get(
            damage, codes
        )
    )
    (tmp_path / COUNTS).write_bytes(counts[:2] if damage == "counts cut" else counts)
    with pytest.raises(IndexingError, match="do not belong together: build the index again"):
        WordVectors(tmp_path, DIMENSION)


def test_an_index_of_nothing(tmp_path: Path) -> None:
    WordVectorFile(tmp_path, DIMENSION).append([])
    opened = WordVectors(tmp_path, DIMENSION)
    assert opened.size == 0
    opened.close()


def test_files_are_closed_with_the_last_reference(tmp_path: Path) -> None:
    """As a version of an index is, when a service goes over to the next one."""
    WordVectorFile(tmp_path, DIMENSION).append(passages(1))
    opened = WordVectors(tmp_path, DIMENSION)
    file = opened._file._file
    del opened
    gc.collect()
    assert file.closed


def test_neighbours_are_read_at_once_and_all_as_they_are_alone(tmp_path: Path) -> None:
    WordVectorFile(tmp_path, DIMENSION).append(passages(*range(40), 0, 900, 1500, 3))
    question = unit(3, seed=99)
    with closing(WordVectors(tmp_path, DIMENSION)) as opened:
        ids = [0, 1, 2, 5, 7, 8, 39, 40, 41, 42, 43, 3, 2]
        alone = [opened.scores(question, [id_])[0] for id_ in ids]
        assert opened.scores(question, ids) == pytest.approx(alone, abs=1e-6)


def test_a_file_cut_short_while_it_is_served_is_told(tmp_path: Path) -> None:
    WordVectorFile(tmp_path, DIMENSION).append(passages(3, 3))
    with closing(WordVectors(tmp_path, DIMENSION)) as opened:
        (tmp_path / CODES).write_bytes((tmp_path / CODES).read_bytes()[:8])
        assert opened.scores(unit(1), [0]).shape == (1,)
        with pytest.raises(IndexingError, match="was cut short while it is served"):
            opened.scores(unit(1), [0, 1])
