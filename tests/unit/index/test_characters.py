import sys
import unicodedata

import pytest

from index.corpora.characters import visible
from index.corpora.cleaning import clean

NUMBER_SIGNS = (
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)


def test_no_character_that_is_not_seen_is_left_in_a_word() -> None:
    hieroglyphs = {chr(code) for code in range(0x13430, 0x13440)}  # their layout
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) in {"Cf", "Co"}:
            kept = character in NUMBER_SIGNS or character in hieroglyphs
            assert visible(f"corona{character}virus") == (
                f"corona{character if kept else ''}virus"
            ), hex(code)
        elif unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
            seen = visible(character)
            assert seen == " " or (code in range(0x80, 0xA0) and seen.isprintable()), hex(code)


@pytest.mark.parametrize(
    "text",
    [
        "e\u0301 👩\u200d🔬 मान क\u200dष نمی\u200cخواهم",  # joiners have a meaning
        *["“NOMINOË” fund", "CAFÉ», MANHÃ.", "Â, â, Ñandú, Île: Ð", "α≥β−1 ∞ °C", "naïve ß"],
    ],
)
def test_what_is_seen_or_has_a_meaning_stays(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("HRâ\x80¯=â\x80¯0.45, ([â\x89¥]16y), â€œOnâ€\x9d", "HR = 0.45, ([≥]16y), “On”"),
        ("Ñ… Ð’Ð²ÐµÐ´: Ñ\x81Ð¾, Î³-CoV, StudentÂ´s, naÃ¯ve", "х Введ: со, γ-CoV, Student´s, naïve"),
        ("7.5\x89 of \x93only\x94 a\x81b", "7.5‰ of “only” a b"),
        ("knowl\u00adedge, knowl\u00ad edge, API \u00ad A", "knowledge, knowledge, API A"),
        ("corona\u200cvirus \u200epractice", "coronavirus practice"),
        ("IFN\uf061\uf020protein \uf0a5 R\uf0e0C \uf05b1\uf05d", "IFNα protein ∞ R→C [1]"),
    ],
)
def test_characters(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned
