import codecs
import csv
import io
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.lists import MOST_BYTES, UnreadableListError, read_file, read_text

LIST = ("How long?", "Où, et quand?")


@pytest.mark.parametrize(
    "text",
    [
        "How long?\nOù, et quand?",
        "\r\n  How long?  \r\n\r\n\tOù, et quand?\r\n\r\n",
        'How long?\n"Où, et quand?"\n',
        'question\nHow long?\n\n"Où, et quand?"\n',
        'id,Question,asked by\n1,How long?,me\n2,"Où, et quand?",you\n3,,nobody\n4\n',
        "id;QUESTIONS;x\n1;How long?;\n2;Où, et quand?;\n",
        "id\t question \n1\tHow long?\n2\tOù, et quand?\n",
    ],
)
def test_lists_and_tables_are_read(text: str) -> None:
    assert read_text(text) == LIST
    assert read_file(text.encode()).questions == LIST


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ],
)
def test_every_unicode_is_read_without_a_word(mark: bytes, encoding: str) -> None:
    found = read_file(mark + "question\nHow long?\nOù, et quand?\n".encode(encoding), "a.csv")
    assert (found.questions, found.notice) == (LIST, "")


def test_latin_1_is_read_and_told() -> None:
    found = read_file("question;n\nHow long?;1\nOù, et quand?;2\n".encode("latin-1"), "a.CSV")
    assert found.questions == LIST
    assert "not in UTF-8" in found.notice
    assert "Look whether accents" in found.notice


def test_a_cell_may_have_several_lines() -> None:
    assert read_text('question,n\n"How\nlong?",1\n') == ("How\nlong?",)


def test_a_list_may_begin_like_a_table() -> None:
    assert read_text("What, and when?\nquestion\n") == ("What, and when?", "question")
    assert read_text('"Why" and "how"\n') == ('"Why" and "how"',)
    assert read_file(b"What, and when?\nWhy?\n", "list.csv").questions == (
        "What, and when?",
        "Why?",
    )


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"", "a.txt", "The file has no question."),
        (b" \n\n\t\n", "a.csv", "The file has no question."),
        (b"id,question\n1,\n2, \n", "a.csv", "The file has no question."),
        (b"id,text\n1,Why?\n2,How?\n", "a.csv", "has 2 columns, and none is named question"),
        (b"a;b;c\n1;2;Why?\n", "a.csv", "has 3 columns, and none is named question"),
        (b"question,id,Questions\nWhy?,1,How?\n", "a.csv", "has 2 columns named question. Keep"),
        (b"id,question\n1,Why, and how?\n", "a.csv", "Row 2 of the CSV has 3 columns, and the"),
        (b'n,question\n1,"Why?\n2,How?\n3,When?\n', "a.csv", "Row 2 of the CSV begins a cell with"),
        (b'question\nWhy?\n"How?', "a.txt", "Row 3 of the CSV begins a cell with"),
        (b"PK\x03\x04\x14\x00\x06\x00", "a.xlsx", "The file is not a text. Save it as CSV"),
        (b"\x81\x8d\x8f", "a.txt", "The file is not a text."),
        (codecs.BOM_UTF16_LE + b"\x00\xd8", "a.txt", "The file is not a text."),
        (b"x" * (10 * MOST_BYTES), "a.csv", "The file has 10.0 MB; at most 1 MB are possible."),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_what_cannot_be_read_is_told_with_its_cure(data: bytes, name: str, said: str) -> None:
    with pytest.raises(UnreadableListError) as error:
        read_file(data, name)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.fixture
def usual_limit() -> Iterator[None]:
    """Let cells be as long as Python allows; readers of a corpus raise that for the process."""
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("usual_limit")
@pytest.mark.parametrize("text", ["question,n\n", 'question\n"'])
def test_a_cell_that_is_too_large_is_told(text: str) -> None:
    with pytest.raises(UnreadableListError, match="The CSV cannot be read"):
        read_text(text + "x" * 200_000)


@pytest.mark.usefixtures("usual_limit")
def test_a_line_that_is_too_long_is_a_question_to_be_refused() -> None:
    long = "x" * 200_000
    assert read_text(f'{long}\n"{long}"\nWhy?') == (long, f'"{long}"', "Why?")


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)), st.booleans())
def test_no_file_is_answered_with_a_surprise(data: bytes, table: bool) -> None:
    with suppress(UnreadableListError):
        found = read_file(data, "a.csv" if table else "a.txt")
        assert found.questions
        assert all(question == question.strip() != "" for question in found.questions)


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), min_size=1))
def test_what_a_spreadsheet_wrote_is_read_as_it_was(questions: list[str]) -> None:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["n", "question"])
    writer.writerows(enumerate(questions))
    assert read_file(file.getvalue().encode(), "a.csv").questions == tuple(questions)
