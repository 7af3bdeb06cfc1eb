import pytest

from index.filters import NO_FILTERS, Filters
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


def test_numbers_are_what_they_are_worth() -> None:
    query = parse(question="Why?", weight=-0.0, top_k=50.0)
    assert (repr(query.weight), repr(query.top_k)) == ("0.0", "50")


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("  Why?\n", "Why?"),
        ("How\t\tlong\r\nis it?", "How long is it?"),
        ("¿Qué\u00a0es?", "¿Qué es?"),  # a no-break space is white space
        ("潜伏期", "潜伏期"),
        ("2", "2"),
        ("a" * 500, "a" * 500),
        ("How" + " " * 500 + "long?", "How long?"),
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
        (None, "must be a text."),
        (5, "must be a text."),
        (["Why?"], "must be a text."),
        (b"Why?", "must be a text."),
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


@pytest.mark.parametrize(
    "top_k", [0, 51, -1, 5.5, 50.1, 0.0, float("inf"), True, "5", "abc", None, 10**400]
)
def test_a_bad_top_k(top_k: object) -> None:
    assert "from 1 to 50" in problems(question="Why?", top_k=top_k)["top_k"]


def test_all_problems_are_told_at_once() -> None:
    assert problems(weight=2, top_k=0, k=5).keys() == {"question", "weight", "top_k", "k"}


def test_a_flood_of_unknown_fields_is_reported_in_part() -> None:
    flood = {f"field{number}" * 50: 1 for number in range(1000)}
    found = problems(question="Why?", **flood)
    assert len(found) == 20
    assert all(len(detail) < 100 for detail in found.values())


def test_filters_are_optional_and_trimmed() -> None:
    assert parse(question="Why?").filters == NO_FILTERS
    assert parse(question="Why?", filters={}).filters == NO_FILTERS
    empty = {"published_from": "", "published_to": " ", "sources": [], "journals": []}
    assert parse(question="Why?", filters={**empty, "full_text": False}).filters == NO_FILTERS
    given = {
        "published_from": " 2020-03 ",
        "published_to": "2021-02-28",
        "sources": ["PMC", " a \n b ", "PMC"],
        "journals": ["x" * 300, "!"],
        "full_text": True,
    }
    assert parse(question="Why?", filters=given).filters == Filters(
        "2020-03", "2021-02-28", ("PMC", "a b"), ("x" * 300, "!"), full_text=True
    )


@pytest.mark.parametrize("field", ["sources", "journals"])
@pytest.mark.parametrize("name", ["\x07", "PMC\x1b", "\x1fPMC", "P\x85C"])
def test_a_name_has_no_control_characters(field: str, name: str) -> None:
    said = problems(question="Why?", filters={field: [name]})
    assert said == {field: "A name of a source or a journal contains control characters."}


@pytest.mark.parametrize("date", ["2020", "2020-02", "2020-02-29", "0001", "9999-12-31"])
def test_a_date_may_be_vague(date: str) -> None:
    assert parse(question="Why?", filters={"published_from": date}).filters.published_from == date


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        *(
            ("published_from", date, "must be written as 2020, 2020-03 or 2020-03-13")
            for date in [
                "20",
                "2020-3",
                "2020-03-1",
                "2020/03",
                "March 2020",
                "٢٠٢٠",
                "2020-",
                "\ud800",
            ]
        ),
        *(("published_to", date, "must be written as") for date in [2020, None, ["2020"], True]),
        *(
            ("published_to", date, f"There is no date {date}.")
            for date in ["2020-13", "2020-00", "2021-02-29", "2020-04-31", "0000", "2020-01-00"]
        ),
        *(
            (field, names, "must be a list of at most 20 names of 1 to 300 characters")
            for field in ("sources", "journals")
            for names in [
                *("PMC", None, 5, {"PMC": 1}, [""], [" "], [5], [None], [["PMC"]]),
                *(["x" * 301], ["x"] * 21, ["PMC", "\ud800"]),
            ]
        ),
        *(("full_text", value, "must be true or false") for value in [1, 0, "true", None, []]),
        ("language", "en", "The field language is unknown."),
        ("x" * 50, 1, f"The field {'x' * 40}… is unknown."),
    ],
)
def test_a_bad_filter_says_why(field: str, value: object, why: str) -> None:
    assert why in problems(question="Why?", filters={field: value})[field]


@pytest.mark.parametrize("filters", [None, [], "PMC", 5, True, [{"full_text": True}]])
def test_filters_that_are_no_object(filters: object) -> None:
    assert "must be an object" in problems(question="Why?", filters=filters)["filters"]


@pytest.mark.parametrize(
    ("first", "last", "possible"),
    [
        ("2020", "2020", True),
        ("2020-03", "2020", True),
        ("2020", "2020-03", True),
        ("2020-03-13", "2020-03-13", True),
        ("2020-03-13", "2020-03-12", False),
        ("2020-04", "2020-03-31", False),
        ("2021", "2020-12-31", False),
    ],
)
def test_the_last_date_must_not_be_before_the_first(first: str, last: str, possible: bool) -> None:
    filters = {"published_from": first, "published_to": last}
    if possible:
        assert parse(question="Why?", filters=filters).filters == Filters(first, last)
    else:
        said = f"The last date, {last}, is before the first, {first}."
        assert problems(question="Why?", filters=filters) == {"published_to": said}


def test_a_list_of_bad_names_is_one_problem() -> None:
    assert len(problems(question="Why?", filters={"sources": [5] * 15, "journals": [""]})) == 2
