"""`/batch`, `/docs` and the page of feedback in a browser, before a server without models."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.browsing import DESKTOP, PHONE, visiting
from tests.serving import FAKE, LIMIT, Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    store = tmp_path_factory.mktemp("feedback") / "feedback.sqlite"
    changes = {"FAKE_SECONDS": "0.1", "COVIDQUEST_FEEDBACK": str(store)}
    with serving(*FAKE, limit=LIMIT, **changes) as running:
        yield running
        assert running.stop() == 0


@pytest.fixture
def page(server: Server, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Open /batch; in the end the page was silent and kept to its own host.

    A parameter adds to the options of the browser's context. What the network says of a refused
    request is no complaint of the page, nor is a dialog that asks whether to leave: it has no text.
    """
    with visiting(f"{server.url}/batch", browser, getattr(request, "param", {})) as visit:
        yield visit.page
        refused = "Failed to load resource: the server responded with a status of 4"
        visit.complaints[:] = [s for s in visit.complaints if s and not s.startswith(refused)]


without_javascript = {"java_script_enabled": False}
each_way = pytest.mark.parametrize(
    "page", [{}, without_javascript], ids=["with JavaScript", "without"], indirect=True
)
on_a_phone = pytest.mark.parametrize("page", [{"viewport": PHONE}], indirect=True)


def fill(page: Page, text: str) -> None:
    page.get_by_label("Questions (one a line)").fill(text)


def ask(page: Page) -> None:
    page.get_by_role("button", name="Ask all").click()


@each_way
def test_a_pasted_list_is_answered(page: Page) -> None:
    fill(page, "Why <b>so</b>?\n\nunsure?\n?!\nnothing?")
    ask(page)
    expect(page.locator("#answers")).to_contain_text("4 of 4 questions done.")
    rows = page.locator("#rows tr")
    expect(rows).to_have_count(4)
    first = rows.nth(0)
    expect(first.get_by_role("rowheader")).to_have_text("1")
    expect(first.get_by_role("link", name="Why <b>so</b>?")).to_have_attribute(
        "href", re.compile(r"/top_k_results\?question=Why\+%3Cb%3E")
    )
    expect(first.locator("mark")).to_have_text("5.1 days (95% CI, 4.5 to 5.8 days)")
    expect(first.get_by_role("link", name="How long COVID-19 incubates")).to_have_attribute(
        "href", "https://doi.org/10.7326/M20-0504"
    )
    expect(rows.nth(1)).to_contain_text("No reliable answer found")
    expect(rows.nth(2)).to_contain_text("The question contains no word.")
    expect(rows.nth(3)).to_contain_text("No passage found")
    expect(page.locator("#questions")).to_have_value("Why <b>so</b>?\n\nunsure?\n?!\nnothing?")


@each_way
def test_words_that_no_paper_has_and_marks_stand_beside_the_answer(page: Page) -> None:
    fill(page, "Is xylitol used for SARS-CoV-2 in Peru?")
    ask(page)
    answered = page.locator("#rows .answered")
    expect(answered).to_contain_text("No paper here has the word “xylitol”.")
    expect(answered.locator(".marked")).to_have_text("Not named: “Peru”")


def test_progress_is_told_and_can_be_stopped(page: Page) -> None:
    fill(page, "\n".join(f"{n}?" for n in range(1, 101)))
    ask(page)
    expect(page.get_by_role("progressbar", name="Questions answered")).to_be_visible()
    expect(page.locator("#rows tr").nth(2)).to_be_visible()
    page.get_by_role("button", name="Stop").press("Enter")
    expect(page.locator("#answers")).to_be_focused()
    said = page.locator("#progress-said")
    expect(said).to_contain_text(re.compile(r"^\d+ of 100 questions done\. Stopped\.$"))
    assert page.locator("#rows tr").count() < 100
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    expect(page.get_by_role("link", name="Download as CSV")).to_be_visible()


def test_the_table_is_downloaded_without_asking_again(page: Page) -> None:
    fill(page, "=Why?\nOù?\n?!")
    page.get_by_text("Options").click()
    page.get_by_label("Answers to each").fill("2")
    ask(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert download.value.suggested_filename == "covidquest-answers.csv"
    data = Path(download.value.path()).read_bytes()
    assert data.startswith(b"\xef\xbb\xbfquestion,rank,")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    asked = [(row["question"], row["rank"]) for row in rows]
    assert asked == [("'=Why?", "1"), ("'=Why?", "2"), ("Où?", "1"), ("Où?", "2"), ("?!", "")]
    assert rows[-1]["problem"] == "The question contains no word."


def test_answers_that_were_not_downloaded_are_not_lost_without_a_word(page: Page) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.reload()
    assert asked == []  # there are no answers
    fill(page, "Why?\nHow?")
    ask(page)
    expect(page.locator("#progress-said")).to_have_text("2 of 2 questions done.")
    with page.expect_popup() as paper:  # so that a look at the answers does not take the table
        page.locator("#rows").get_by_role("link", name="Why?").click()
    paper.value.close()
    page.evaluate("setTimeout(() => location.reload())")
    page.wait_for_event("dialog", predicate=lambda dialog: dialog.type == "beforeunload")
    expect(page.locator("#rows tr")).to_have_count(2)
    with page.expect_download():
        page.get_by_role("link", name="Download as CSV").click()
    before = len(asked)
    page.reload()
    expect(page.locator("#rows tr")).to_have_count(0)
    assert len(asked) == before


@each_way
def test_the_server_makes_the_same_file(page: Page) -> None:
    fill(page, "Why?")
    with page.expect_download() as download:
        page.get_by_role("button", name="Answers as a CSV file").click()
    assert download.value.suggested_filename == "covidquest-answers.csv"
    assert b"Why?,1," in Path(download.value.path()).read_bytes()


@each_way
def test_a_file_in_latin_1_is_answered_with_a_notice(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "questions.csv"
    file.write_bytes("n;question\n1;Où est-il?\n".encode("latin-1"))
    page.get_by_label("Or a file").set_input_files(file)
    ask(page)
    expect(page.locator("#notice")).to_contain_text("it was read as Windows-1252")
    expect(page.locator("#rows")).to_contain_text("Où est-il?")


@each_way
def test_a_list_that_cannot_be_asked_is_told_in_place(page: Page) -> None:
    many = "Why?\n" * 101
    for text, said in (
        ("", "There is no question."),
        (" \n\n ", "There is no question."),
        (many, "There are 101 questions; at most 100 are possible."),
    ):
        fill(page, text)
        ask(page)
        expect(page.get_by_role("alert")).to_contain_text(said)
        field = page.locator("#questions")
        expect(field).to_have_accessible_description(re.compile(re.escape(said)))
        expect(field).to_have_value(text)
        expect(page.locator("#answers")).to_be_hidden()
    fill(page, "Why?")
    ask(page)
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(page.locator("#problem")).to_be_hidden()


def test_answers_and_focus_stay_when_the_next_list_cannot_be_asked(page: Page) -> None:
    fill(page, "Why?\nHow?")
    button = page.get_by_role("button", name="Ask all")
    button.press("Enter")
    expect(page.locator("#progress-said")).to_have_text("2 of 2 questions done.")
    expect(button).to_be_focused()
    fill(page, "Why?\n" * 101)
    button.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("There are 101 questions")
    expect(page.locator("#rows tr")).to_have_count(2)
    expect(page.locator("#progress-said")).to_have_text("2 of 2 questions done.")
    expect(page.get_by_role("link", name="Download as CSV")).to_be_visible()
    expect(button).to_be_focused()


@each_way
def test_a_file_that_cannot_be_read_is_told_in_place(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "questions.csv"
    fill(page, "A question that is kept?")
    for data, said in (
        (b"x" * 3 * 2**19, "The file has 1.5 MB; at most 1 MB are possible."),
        (b"", "The file has no question."),
        (b"id,text\n1,Why?\n", "none is named question"),
    ):
        file.write_bytes(data)
        page.get_by_label("Or a file").set_input_files(file)
        ask(page)
        expect(page.get_by_role("alert")).to_contain_text(said)
        expect(page.locator("#file-problem")).to_contain_text(said)
        expect(page.locator("#questions")).to_have_value("A question that is kept?")


@each_way
def test_a_wrong_option_is_shown_where_it_is(page: Page) -> None:
    fill(page, "Why?")
    page.get_by_text("Options").click()
    page.get_by_label("Weight of the reader").fill("7")
    ask(page)
    expect(page.locator("#weight-problem")).to_be_visible()
    expect(page.get_by_label("Weight of the reader")).to_have_value("7")


@on_a_phone
@pytest.mark.parametrize("path", ["/batch", "/docs"])
def test_pages_fit_a_phone(page: Page, server: Server, path: str) -> None:
    page.goto(server.url + path)
    if path == "/batch":
        fill(page, "Why?")
        ask(page)
        expect(page.locator("#rows tr")).to_have_count(1)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= page.evaluate("document.documentElement.clientWidth")


@on_a_phone
def test_each_answer_is_a_block_on_a_phone_and_still_a_row(page: Page) -> None:
    fill(page, "Is it so, in words that take more than one line of a small telephone?\nunsure?\n?!")
    ask(page)
    rows = page.locator("#answers").get_by_role("table").get_by_role("row")
    expect(rows).to_have_count(4)
    expect(rows.first.get_by_role("columnheader")).to_have_count(5)
    for row in rows.all()[1:]:
        expect(row.get_by_role("rowheader")).to_have_count(1)
        expect(row.get_by_role("cell")).to_have_count(4)
        bottom = 0.0
        for cell in row.get_by_role("cell").all():
            box = cell.bounding_box()
            assert box
            assert box["x"] + box["width"] <= PHONE["width"]
            assert box["y"] >= bottom  # each below the one before
            bottom = box["y"] + box["height"]
    wide = page.locator("#answers .wide")
    assert wide.evaluate("(table) => table.scrollWidth <= table.clientWidth")
    page.set_viewport_size(DESKTOP)
    number, question = rows.nth(1).get_by_role("rowheader"), rows.nth(1).get_by_role("cell").first
    expect(number).to_be_visible()
    assert number.evaluate("(cell) => getComputedStyle(cell).display") == "table-cell"
    assert question.evaluate("(cell) => getComputedStyle(cell).display") == "table-cell"


def test_the_reference_leads_from_requests_to_their_fields(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/docs")
    page.get_by_role("link", name="POST /api/v1/feedback").click()
    section = page.get_by_role("region", name="POST /api/v1/feedback", exact=True)
    section.get_by_role("link", name="FeedbackRequest").click()
    expect(page.locator("#FeedbackRequest")).to_be_in_viewport()
    fields = page.get_by_role("region", name="Fields of FeedbackRequest")
    expect(fields).to_contain_text("At most 2000 characters")
