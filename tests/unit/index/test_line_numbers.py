"""Which numbers are line numbers of a manuscript, and which are its authors'."""

import re

import pytest

from index.corpora.line_numbers import without_line_numbers

LINE = "and the words of this line go on until the margin is reached there"


def test_line_numbers_go_across_paragraphs_and_gaps() -> None:
    numbered = [
        " ".join(f"{LINE} {n}" for n in range(101, 106)),
        " ".join(f"{LINE} {n}" for n in (106, 107, 109, 110, 111)),  # 108 was lost
    ]
    assert without_line_numbers(numbered) == [" ".join([LINE] * 5)] * 2


def test_authors_numbers_between_line_numbers_stay() -> None:
    text = " ".join(f"{LINE} {n} of the 31 patients" for n in range(1, 12))
    cleaned = without_line_numbers([text])[0]
    assert cleaned.count("31") == 11
    assert not re.search(r"there \d+ of", cleaned)


@pytest.mark.parametrize(
    "text",
    [
        " ".join(str(n) for n in range(1, 30)),  # a list: no line between the numbers
        " ".join(f"{LINE} {n}" for n in range(1, 8)),  # seven are not enough
        " ".join(f"{LINE} {n}" for n in (12, 5, 80, 3, 41, 7, 9, 2, 60, 4)),  # no order
        " ".join(f"{LINE} {n}" for n in range(1000, 3000, 150)),  # growing too fast
        "In 2019, 2020 and 2021 there were 5 10 and 20 cases, of which 7 died",
        "",
    ],
)
def test_authors_own_numbers_stay(text: str) -> None:
    assert without_line_numbers([text]) == [text]


APART = (145, 146, 150, 157, 164, 199, 225, 226, 257, 389)  # most were lost by the extraction


def apart(*numbers: int) -> str:
    return " ".join(f"{LINE} {' '.join(str(n))}" for n in numbers)


def test_line_numbers_with_their_digits_apart_go_however_many_are_lost() -> None:
    assert without_line_numbers([apart(*APART[:4]), apart(*APART[4:])]) == [
        " ".join([LINE] * 4),
        " ".join([LINE] * 6),
    ]


def test_the_data_beside_such_a_line_number_stay() -> None:
    text = f"{apart(*APART)} {LINE} was found in 3 9 1 8 (72.7 %) of 4 2 3 9 1 patients"
    cleaned = without_line_numbers([text])[0]
    assert cleaned.endswith("was found in 8 (72.7 %) of 4 2 3 9 1 patients")


@pytest.mark.parametrize(
    "text",
    [
        apart(*APART[:7]),  # seven are not enough
        apart(*APART) + " zoo A 1 3 9 , 8 2 7 , 8 6 6 , 2 1 9 , 4 9 6",  # a table beside them
        apart(*range(150, 140, -1), 700),  # they fall
        " ".join(" ".join(str(n)) + " -" for n in APART),  # no line between the numbers
        "from 4 4 days (95 % CI 0 0-14 0) to 2 6 days " * 9,  # decimals
    ],
)
def test_other_digits_that_are_apart_stay(text: str) -> None:
    assert without_line_numbers([text]) == [text.strip()]
