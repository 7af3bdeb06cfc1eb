"""Asking, and going back and forward, without leaving the page."""

from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from service.errors import RETRY_AFTER
from service.types import AnswerList, BusyError, Query
from tests.browsing import DESKTOP, PHONE, Open, WaitingAnswerer
from tests.fake_app import FakeAnswerer

MARK = "window.mark = true"  # of this very page; a page that is loaded has none
MARKED = "window.mark === true"
SHIFTS = """window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifted += entry.value;
}).observe({ type: "layout-shift" });"""


def test_answers_come_into_the_page_that_is_there(visit_to: Open) -> None:
    visit = visit_to()
    page = visit.page
    page.evaluate(MARK)
    visit.ask("Why is it?")
    results = page.locator("#resultsView")
    expect(results).to_be_focused()
    expect(results).to_be_in_viewport()
    expect(page).to_have_title("Why is it? · CovidQuest")
    assert "/top_k_results?question=Why+is+it%3F" in page.url
    visit.ask("Why is that?")
    expect(page).to_have_title("Why is that? · CovidQuest")
    assert page.evaluate(MARKED)
    shown = visit.order
    page.reload()
    assert visit.order == shown


def test_back_and_forward_find_pages_as_they_were_left(visit_to: Open) -> None:
    visit = visit_to()
    page = visit.page
    page.evaluate(MARK)
    visit.ask("Why is it?")
    visit.slide(0.3)
    visit.cards.first.get_by_text("In its passage").click()
    left = visit.order
    visit.ask("Why is that?")
    asked = visit.pages_asked
    page.go_back()
    expect(page).to_have_title("Why is it? · CovidQuest")
    assert visit.order == left
    expect(page.get_by_role("slider")).to_have_value("0.3")
    expect(page.locator("#cards > .card .passage").first).to_be_visible()
    page.go_back()
    expect(page).to_have_title("CovidQuest")
    expect(page.locator("#resultsView")).to_have_count(0)
    page.go_forward()
    page.go_forward()
    expect(page).to_have_title("Why is that? · CovidQuest")
    assert page.evaluate(MARKED)
    assert visit.pages_asked == asked
    visit.slide(0.8)  # what came back is alive
    assert "weight=0.8" in page.url


def test_back_to_a_page_that_is_no_longer_kept_loads_it(visit_to: Open) -> None:
    visit = visit_to()
    page = visit.page
    visit.ask("Why is it?")
    shown = visit.order
    visit.ask("Why is that?")
    page.reload()
    page.go_back()
    expect(page).to_have_title("Why is it? · CovidQuest")
    assert visit.order == shown


def test_a_link_within_the_page_loads_nothing(visit_to: Open) -> None:
    visit = visit_to()
    page = visit.page
    page.evaluate(MARK)
    visit.question.fill(" ")
    page.get_by_role("button", name="Ask", exact=True).click()
    alert = page.get_by_role("alert")
    expect(alert).to_be_in_viewport()
    asked = visit.pages_asked
    alert.get_by_role("link").first.click()
    page.go_back()
    expect(alert).to_be_visible()
    assert page.evaluate(MARKED)
    assert visit.pages_asked == asked
    visit.complaints.clear()  # the browser itself notes that the status was 400


@pytest.mark.parametrize("status", [None, 502])
def test_a_service_that_is_gone_is_told_in_place(visit_to: Open, status: int | None) -> None:
    visit = visit_to()
    page = visit.page
    visit.ask("Why is it?")
    shown = visit.order
    page.route(
        "**/top_k_results*",
        lambda route: (
            route.fulfill(status=status, body="<h1>Bad gateway</h1>") if status else route.abort()
        ),
    )
    visit.enter("Why is that?")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("answered with 502" if status else "cannot be reached")
    expect(alert).to_be_in_viewport()
    expect(visit.question).to_have_value("Why is that?")
    expect(page.locator(".skeleton")).to_have_count(0)
    assert visit.order == shown
    page.unroute("**/top_k_results*")
    visit.question.press("Enter")
    expect(page).to_have_title("Why is that? · CovidQuest")
    expect(alert).to_have_count(0)
    visit.complaints.clear()  # the browser itself notes what it could not load


@dataclass
class Busy(FakeAnswerer):
    """Refuses so many questions, and then answers."""

    left: int = 0

    def answer(self, query: Query) -> AnswerList:
        self.left -= 1
        if self.left >= 0:
            raise BusyError("There is much to do.")
        return super().answer(query)


LONGEST_WAIT = 2 * RETRY_AFTER * 1000


def test_a_busy_service_is_asked_again(visit_to: Open) -> None:
    answerer = Busy()
    visit = visit_to(answerer)
    page = visit.page
    visit.ask("Why is it?")
    answerer.left = 2
    page.clock.install()
    visit.enter("Why is that?")
    said = page.locator(".skeleton .working")
    for _ in range(2):
        expect(said).to_contain_text("There is much to do. Asking again in")
        expect(page.get_by_role("status")).to_contain_text("Asking again in")
        page.clock.run_for(LONGEST_WAIT)
    expect(page).to_have_title("Why is that? · CovidQuest")
    expect(page.locator("#resultsView")).to_be_focused()
    assert answerer.left == -1
    visit.complaints.clear()  # the browser itself notes that the status was 503


def test_a_service_that_stays_busy_is_not_asked_for_ever(visit_to: Open) -> None:
    answerer = Busy(left=1000)
    visit = visit_to(answerer)
    page = visit.page
    page.clock.install()
    visit.enter("Why is that?")
    waiting = page.locator(".skeleton .working", has_text="Asking again")
    for _ in range(12):
        expect(page.get_by_role("alert").or_(waiting)).to_be_visible()
        page.clock.run_for(LONGEST_WAIT)
    expect(page.get_by_role("alert")).to_contain_text("There is much to do.")
    expect(visit.question).to_have_value("Why is that?")
    assert answerer.left > 1000 - 15
    visit.complaints.clear()


def test_a_link_to_answers_of_a_busy_service_gets_them(visit_to: Open) -> None:
    visit = visit_to(Busy(left=2))
    page = visit.page
    page.clock.install()
    visit.open(question="Why is it?")
    expect(page.locator(".skeleton .working")).to_contain_text("Asking again in")
    page.clock.run_for(LONGEST_WAIT)
    expect(page).to_have_title("Why is it? · CovidQuest")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.go_back()
    expect(page).to_have_title("CovidQuest")  # it is one visit
    visit.complaints.clear()


def test_another_question_ends_the_wait(visit_to: Open) -> None:
    answerer = Busy()
    visit = visit_to(answerer)
    page = visit.page
    page.clock.install()
    answerer.left = 1
    visit.enter("Why is that?")
    expect(page.locator(".skeleton .working")).to_contain_text("Asking again in")
    visit.ask("Why is it?")
    expect(page).to_have_title("Why is it? · CovidQuest")
    page.clock.run_for(LONGEST_WAIT)
    expect(page).to_have_title("Why is it? · CovidQuest")
    assert answerer.left == -1
    visit.complaints.clear()


def test_the_last_question_is_the_one_that_is_answered(visit_to: Open) -> None:
    answerer = WaitingAnswerer(waits=lambda query: query.question == "Slow?")
    visit = visit_to(answerer)
    page = visit.page
    visit.enter("Slow?")
    expect(page.locator(".skeleton")).to_have_count(1)
    visit.ask("Why is it?")
    expect(page).to_have_title("Why is it? · CovidQuest")
    answerer.go.set()
    page.wait_for_load_state("networkidle")
    expect(page).to_have_title("Why is it? · CovidQuest")
    page.go_back()
    expect(page).to_have_title("CovidQuest")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_shifts_when_answers_take_the_place_of_grey_cards(
    visit_to: Open, viewport: dict[str, int]
) -> None:
    answerer = WaitingAnswerer(waits=lambda query: query.question == "Slow?")
    visit = visit_to(answerer, viewport=viewport)
    page = visit.page
    visit.enter("Slow?")
    expect(page.locator(".skeleton .working")).to_be_in_viewport()
    page.evaluate(SHIFTS)
    answerer.go.set()
    expect(visit.cards).to_have_count(4)
    page.wait_for_load_state("networkidle")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert page.evaluate("window.shifted") == 0


@pytest.mark.parametrize("how", ["kept", "loaded"])
def test_back_finds_show_top_as_the_answers_are(visit_to: Open, how: str) -> None:
    visit = visit_to()
    page = visit.page
    visit.open(question="Why is it?", top_k="8")
    top_k = page.get_by_label("Show top")
    top_k.focus()
    top_k.select_option("5")
    expect(page.locator("#resultsView")).to_have_attribute("data-top-k", "5")
    expect(top_k).to_be_focused()
    if how == "loaded":
        page.reload()
    page.go_back()
    expect(page.locator("#resultsView")).to_have_attribute("data-top-k", "8")
    expect(top_k).to_have_value("8")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("how", ["kept", "loaded"])
def test_back_and_forward_find_the_form_as_the_answers_were_asked(
    visit_to: Open, how: str, viewport: dict[str, int]
) -> None:
    visit = visit_to(viewport=viewport)
    page = visit.page
    results = page.locator("#resultsView")
    fields = page.get_by_label

    def expect_form(question: str, weight: str, top_k: str, published_from: str) -> None:
        expect(page).to_have_title(f"{question} · CovidQuest")
        expect(visit.question).to_have_value(question)
        expect(page.locator("#question_select")).to_have_value("")
        expect(page.get_by_role("slider")).to_have_value(weight)
        expect(page.locator("#weight-shown")).to_have_text(weight)
        expect(fields("Show top")).to_have_value(top_k)
        expect(fields("From", exact=True)).to_have_value(published_from)
        expect(fields("With full text only")).not_to_be_checked()

    visit.open(question="Why is it?", published_from="2020")
    visit.slide(0.3)
    fields("From", exact=True).fill("2021")
    fields("With full text only").check()
    page.locator("#question_select").select_option(index=2)
    visit.enter("Why is that?")
    expect(page).to_have_title("Why is that? · CovidQuest")
    visit.question.fill("Something else?")
    page.get_by_role("slider").fill("0.9")
    page.wait_for_url("**weight=0.9**")
    fields("With full text only").uncheck()
    if how == "loaded":
        page.reload()
        expect(visit.question).to_have_value("Why is that?")
    page.go_back()
    expect_form("Why is it?", "0.3", "5", "2020")
    page.go_forward()
    expect(page).to_have_title("Why is that? · CovidQuest")
    expect(visit.question).to_have_value("Why is that?")
    expect(fields("With full text only")).to_be_checked()
    expect(page.get_by_role("slider")).to_have_value("0.9")
    page.go_back()
    expect_form("Why is it?", "0.3", "5", "2020")
    fields("Show top").select_option("10")
    expect(results).to_have_attribute("data-top-k", "10")
    expect_form("Why is it?", "0.3", "10", "2020")
    assert "weight=0.3" in page.url


def test_back_from_another_page_finds_the_form_as_the_answers_were_asked(visit_to: Open) -> None:
    visit = visit_to()
    page = visit.page
    visit.open(question="Why is it?", published_from="2020", weight="0.4")
    shown = visit.order
    visit.question.fill("Why is that?")
    page.get_by_label("With full text only").check()
    page.get_by_label("From", exact=True).fill("2021")
    page.locator("#question_select").select_option(index=2)
    page.get_by_role("link", name="Many questions").click()
    expect(page.get_by_role("heading", name="Ask many questions at once")).to_be_visible()
    page.go_back()
    expect(page).to_have_title("Why is it? · CovidQuest")
    expect(visit.question).to_have_value("Why is it?")
    expect(page.get_by_label("With full text only")).not_to_be_checked()
    expect(page.get_by_label("From", exact=True)).to_have_value("2020")
    expect(page.locator("#question_select")).to_have_value("")
    expect(page.get_by_role("slider")).to_have_value("0.4")
    assert visit.order == shown


def test_a_page_without_answers_stays_as_it_was_typed(visit_to: Open) -> None:
    visit = visit_to()
    page = visit.page
    visit.ask("Why is it?")
    page.go_back()
    expect(page).to_have_title("CovidQuest")
    expect(visit.question).to_have_value("Why is it?")


def test_a_refused_question_stands_in_the_field_after_back(visit_to: Open) -> None:
    visit = visit_to()
    visit.enter("?!")
    expect(visit.page.get_by_role("alert")).to_be_focused()
    visit.ask("Why is it?")
    visit.page.go_back()
    expect(visit.page.get_by_role("alert")).to_be_visible()
    expect(visit.question).to_have_value("?!")
    visit.complaints.clear()  # the browser itself notes that the status was 422


def test_a_refused_question_has_the_focus_at_its_problem(visit_to: Open) -> None:
    visit = visit_to()
    page = visit.page
    visit.enter("?!")
    expect(page.get_by_role("alert")).to_be_focused()
    assert "question=%3F%21" in page.url
    assert "#" not in page.url
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(visit.question).to_be_focused()
    visit.complaints.clear()  # the browser itself notes that the status was 422


def test_a_slider_moved_while_more_answers_come_stays(visit_to: Open) -> None:
    answerer = WaitingAnswerer(waits=lambda query: query.top_k == 10)
    visit = visit_to(answerer)
    page = visit.page
    visit.open(question="Why is it?")
    page.get_by_label("Show top").focus()
    page.get_by_label("Show top").select_option("10")
    expect(page.locator(".skeleton")).to_have_count(1)
    page.get_by_role("slider").fill("0.2")
    answerer.go.set()
    expect(page.locator("#resultsView")).to_have_attribute("data-top-k", "10")
    expect(page.get_by_role("slider")).to_have_value("0.2")
    expect(page.locator(".share").first).to_have_text("0.2")
    assert "top_k=10" in page.url
    assert "weight=0.2" in page.url
