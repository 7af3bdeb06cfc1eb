import pytest

from index.words import count_words, word_spans


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
