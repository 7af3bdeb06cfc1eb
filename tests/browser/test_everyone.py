"""The page for everyone: keyboards, screen readers, slow services, light and dark."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browsing import PHONE, Open, Visit, WaitingAnswerer
from tests.fake_app import ANSWERS, FakeAnswerer, make_answer, make_paper
from tests.serving import ROOT

AXE = ROOT / ".venv/axe/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
needs_axe = pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not there: make test gets it")


def violations(visit: Visit) -> list[str]:
    visit.page.evaluate(AXE.read_text(encoding="utf-8"))
    options = {"runOnly": {"type": "tag", "values": RULES}}
    found = visit.page.evaluate("(options) => axe.run(document, options)", options)
    return [
        f"{one['id']}: {[node['html'][:120] for node in one['nodes']]}"
        for one in found["violations"]
    ]


@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{}, {"viewport": PHONE}], ids=["desktop", "phone"])
def test_axe_finds_nothing_to_complain_about(
    visit_to: Open, scheme: str, size: dict[str, Any]
) -> None:
    retracted = make_paper(cord_uid="r", title="RETRACTED: A trial")
    poor = make_answer(retracted, "", "It is not likely [[that it may help]].", 0.2, 0.2)
    answerer = FakeAnswerer((*ANSWERS, poor))
    visit = visit_to(answerer, feedback=True, color_scheme=scheme, reduced_motion="reduce", **size)
    assert violations(visit) == []
    visit.open(question="unsure?", sources="PMC", index="another")
    for fold in visit.page.locator("details > summary").all():
        fold.click()
    visit.page.locator(".mark").last.focus()
    assert violations(visit) == []
    visit.open(question="Is xylitol used in Peru?", top_k=10)
    expect(visit.page.locator(".grave")).to_have_count(1)
    assert violations(visit) == []
    visit.open(question="How long?", top_k=10)
    expect(visit.page.locator(".spread .unfold")).to_have_count(1)
    assert violations(visit) == []
    visit.open(question="", weight=7, published_to="x")
    assert violations(visit) == []
    visit.complaints.clear()  # the browser's note of the status 422


@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{}, {"viewport": PHONE}], ids=["desktop", "phone"])
def test_axe_finds_nothing_on_the_other_pages(
    visit_to: Open, scheme: str, size: dict[str, Any]
) -> None:
    visit = visit_to(color_scheme=scheme, reduced_motion="reduce", **size)
    page = visit.page
    page.goto(f"{visit.home}/batch")
    assert violations(visit) == []
    page.get_by_label("Questions", exact=False).first.fill("Why is it?\nWhy is that?")
    page.get_by_role("button", name="Ask", exact=False).first.click()
    expect(page.locator("#progress-said")).to_contain_text("2 of 2")
    assert violations(visit) == []
    page.once("dialog", lambda dialog: dialog.accept())  # leaves answers that are not downloaded
    page.goto(f"{visit.home}/docs")
    visit.complaints.clear()  # the dialog's text, of which the browser has none
    assert violations(visit) == []


def test_the_keyboard_is_enough(visit_to: Open) -> None:
    visit = visit_to()
    page = visit.page
    page.keyboard.press("/")
    expect(visit.question).to_be_focused()
    page.keyboard.type("why / just k?")  # a letter in a field is a letter
    expect(visit.question).to_have_value("why / just k?")
    page.keyboard.press("Enter")
    cards = visit.cards
    expect(cards).to_have_count(4)
    page.keyboard.press("j")
    expect(cards.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(cards.nth(1)).to_be_focused()
    expect(cards.nth(1)).to_be_in_viewport()
    page.keyboard.press("k")
    page.keyboard.press("k")
    expect(cards.nth(0)).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("Again?")  # the whole question was selected
    expect(visit.question).to_have_value("Again?")


def test_single_keys_can_be_turned_off_for_good(visit_to: Open) -> None:
    visit = visit_to()
    page = visit.page
    page.get_by_label("Keys:", exact=False).uncheck()
    page.keyboard.press("/")
    expect(visit.question).not_to_be_focused()
    page.reload()
    expect(page.get_by_label("Keys:", exact=False)).not_to_be_checked()
    page.keyboard.press("/")
    expect(visit.question).not_to_be_focused()
    page.get_by_label("Keys:", exact=False).check()
    page.keyboard.press("/")
    expect(visit.question).to_be_focused()


def test_focus_stays_where_it_is_when_cards_move(visit_to: Open) -> None:
    visit = visit_to()
    visit.open(question="Why is it?")
    slider = visit.page.get_by_role("slider")
    slider.press("Home")
    expect(slider).to_be_focused()
    expect(slider).to_have_attribute("aria-valuetext", "0.0, the reader’s share")
    expect(visit.page.locator("#status")).to_have_text(
        "Ranked with weight 0.0. First answer: 5.1 days (95% CI, 4.5 to 5.8 days)"
    )


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_cards_move_only_for_those_who_like_it(visit_to: Open, motion: str) -> None:
    visit = visit_to(reduced_motion=motion)
    visit.open(question="Why is it?")
    moving = visit.page.evaluate(
        """() => {
          const list = document.getElementById("cards");
          list.prepend(list.lastElementChild); // so that ranking has something to mend
          const slider = document.getElementById("weight");
          slider.value = "0";
          slider.dispatchEvent(new Event("input"));
          return [...list.children].flatMap((card) => card.getAnimations()).length;
        }"""
    )
    assert (moving > 0) == (motion == "no-preference")


def test_while_the_service_works_that_is_seen_and_told(visit_to: Open) -> None:
    answerer = WaitingAnswerer()
    visit = visit_to(answerer)
    page = visit.page
    visit.question.fill("Why is it?")
    told, top, bottom = page.evaluate(  # at once: what is asked of a page that goes waits
        """() => {
          document.querySelector("#ask [type=submit]").click();
          const { top } = document.querySelector(".skeleton").getBoundingClientRect();
          return [document.getElementById("status").textContent, top, innerHeight];
        }"""
    )
    assert told.startswith("Searching the papers")
    assert 0 <= top < bottom
    answerer.go.set()
    expect(visit.cards).to_have_count(4)
    page.go_back()
    expect(page.locator(".skeleton")).to_have_count(0)
    page.go_forward()
    expect(visit.cards).to_have_count(4)


def test_nothing_shifts_when_the_answers_come(visit: Visit) -> None:
    visit.page.add_init_script(
        """window.shifted = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) window.shifted += entry.value;
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    visit.open(question="How long is the incubation period of COVID-19?")
    expect(visit.cards).to_have_count(5)
    visit.page.wait_for_load_state("networkidle")
    # the columns of a table that is there by half may move a little
    assert visit.page.evaluate("window.shifted") < 0.001


def test_the_page_is_light(visit_to: Open) -> None:
    visit = visit_to()
    sizes = visit.page.evaluate(
        """() => performance.getEntries()
          .filter((entry) => entry.decodedBodySize && !entry.name.endsWith(".svg"))
          .map((entry) => [new URL(entry.name).pathname, entry.decodedBodySize])"""
    )
    assert {Path(path).suffix for path, _ in sizes} == {"", ".css", ".js"}
    assert sum(size for _, size in sizes) < 60_000, sizes


def test_a_thumb_is_sent_and_answered_in_place(visit_to: Open) -> None:
    visit = visit_to(feedback=True)
    visit.open(question="Why is it?")
    sent: list[Any] = []
    page = visit.page

    def stored(route: Any) -> None:
        sent.append(route.request.post_data_json)
        route.fulfill(status=201, json={"id": 1})

    page.route("**/api/v1/feedback", stored)
    visit.slide(0.2)
    card = visit.cards.first
    card.get_by_text("Add a note").click()
    card.get_by_label("Note, sent with a thumb.").fill("Just so.")
    card.get_by_role("button", name="Yes, this answers the question").dblclick()
    expect(card.locator(".said")).to_have_text("Thank you. It is stored.")
    expect(card).to_be_focused()  # not the thumb, which is gone
    page.keyboard.press("j")
    expect(visit.cards.nth(1)).to_be_focused()
    (given,) = sent
    assert (given["verdict"], given["note"], given["weight"]) == ("up", "Just so.", 0.2)
    assert given["answer"].startswith("5.1 days")
    assert {"passage_id", "start", "end", "reader_score", "retrieval_score"} <= given.keys()
    page.unroute("**/api/v1/feedback")
    page.route(
        "**/api/v1/feedback",
        lambda route: route.fulfill(status=422, json={"detail": "", "errors": [{"detail": "No."}]}),
    )
    other = visit.cards.nth(1)
    other.get_by_role("button", name="No, this does not").click()
    expect(other.locator(".said")).to_have_text("No.")
    page.unroute("**/api/v1/feedback")
    page.route("**/api/v1/feedback", stored)
    other.get_by_role("button", name="No, this does not").click()
    expect(other.locator(".said")).to_have_text("Thank you. It is stored.")
    assert len(sent) == 2
    visit.complaints.clear()  # the browser's note of the status 422


def test_without_feedback_there_are_no_thumbs(visit_to: Open) -> None:
    visit = visit_to()
    visit.open(question="Why is it?")
    expect(visit.page.locator(".feedback")).to_have_count(0)
