"""The page in a browser, before the real server."""

import re

import pytest
from playwright.sync_api import expect

from service.questions import QUESTIONS
from service.settings import Settings
from tests.browsing import PHONE, Visit

INCUBATION = QUESTIONS[1].text
without_javascript = {"java_script_enabled": False}
each_way = pytest.mark.parametrize(
    "visit", [{}, without_javascript], ids=["with JavaScript", "without"], indirect=True
)
on_a_phone = pytest.mark.parametrize("visit", [{"viewport": PHONE}], indirect=True)


@each_way
def test_a_typed_question_is_answered(visit: Visit) -> None:
    visit.ask("What is the median incubation period of COVID-19?")
    page = visit.page
    results = page.locator("#resultsView")
    expect(results).to_be_in_viewport()
    expect(results.get_by_role("heading", level=2)).to_have_text(
        "Answers to What is the median incubation period of COVID-19?"
    )
    expect(results.locator("article")).to_have_count(5)
    card = results.locator("article").first
    sentence = card.locator(".sentence")
    expect(sentence).to_contain_text("incubation period")
    expect(sentence.locator("mark")).to_have_text("5.1 days")
    expect(sentence.locator("mark")).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
    title = card.locator(".paper").get_by_role("link")
    expect(title).to_have_attribute("href", re.compile("^https://doi.org/10"))
    expect(card.get_by_role("link", name="DOI")).to_have_accessible_description(title.inner_text())
    passage = card.locator(".passage")
    expect(passage).not_to_be_visible()
    card.get_by_text("In its passage").click()
    expect(passage).to_contain_text(sentence.inner_text())
    expect(card.locator("dt")).to_have_text(["Final", "Reader", "Retrieval"])
    final, reader, retrieval = card.locator("dd").all_inner_texts()
    assert re.fullmatch(r"[01]\.\d\d", final)
    assert re.fullmatch(r"0\.7 × [01]\.\d\d", reader)
    assert re.fullmatch(r"0\.3 × [01]\.\d\d", retrieval)
    expect(visit.question).to_have_value("What is the median incubation period of COVID-19?")


def test_the_return_key_asks(visit: Visit) -> None:
    visit.enter("Do masks help?")
    expect(visit.page.locator("#resultsView article")).to_have_count(5)


def test_the_label_follows_the_slider(visit: Visit) -> None:
    page = visit.page
    slider, shown = page.get_by_role("slider"), page.locator("#weight-shown")
    expect(shown).to_have_text(f"{Settings().default_weight:.1f}")
    slider.fill("0.5")
    expect(shown).to_have_text("0.5")
    for key, weight in [
        ("ArrowRight", "0.6"),
        ("ArrowRight", "0.7"),
        ("ArrowLeft", "0.6"),
        ("End", "1.0"),
        ("Home", "0.0"),
        ("ArrowUp", "0.1"),
    ]:
        slider.press(key)
        expect(shown).to_have_text(weight)
    slider.fill("0.3")
    expect(shown).to_have_text("0.3")
    page.get_by_label("Show top").select_option("10")
    visit.ask(INCUBATION)
    expect(page.locator("#resultsView article")).to_have_count(10)
    expect(page.locator(".provenance")).to_contain_text("weight 0.3")
    expect(slider).to_have_value("0.3")
    expect(shown).to_have_text("0.3")
    expect(page.get_by_label("Show top")).to_have_value("10")
    slider.fill("0.9")
    page.go_back()
    page.go_forward()
    expect(slider).to_have_value("0.9")  # the browser restores it after the page is there
    expect(shown).to_have_text("0.9")


def test_a_chosen_suggestion_fills_the_question(visit: Visit) -> None:
    page = visit.page
    select = page.get_by_label("Or choose a question")
    select.press("ArrowDown")
    select.press("ArrowDown")
    expect(visit.question).to_have_value(INCUBATION)
    expect(select).to_be_focused()
    expect(select).to_have_value("2")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#resultsView h2")).to_have_text(f"Answers to {INCUBATION}")
    visit.question.fill("Do masks help?")
    expect(select).to_have_value("")  # what is typed is asked
    select.select_option("2")
    expect(visit.question).to_have_value(INCUBATION)


@pytest.mark.parametrize("visit", [without_javascript], indirect=True)
def test_a_suggestion_chosen_without_javascript_is_asked(visit: Visit) -> None:
    page = visit.page
    page.get_by_label("Or choose a question").select_option(label=INCUBATION)
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#resultsView h2")).to_have_text(f"Answers to {INCUBATION}")
    expect(page.locator("#resultsView .sentence mark")).to_have_count(5)


@each_way
def test_a_suggestion_is_a_link_to_its_answers(visit: Visit) -> None:
    visit.page.get_by_role("link", name=INCUBATION).click()
    expect(visit.page.locator("#resultsView h2")).to_have_text(f"Answers to {INCUBATION}")


@each_way
def test_a_blank_question_is_explained_and_the_form_kept(visit: Visit) -> None:
    page = visit.page
    page.get_by_label("Show top").select_option("20")
    page.get_by_role("slider").fill("0.8")
    visit.ask("   ")
    expect(page.get_by_role("alert")).to_contain_text("The question is empty.")
    expect(page.get_by_role("alert")).to_be_in_viewport()
    expect(visit.question).to_have_attribute("aria-invalid", "true")
    expect(visit.question).to_have_accessible_description("The question is empty.")
    expect(page.get_by_label("Show top")).to_have_value("20")
    expect(page.get_by_role("slider")).to_have_value("0.8")
    expect(page.locator("#weight-shown")).to_have_text("0.8")
    told = [text for text in visit.complaints if "422" in text]  # the browser's note of the status
    assert visit.complaints == told
    visit.complaints.clear()
    visit.ask(INCUBATION)
    expect(page.locator("#resultsView article")).to_have_count(20)


def test_html_in_a_question_is_text(visit: Visit) -> None:
    question = "<img src=x onerror=\"alert(1)\"><script>document.title = 'pwned'</script> masks?"
    visit.ask(question)
    page = visit.page
    expect(page.locator("#resultsView h2")).to_have_text(f"Answers to {question}")
    expect(visit.question).to_have_value(question)
    expect(page.locator("main img")).to_have_count(0)
    expect(page).to_have_title(f"{question} · CovidQuest")


@each_way
def test_answers_are_filtered_and_a_filter_is_removed(visit: Visit) -> None:
    page = visit.page
    results, filters = page.locator("#resultsView"), page.locator("#filters")
    expect(page.get_by_label("Whole name")).not_to_be_visible()
    filters.locator("summary").click()
    page.get_by_label("From", exact=True).fill("2020-02")
    page.get_by_label("Whole name").fill("science")
    page.get_by_role("checkbox", name="CovidQuest sample").check()
    page.get_by_label("With full text only").check()
    visit.ask("How is the virus transmitted?")
    expect(results.locator("article")).not_to_have_count(0)
    assert set(results.locator("cite").all_inner_texts()) == {"Science"}
    expect(page.get_by_label("From", exact=True)).to_have_value("2020-02")  # they stay open
    expect(page.get_by_label("Whole name")).to_have_value("science")
    expect(page.get_by_role("checkbox", name="CovidQuest sample")).to_be_checked()
    expect(results.locator(".chip")).to_have_text(
        [
            re.compile("^From February 2020"),
            re.compile("^Source: CovidQuest sample"),
            re.compile("^Journal: science"),
            re.compile("^With full text"),
        ]
    )
    page.get_by_role("link", name="Remove the filter Journal: science").click()
    expect(results.locator(".chip")).to_have_count(3)
    expect(results.locator("h2")).to_have_text("Answers to How is the virus transmitted?")
    expect(page.get_by_label("Whole name")).to_have_value("")
    expect(results.locator("article")).to_have_count(5)
    page.get_by_role("link", name="Remove all filters").click()
    expect(page.get_by_label("Whole name")).not_to_be_visible()
    expect(results.locator("article")).to_have_count(5)


def test_where_no_paper_matches_the_way_on_is_in_sight(visit: Visit) -> None:
    page = visit.page
    page.locator("#filters summary").click()
    page.get_by_label("To", exact=True).fill("1999")
    visit.question.fill(INCUBATION)
    page.get_by_role("button", name="Apply filters").click()
    expect(page.locator("#resultsView .notice")).to_contain_text("No paper matches these filters.")
    expect(page.locator("#resultsView .notice")).to_be_in_viewport()
    page.get_by_role("link", name="Remove the filter To 1999").click()
    expect(page.locator("#resultsView article")).to_have_count(5)


@on_a_phone
def test_filters_are_no_wider_than_a_phone(visit: Visit) -> None:
    page = visit.page
    page.locator("#filters summary").click()
    visit.assert_fits()
    page.get_by_label("Whole name").fill("journal" * 42)
    visit.ask(INCUBATION)
    expect(page.locator("#resultsView .notice")).to_contain_text("No paper matches these filters.")
    visit.assert_fits()


@on_a_phone
def test_nothing_is_wider_than_a_phone(visit: Visit) -> None:
    visit.assert_fits()
    visit.ask(INCUBATION)
    expect(visit.page.locator("#resultsView article")).to_have_count(5)
    visit.assert_fits()
    visit.ask("incubation" * 50)
    expect(visit.page.locator("#resultsView article")).to_have_count(5)
    visit.assert_fits()
