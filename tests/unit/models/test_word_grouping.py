import pytest
from tokenizers import Tokenizer

from models.loading import encoder_folder
from models.words import NO_WORD, words_of


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """Return a real WordPiece tokenizer, which cuts and pads nothing."""
    loaded = Tokenizer.from_file(str(encoder_folder("stock") / "tokenizer.json"))
    loaded.no_padding()
    loaded.no_truncation()
    return loaded


def words(tokenizer: Tokenizer, text: str, *left_out: str) -> list[str]:
    """Return the words that get a vector, as they are written in `text`."""
    encoding = tokenizer.encode(text)
    numbers = words_of(encoding, text, left_out).of_token
    assert numbers.shape == (len(encoding.ids),)
    held = sorted(set(numbers.tolist()) - {NO_WORD})
    assert held == list(range(len(held)))  # no gaps
    spans = [
        [span for span, number in zip(encoding.offsets, numbers, strict=True) if number == word]
        for word in held
    ]
    return [text[some[0][0] : some[-1][1]] for some in spans]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SARS-CoV-2 spreads.", ["SARS", "CoV", "2", "spreads"]),
        ("5.1 days (95% CI)!", ["5", "1", "days", "95", "CI"]),
        ("angiotensin-converting enzyme", ["angiotensin", "converting", "enzyme"]),
        ("fever \N{MICROBE} cough", ["fever", "cough"]),
        ("\N{FACE WITH MEDICAL MASK}", []),
        ("冠状", ["冠", "状"]),
        ("TNF-α in Zürich", ["TNF", "α", "in", "Zürich"]),
        ("?! … --", []),
        (" \n\t", []),
        ("", []),
    ],
)
def test_a_word_is_what_the_tokenizer_splits_at(
    tokenizer: Tokenizer, text: str, expected: list[str]
) -> None:
    assert words(tokenizer, text) == expected


def test_wordpieces_share_a_number_and_special_tokens_have_none(tokenizer: Tokenizer) -> None:
    text = "Remdesivir, or dexamethasone?"
    encoding = tokenizer.encode(text)
    numbers = words_of(encoding, text, ()).of_token.tolist()
    assert encoding.tokens[0] == "[CLS]"
    assert encoding.tokens[-1] == "[SEP]"
    assert numbers[0] == numbers[-1] == NO_WORD
    commas = {token for token, n in zip(encoding.tokens, numbers, strict=True) if n == NO_WORD}
    assert commas == {"[CLS]", ",", "?", "[SEP]"}
    pieces = {n: numbers.count(n) for n in (0, 1, 2)}
    assert pieces[0] > 1  # no name of a drug is one piece
    assert pieces[1] == 1
    assert pieces[2] > 1
    inside = [n for n in numbers if n != NO_WORD]
    assert inside == sorted(inside)  # numbered in order


def test_words_that_are_left_out_leave_no_gap(tokenizer: Tokenizer) -> None:
    text = "The virus of the Bat"
    assert words(tokenizer, text, "the", "of") == ["virus", "Bat"]  # in any letter case
    assert words(tokenizer, text, "bat") == ["The", "virus", "of", "the"]
    assert words(tokenizer, text, "vir") == ["The", "virus", "of", "the", "Bat"]  # whole words
    assert words(tokenizer, "the of", "the", "of") == []


def test_a_text_that_was_cut_has_the_words_that_are_left(tokenizer: Tokenizer) -> None:
    cut = Tokenizer.from_str(tokenizer.to_str())
    cut.enable_truncation(5)  # [CLS], three words, [SEP]
    assert words(cut, "fever and cough and pain") == ["fever", "and", "cough"]


def test_padding_belongs_to_no_word(tokenizer: Tokenizer) -> None:
    padded = Tokenizer.from_str(tokenizer.to_str())
    padded.enable_padding(length=8)
    numbers = words_of(padded.encode("fever and cough"), "fever and cough", ()).of_token
    assert numbers.tolist() == [-1, 0, 1, 2, -1, -1, -1, -1]
