"""The answers on the page: evidence, cautions, notices, links, and hostile text."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from service.questions import QUESTIONS
from tests.browsing import DESKTOP, PHONE, Open, Visit
from tests.fake_app import ANSWERS, SOURCE, FakeAnswerer, make_answer, make_paper

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(1)>{{ 7*7 }}</template>"""
THIRD = make_paper(
    cord_uid="third",
    title="A third estimate",
    publish_time="2021-07",
    source="medRxiv",
    journal="medRxiv",
    doi="",
)
AGREEING = make_answer(THIRD, "Results", "The incubation period was [[5.1 days]].", 0.5, 0.5)
DOUBTFUL = make_answer(
    THIRD, "Results", "In mice the incubation period may not exceed [[5.1 days]].", 0.5, 0.5
)
without_javascript = {"java_script_enabled": False}


def agreeing() -> FakeAnswerer:
    return FakeAnswerer((*ANSWERS, AGREEING))


@pytest.mark.parametrize("options", [{}, without_javascript], ids=["with JavaScript", "without"])
def test_answers_that_agree_are_grouped_and_numbers_laid_side_by_side(
    visit_to: Open, options: dict[str, bool]
) -> None:
    visit = visit_to(agreeing(), **options)
    visit.ask("How long?")
    evidence = visit.page.locator("#evidence")
    group = evidence.get_by_text("5.1 days: 2 papers, 2020-03 to 2021-07")
    link = evidence.get_by_role("link", name="A third estimate")
    expect(link).not_to_be_visible()
    group.click()
    link.click()
    expect(visit.page.locator(f"#a{AGREEING.passage.id}")).to_be_in_viewport()
    expect(evidence.locator("caption")).to_contain_text(
        "Numbers for time differ: 5.1 days to 14 days."
        " They need not measure the same: read the sentences."
    )
    expect(evidence.locator("tbody tr")).to_have_text(
        [
            re.compile(r"5\.1 days\s+2"),
            re.compile(r"5\.2 days\s+1"),
            re.compile(r"6\.4 days\s+1"),
            re.compile(r"14 days\s+1"),
        ]
    )


def test_evidence_is_of_the_answers_that_are_shown(visit_to: Open) -> None:
    """It is asked for again when the weight brings up other answers."""
    best = replace(AGREEING, retrieval_score=1.0, reader_score=0.1)
    visit = visit_to(FakeAnswerer(answers=(*ANSWERS, best)))
    visit.open(question="How long?", top_k=2)
    group = visit.page.locator("#evidence").get_by_text("5.1 days: 2 papers")
    expect(group).to_have_count(0)
    visit.slide(0)
    assert visit.order[0] == best.passage.id
    expect(group).to_have_count(1)


@pytest.mark.parametrize("medium", ["screen", "print"])
def test_the_caution_about_numbers_stands_above_them(visit_to: Open, medium: str) -> None:
    visit = visit_to(agreeing(), viewport=PHONE)
    visit.ask("How long?")
    visit.page.emulate_media(media="print" if medium == "print" else "screen")
    if medium == "screen":
        visit.page.get_by_text("The 4 numbers").click()
    said = visit.page.get_by_text("They need not measure the same")
    expect(said).to_be_visible()
    below = visit.page.locator(".spread tbody tr").first.bounding_box()
    above = said.bounding_box()
    assert above
    assert below
    assert above["y"] < below["y"]


@pytest.mark.parametrize("options", [{}, without_javascript], ids=["with JavaScript", "without"])
def test_numbers_side_by_side_unfold_on_a_phone(visit_to: Open, options: dict[str, bool]) -> None:
    visit = visit_to(agreeing(), viewport=PHONE, **options)
    visit.open(question="How long?")
    page = visit.page
    rows = page.locator(".spread tbody tr")
    more = page.get_by_text("The 4 numbers")
    expect(page.locator("#evidence")).to_contain_text("differ: 5.1 days to 14 days.")
    expect(rows.first).to_be_hidden()
    expect(page.locator("#cards mark").first).to_be_in_viewport()
    more.click()
    expect(rows.last).to_be_visible()
    expect(rows).to_have_count(4)
    evidence = page.locator("#evidence")
    assert evidence.evaluate("(box) => box.scrollHeight <= box.offsetHeight")  # none scrolls within
    visit.assert_fits()
    more.click()
    expect(rows.first).to_be_hidden()
    page.set_viewport_size(DESKTOP)
    expect(rows.first).to_be_visible()
    expect(more).to_be_hidden()


def test_cautions_explain_themselves_to_mouse_and_keyboard(visit_to: Open) -> None:
    visit = visit_to(FakeAnswerer(answers=(*ANSWERS, DOUBTFUL)))
    visit.ask("How long?")
    page = visit.page
    expect(page.locator("#evidence").get_by_text("5.1 days: 2 papers")).to_have_count(0)
    card = page.locator(f"#a{DOUBTFUL.passage.id}")
    marks = card.locator(".marks .mark")
    expect(marks).to_have_text(["Negated: not", "Hedged: may", "Animals: mice", "Preprint"])
    mark, tip = marks.nth(1), card.get_by_role("tooltip", name="", include_hidden=True)
    expect(mark).to_have_accessible_description(re.compile("leave room for doubt"))
    hedged = tip.filter(has_text="leave room for doubt")
    expect(hedged).not_to_be_visible()
    mark.hover()
    expect(hedged).to_be_visible()
    page.keyboard.press("Escape")
    expect(hedged).not_to_be_visible()
    marks.first.focus()
    expect(tip.filter(has_text="denies something")).to_be_visible()
    page.keyboard.press("Tab")
    expect(hedged).to_be_visible()


def test_hostile_text_in_question_and_paper_is_text(visit_to: Open) -> None:
    paper = make_paper(
        **dict.fromkeys(("title", "authors", "journal", "license", "cord_uid"), HOSTILE),
        doi='10.1000/"><script>',
        pmcid='PMC1"><script>',
    )
    answers = tuple(
        make_answer(paper, HOSTILE, f"{HOSTILE}. [[{HOSTILE} {n}]] {HOSTILE}", n / 10, 1 - n / 10)
        for n in range(9)
    )
    visit = visit_to(FakeAnswerer(answers), feedback=True)
    visit.ask(HOSTILE)
    visit.slide(1)
    visit.slide(0)
    page = visit.page
    expect(visit.cards).to_have_count(5)
    expect(page.locator(".sentence mark").first).to_have_text(f"{HOSTILE} 0")
    expect(page.locator(".paper").first).to_have_text(HOSTILE)
    expect(page.locator("main img, main script")).to_have_count(0)
    expect(page).to_have_title(f"{HOSTILE} · CovidQuest")


@pytest.mark.parametrize("method", ["get", "post"])
def test_no_reliable_answer_is_said_with_the_passages_below(visit_to: Open, method: str) -> None:
    visit = visit_to(agreeing())
    visit.page.locator("#ask").evaluate(f"(form) => (form.method = '{method}')")
    visit.ask("unsure?")
    notice = visit.page.locator("#notice .notice")
    expect(notice).to_contain_text("No reliable answer found in these papers.")
    expect(visit.cards).to_have_count(5)
    visit.slide(0.2)  # an address that was posted to becomes one that can be kept
    assert "question=unsure%3F" in visit.page.url
    expect(notice).to_be_visible()


def test_a_question_without_an_answer_in_the_sample_is_said_so(visit: Visit) -> None:
    visit.ask("Who won the football world cup in 1998?")
    expect(visit.page.locator("#notice")).to_contain_text("No reliable answer found")
    expect(visit.cards).to_have_count(5)


def test_a_permalink_shows_the_same_and_tells_when_the_index_has_changed(visit_to: Open) -> None:
    answerer = FakeAnswerer()
    visit = visit_to(answerer)
    visit.open(question="Why is it?", weight=0.3, top_k=3, sources=["PMC", "WHO"], full_text=1)
    page, shown = visit.page, visit.order
    link = str(page.locator(".permalink").get_attribute("href"))
    page.goto(link)
    assert visit.order == shown
    expect(page.get_by_role("slider")).to_have_value("0.3")
    expect(page.locator(".chip")).to_have_count(3)
    expect(page.locator("#index-changed")).to_have_count(0)
    page.goto(link.replace(SOURCE.index_version, "20190101T000000"))
    changed = page.locator("#index-changed")
    expect(changed).to_contain_text("The index has changed since this link was made.")
    expect(changed).to_contain_text("20190101T000000")
    expect(changed).to_contain_text(SOURCE.index_version)
    assert visit.order == shown


def test_answers_can_be_taken_away(visit_to: Open) -> None:
    visit = visit_to(agreeing(), permissions=["clipboard-read", "clipboard-write"])
    visit.open(question="Why is it?", published_from="2020")
    page = visit.page
    links = page.locator(".export")
    expect(links).to_have_text(["RIS", "BibTeX", "CSV", "JSON"])
    query = "question=Why+is+it%3F&weight=0.7&top_k=5&published_from=2020"
    for link, kind in zip(links.all(), ["ris", "bib", "csv", "json"], strict=True):
        expect(link).to_have_attribute("href", f"/export.{kind}?{query}")
    page.get_by_role("button", name="Copy link").click()
    link = page.locator(".permalink").get_attribute("href")
    assert page.evaluate("navigator.clipboard.readText()") == link
    card = visit.cards.first
    card.get_by_role("button", name="Copy citation").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("Lauer SA, Grantz KH")
    expect(card.locator(".citation p")).to_have_text(copied)
    button = card.locator("button.copy")
    expect(button).to_have_text("Copied")
    button.click()  # again, while it says so
    expect(button).to_have_text("Copy citation")


def test_a_citation_that_cannot_be_copied_is_shown_and_selected(visit_to: Open) -> None:
    visit = visit_to(agreeing())
    visit.page.add_init_script("delete Navigator.prototype.clipboard")
    visit.open(question="Why is it?")
    card = visit.cards.first
    card.get_by_role("button", name="Copy citation").click()
    expect(card.locator(".citation p")).to_be_visible()
    selected = visit.page.evaluate("getSelection().toString()")
    assert selected == card.locator(".citation p").inner_text()


def test_without_javascript_a_citation_is_text(visit_to: Open) -> None:
    visit = visit_to(agreeing(), **without_javascript)
    visit.ask("How long?")
    card = visit.cards.first
    expect(card.get_by_role("button", name="Copy citation")).not_to_be_visible()
    card.get_by_text("Citation", exact=True).click()
    expect(card.locator(".citation p")).to_contain_text("Lauer SA, Grantz KH")
    visit.page.get_by_role("slider").fill("1")
    visit.page.get_by_role("button", name="Rank again").click()
    expect(card.locator("dd").first).to_have_text("0.94")


def test_another_number_of_answers_is_asked_for_once(visit_to: Open) -> None:
    visit = visit_to(agreeing())
    visit.open(question="Why is it?", top_k=3)
    expect(visit.cards).to_have_count(3)
    visit.slide(0.3)
    asked = visit.pages_asked
    number = visit.page.get_by_label("Show top")
    number.press("ArrowDown")
    number.press("ArrowDown")
    expect(visit.cards).to_have_count(5)
    expect(number).to_have_value("10")
    expect(number).to_be_focused()
    assert visit.pages_asked == asked + 1
    expect(visit.page.get_by_role("slider")).to_have_value("0.3")


def test_a_page_of_answers_prints_on_one_sheet(visit: Visit, tmp_path: Path) -> None:
    visit.open(question=QUESTIONS[1].text)
    file = tmp_path / "answers.pdf"
    visit.page.pdf(path=file, format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", file.read_bytes())) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"weight": "7"}, "The weight must be a number from 0 to 1."),
        ({"published_from": "2021", "published_to": "2020"}, "is before the first, 2021."),
        ({"full_text": "perhaps"}, "must be true or false"),
        ({"sources": "Elsewhere", "journals": "Nowhere"}, "do not include “Elsewhere”"),
    ],
)
def test_bad_links_are_explained_and_nothing_is_lost(
    visit_to: Open, fields: dict[str, str], said: str
) -> None:
    visit = visit_to(agreeing(), viewport=PHONE)
    visit.open(question="Why is it?", **fields)
    expect(visit.page.locator("main")).to_contain_text(said)
    expect(visit.question).to_have_value("Why is it?")
    for name in fields.keys() - {"weight", "full_text"}:
        chosen = visit.page.locator(f"[name={name}][value='{fields[name]}']")
        expect(chosen.first).to_have_count(1)
    visit.assert_fits()
    visit.complaints.clear()  # the browser's note of the status 422


def test_endless_words_of_a_passage_are_no_wider_than_a_phone(visit_to: Open) -> None:
    passage = f"{'ACGT' * 54} is a sequence. It takes [[5 days]]."
    endless = make_answer(make_paper(), "Supplementary" * 4, passage)
    visit = visit_to(FakeAnswerer((endless,)), viewport=PHONE)
    visit.ask("How long?")
    visit.page.get_by_text("In its passage").click()
    expect(visit.page.locator(".passage")).to_be_visible()
    visit.assert_fits()
