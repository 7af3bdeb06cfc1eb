import numpy as np
import pytest
from tokenizers import Tokenizer

from models import token_table
from models.loading import encoder_folder
from models.token_table import TokenTable
from models.words import words_of

TEXTS = ["Fever and cough.", "", "Remdesivir helps the nurses of the ward, or not?", "Fever"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(encoder_folder("stock") / "tokenizer.json"))


def test_texts_are_cut_as_one_by_one(tokenizer: Tokenizer) -> None:
    tokens = TokenTable(tokenizer, 9, ("the", "of")).of([*TEXTS, TEXTS[0]])
    cut = Tokenizer.from_str(tokenizer.to_str())
    cut.no_padding()
    cut.enable_truncation(9)
    begin = 0
    for text, length in zip([*TEXTS, TEXTS[0]], tokens.lengths, strict=True):
        encoding = cut.encode(text)
        ids, words = (part[begin : begin + length] for part in (tokens.ids, tokens.words))
        assert ids.tolist() == encoding.ids
        assert words.tolist() == words_of(encoding, text, {"the", "of"}).of_token.tolist()
        begin += length
    assert begin == len(tokens.ids) == len(tokens.words)
    assert tokens.lengths.max() == 9


def test_rows_are_taken_in_any_order_and_padded(tokenizer: Tokenizer) -> None:
    table = TokenTable(tokenizer, 64, ())
    taken = table.of(TEXTS).taken(np.array([3, 0, 0]))
    again = table.of([TEXTS[3], TEXTS[0], TEXTS[0]])
    for name in ("ids", "words", "lengths"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(again, name))
    ids, words = taken.padded()
    assert ids.dtype == words.dtype == np.int64
    assert ids.shape == words.shape == (3, 6)  # [CLS] fever and cough . [SEP]
    assert words.tolist() == [[-1, 0, -1, -1, -1, -1], *[[-1, 0, 1, 2, -1, -1]] * 2]
    assert ids[0, 3:].tolist() == [0, 0, 0]
    wider, _ = taken.padded(8)
    assert wider.shape == (3, 8)
    np.testing.assert_array_equal(wider[:, :6], ids)
    assert table.of([]).padded()[0].shape == (0, 0)


def test_several_processes_make_the_same(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_table, "_PART", 2)
    texts = [*TEXTS, *(f"Cough on day {n} {'of fever ' * n}" for n in range(5)), TEXTS[0]]
    here, elsewhere = (TokenTable(tokenizer, 12, ("of",)) for _ in range(2))
    assert here.add(texts) == elsewhere.add(texts, workers=2) == len(elsewhere) == 9
    assert elsewhere.add(texts, workers=2) == 0
    for name in ("ids", "words", "lengths"):
        one, other = (getattr(table.of(texts), name) for table in (here, elsewhere))
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_half_a_pair_of_surrogates_is_no_token_of_its_own(tokenizer: Tokenizer) -> None:
    broken, mended = (TokenTable(tokenizer, 9, ()).of([f"fe{c}ver"]) for c in "\ud83d\ufffd")
    assert broken.ids.tolist() == mended.ids.tolist()
