import pytest

from index.words import count_words, has_words, word_spans


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" \n\u3000", 0),
        ("SARS-CoV-2 spreads.", 2),
        ("5.1 days\u2028(95% CI)", 4),
        ("新型冠状病毒。", 7),  # no spaces: each character, and the full stop
        ("李 and 2019新型 virus", 6),  # 李, and, 2019, 新, 型, virus
        ("한국어 문장", 2),  # Korean puts spaces
        ("ACGT" * 100, 4),  # a genome is not one word
    ],
)
def test_words_are_counted(text: str, count: int) -> None:
    assert count_words(text) == len(word_spans(text)) == count


def test_spans_are_of_the_text() -> None:
    text = " a😀b  病毒\n"
    assert [text[a:b] for a, b in word_spans(text)] == ["a😀b", "病", "毒"]


@pytest.mark.parametrize(
    "text",
    [
        "Fever",
        "It was 5.1 days (95% CI 4.5-5.8) and R 0 = 2.",
        "5.1 4.5 5.8 2.2 1.4 3.9 days",  # a row of a table with its unit
        "病 毒",
        "मान 1 2 3 4 5",
        "Age 29.0 ± 9.0 30.0 ± 8.0",
    ],
)
def test_prose_and_rows_with_a_name_have_words(text: str) -> None:
    assert has_words(text)


@pytest.mark.parametrize(
    "text",
    [
        *["", "5.1", "C1 R 0 = 3.5; k = 0.3; M(t 0) = 2", "r = 0.11 " * 30],
        "days " + "5.1 ± 2.2* 3.9 ± 1.4# " * 10,
    ],
)
def test_numbers_and_formulas_alone_have_none(text: str) -> None:
    assert not has_words(text)
