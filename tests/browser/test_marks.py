"""What the page shows of how far an answer can be trusted: marks, scores, words that deny."""

import re
from typing import Literal

import pytest
from playwright.sync_api import expect

from tests.browsing import DESKTOP, PHONE, Open
from tests.fake_app import FakeAnswerer, make_answer, make_paper

each_size = pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])


@pytest.mark.parametrize("medium", ["screen", "print"])
@each_size
def test_a_word_that_denies_stands_out_where_it_stands(
    visit_to: Open, viewport: dict[str, int], medium: Literal["screen", "print"]
) -> None:
    text = "It is not very likely that [[the virus can be transmitted]] so."
    denied = make_answer(make_paper(cord_uid="n"), "", text, 0.6, 0.6)
    visit = visit_to(FakeAnswerer((denied,)), viewport=viewport)
    visit.ask("Can it be transmitted so?")
    visit.page.emulate_media(media=medium)
    sentence = visit.page.locator(".sentence")
    expect(sentence).to_have_text(text.replace("[[", "").replace("]]", ""))
    expect(sentence.locator("em")).to_have_text(["not", "likely"])
    mark, word = sentence.locator("mark"), sentence.locator("em").first
    sizes = [one.evaluate("(e) => getComputedStyle(e).fontSize") for one in (mark, word)]
    assert sizes[0] == sizes[1]  # as large as what it denies
    expect(word).to_have_css("text-decoration-line", "underline")
    visit.assert_fits()


@each_size
def test_the_score_stands_above_the_answer(visit_to: Open, viewport: dict[str, int]) -> None:
    answers = tuple(
        make_answer(make_paper(cord_uid=f"{score}"), "", f"At {score} it is [[so]].", score, score)
        for score in (0.6, 0.4, 0.1)
    )
    visit = visit_to(FakeAnswerer(answers), viewport=viewport)
    visit.ask("Is it so?")
    heads = visit.page.locator(".card-head .hint")
    told = ["likely, final score 0.60", "possible, final score 0.40", "doubtful, final score 0.10"]
    expect(heads).to_have_text(told)
    for card in visit.cards.all():
        above, below = (
            card.locator(".card-head").bounding_box(),
            card.locator(".sentence mark").bounding_box(),
        )
        assert above
        assert below
        assert above["y"] + above["height"] <= below["y"] + 1
    sizes = visit.page.locator(".sentence mark").evaluate_all(
        "(all) => all.map((e) => e.offsetHeight)"
    )
    assert sizes[0] == sizes[1] > sizes[2]  # what is doubtful does not stand out
    visit.assert_fits()
    visit.open(question="unsure?")
    expect(heads.first).to_have_text("final score 0.60")  # no word, where the answers are doubted
    unsure = visit.page.locator(".sentence mark").evaluate_all(
        "(all) => all.map((e) => e.offsetHeight)"
    )
    assert set(unsure) == {sizes[2]}


def test_a_retracted_paper_is_marked_in_red_before_all_else(visit_to: Open) -> None:
    paper = make_paper(title="RETRACTED: A trial", journal="medRxiv")
    answer = make_answer(paper, "", "[[It helps]].")
    visit = visit_to(FakeAnswerer((answer,)))
    visit.ask("Does it help in Peru?")
    marks = visit.page.locator(".marks .mark")
    expect(marks).to_have_text(["Retracted", "Not named: Peru", "Preprint"])
    expect(marks.first).to_have_accessible_description(re.compile("do not rely on anything"))
    colours = [mark.evaluate("(e) => getComputedStyle(e).backgroundColor") for mark in marks.all()]
    assert colours[0] not in colours[1:]
