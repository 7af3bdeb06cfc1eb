"""Abbreviations that texts define in brackets."""

import pytest

from service.abbreviations import definitions, long_form


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "acute respiratory distress syndrome (ARDS)",
            {"ARDS": "acute respiratory distress syndrome"},
        ),
        ("in the receptor-binding domain (RBD, of it)", {"RBD": "receptor-binding domain"}),
        ("given hydroxychloroquine (HCQ)", {"HCQ": "hydroxychloroquine"}),
        ("by the main protease (Mpro)", {}),  # a word of one capital may be a name
        ("of the main protease (M-Pro)", {"M-Pro": "main protease"}),
        ("the receptor (ACE2)", {}),
        ("in a city (Rome)", {}),
        ("ACE2 (ACE2)", {}),
        ("(ARDS)", {}),
        ("", {}),
    ],
)
def test_a_long_form_stands_before_its_short_one(text: str, found: dict[str, str]) -> None:
    assert definitions([text]) == found


def test_of_several_long_forms_the_most_frequent_counts() -> None:
    many = "middle east region (MER)"
    assert definitions([many, "main entry receptor (MER)", many]) == {"MER": "middle east region"}


def test_the_first_letter_begins_a_word() -> None:
    assert long_form("AR", "the tartar") == ""
    assert long_form("AR", "an acute rash") == "acute rash"
    assert long_form("A1B2C3", "x") == ""


def test_long_texts_take_no_longer_than_they_must() -> None:
    for hostile in ("(ACE2) " * 20_000, "a" * 100_000 + " (AAAA)", " (" * 50_000, "A" * 100_000):
        assert len(definitions([hostile])) <= 1
