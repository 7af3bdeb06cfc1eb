import pytest

from service.types import Query
from service.validation import InvalidQueryError, parse_query


def parse(**values: object) -> Query:
    return parse_query(values, weight=0.5, top_k=5)


def problems(**values: object) -> dict[str, str]:
    with pytest.raises(InvalidQueryError) as error:
        parse(**values)
    return {problem.field: problem.detail for problem in error.value.problems}


def test_weight_and_top_k_have_defaults() -> None:
    assert parse(question="Why?") == Query("Why?", 0.5, 5)
    assert parse(question="Why?", weight=0, top_k=50) == Query("Why?", 0.0, 50)


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("  Why?\n", "Why?"),
        ("How\t\tlong\r\nis it?", "How long is it?"),
        ("¿Qué\u00a0es?", "¿Qué es?"),  # a no-break space is white space
        ("潜伏期", "潜伏期"),
        ("2", "2"),
        ("a" * 500, "a" * 500),
        (" " + "😀a" * 250 + " ", "😀a" * 250),  # 500 code points, 1500 bytes and more
    ],
)
def test_a_question_is_trimmed_and_its_white_space_is_one_space(typed: str, asked: str) -> None:
    assert parse(question=typed).question == asked


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ("", "empty"),
        (" \t\n\u3000", "empty"),
        ("?!… -", "no word"),
        ("\u200b\u200d", "no word"),  # zero-width characters only
        ("a" * 501, "501 characters"),
        ("a\x00b", "control characters"),
        ("a\x1bb", "control characters"),
        ("a\x7fb", "control characters"),
        ("a\x85b", "control characters"),
        ("a\ud800b", "valid Unicode"),
        (None, "must be a text"),
        (5, "must be a text"),
        (["Why?"], "must be a text"),
        (b"Why?", "must be a text"),
    ],
)
def test_a_bad_question_says_why(question: object, why: str) -> None:
    assert why in problems(question=question)["question"]


@pytest.mark.parametrize(
    "weight", [-0.1, 1.1, float("nan"), float("inf"), 10**400, True, "0.5", None, [0.5]]
)
def test_a_bad_weight(weight: object) -> None:
    assert problems(question="Why?", weight=weight) == {
        "weight": "The weight must be a number from 0 to 1."
    }


@pytest.mark.parametrize("top_k", [0, 51, -1, 5.0, 5.5, True, "5", "abc", None, 10**400])
def test_a_bad_top_k(top_k: object) -> None:
    assert "from 1 to 50" in problems(question="Why?", top_k=top_k)["top_k"]


def test_all_problems_are_told_at_once() -> None:
    assert problems(weight=2, top_k=0, k=5).keys() == {"question", "weight", "top_k", "k"}


def test_a_flood_of_unknown_fields_is_reported_in_part() -> None:
    flood = {f"field{number}" * 50: 1 for number in range(1000)}
    found = problems(question="Why?", **flood)
    assert len(found) == 20
    assert all(len(detail) < 100 for detail in found.values())
