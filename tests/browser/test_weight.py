"""The slider ranks the answers at once, and in the end always as the server does."""

from dataclasses import dataclass, replace
from itertools import islice
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Route, expect

from service.fusion import reweighed, without_repeats
from service.questions import QUESTIONS
from service.settings import Settings
from service.standing import WEIGHTS
from service.types import Answer, AnswerList, Query
from tests.browsing import Open, Visit
from tests.fake_app import FakeAnswerer, make_answer, make_paper
from tests.serving import Server

INCUBATION = QUESTIONS[1].text


def many() -> tuple[Answer, ...]:
    """Make 40 answers that rank otherwise at each weight, with ties, and some repeat others."""
    made = []
    for n in range(40):
        reader, retrieval = (n * 7 % 20) / 20, (n * 13 % 20) / 20
        paper = make_paper(cord_uid=f"u{n % 8}", title=f"The paper of number {n % 8}", doi="")
        text = f"The share of topic {n % 10} was [[{n // 8 % 4} of them]]. Passage {n}."
        made.append(make_answer(paper, "Results", text, reader, retrieval))
    return tuple(made)


@dataclass
class SparingAnswerer(FakeAnswerer):
    """Reads no more of its answers than the weight needs, best retrieved first."""

    answers: tuple[Answer, ...] = many()

    def answer(self, query: Query) -> AnswerList:
        by_retrieval = sorted(self.answers, key=lambda a: (-a.retrieval_score, a.passage.id))
        for count in range(query.top_k, len(by_retrieval) + 1):
            self.unread = by_retrieval[count].retrieval_score if count < len(by_retrieval) else None
            read = tuple(reweighed(by_retrieval[:count], query.weight))
            first = tuple(islice(without_repeats(read), query.top_k))
            bound = query.weight + (1 - query.weight) * (self.unread or 0)
            if len(first) == query.top_k and first[-1].final_score > bound:
                break
        found = super().answer(query)
        return replace(found, read=read, answers=first, unread=self.unread)


def expected(answers: tuple[Answer, ...], weight: float, most: int) -> list[int]:
    ranked = islice(without_repeats(reweighed(answers, weight)), most)
    return [answer.passage.id for answer in ranked]


@pytest.mark.parametrize(
    ("answerer", "top_k"),
    [(FakeAnswerer(answers=many()), 10), (SparingAnswerer(), 5)],
    ids=["all read", "some read"],
)
def test_the_order_is_the_servers_at_every_weight(
    visit_to: Open, answerer: FakeAnswerer, top_k: int
) -> None:
    visit = visit_to(answerer)
    visit.open(question="Why is it?", top_k=top_k)
    for weight in (1.0, 0.0, *WEIGHTS[1:-1]):
        if weight == Settings().default_weight:
            continue  # the server has said so already
        visit.slide(weight)
        assert visit.order == expected(many(), weight, top_k), weight
        assert visit.page.locator("#cards .number").all_inner_texts() == [
            str(rank) for rank in range(1, len(visit.order) + 1)
        ]


def test_where_all_was_read_the_cards_move_without_the_server(visit_to: Open) -> None:
    answerer = FakeAnswerer()
    visit = visit_to(answerer)
    visit.open(question="Why is it?")
    asked = visit.pages_asked
    slider = visit.page.get_by_role("slider")
    slider.fill("0")
    assert visit.order == expected(answerer.answers, 0, 5)  # at once
    card = visit.cards.first
    expect(card.locator("dd")).to_have_text(["0.81", "0.0 × 0.94", "1.0 × 0.81"])
    expect(card.locator(".reader-part")).to_have_attribute("width", "0.00")
    expect(card.locator(".retrieval-part")).to_have_attribute("width", "81.00")
    visit.slide(1)
    expect(card.locator("dd")).to_have_text(["0.94", "1.0 × 0.94", "0.0 × 0.81"])
    assert visit.pages_asked == asked


def test_the_real_service_agrees_at_every_weight(visit: Visit, server: Server) -> None:
    visit.open(question=INCUBATION)
    for weight in WEIGHTS:
        visit.slide(weight)
        reply = server.post_json({"question": INCUBATION, "weight": weight, "top_k": 5}).json()
        assert visit.order == [answer["passage"]["id"] for answer in reply["answers"]], weight


def test_address_and_links_follow_the_weight(visit_to: Open) -> None:
    visit = visit_to(SparingAnswerer())
    visit.open(question="Why is it?", journals="Nature")
    visit.slide(0.3)
    page = visit.page
    links = [page.url] + [
        str(link.get_attribute("href")) for link in page.locator(".export, .permalink, .chip").all()
    ]
    assert len(links) == 7
    for link in links:
        assert parse_qs(urlsplit(link).query)["weight"] == ["0.3"]
    shown = visit.order
    page.reload()
    assert visit.order == shown
    page.locator(".export").first.evaluate("(link) => link.remove()")  # a mark of this very page
    page.goto(visit.home)
    page.go_back()
    assert visit.order == shown
    expect(page.get_by_role("slider")).to_have_value("0.3")


def test_answers_of_another_index_take_the_place_of_all(visit_to: Open) -> None:
    visit = visit_to(SparingAnswerer())
    visit.open(question="Why is it?", weight=0)
    page = visit.page
    results, slider = page.locator("#resultsView"), page.get_by_role("slider")
    version = results.get_attribute("data-index")
    assert set(visit.order) & set(expected(many(), 0.2, 5))  # else none could stay

    def updated(route: Route) -> None:
        """Answer as after an update: the same numbers, other passages."""
        reply = route.fetch()
        text = reply.text().replace("of them</mark>", "of these</mark>")
        text = text.replace(f'data-index="{version}"', 'data-index="new"')
        route.fulfill(response=reply, body=text)

    page.route("**/top_k_results?*", updated)
    slider.focus()
    visit.slide(0.2)
    expect(results).to_have_attribute("data-index", "new")
    assert visit.order == expected(many(), 0.2, 5)
    assert all("of these" in said for said in page.locator("#cards mark").all_text_contents())
    expect(slider).to_be_focused()
    expect(slider).to_have_value("0.2")
    expect(page.locator("#status")).to_contain_text("of these")
    assert parse_qs(urlsplit(page.url).query)["weight"] == ["0.2"]
    visit.slide(0.9)  # what took the place is alive
    assert visit.order == expected(many(), 0.9, 5)


def test_what_is_open_stays_open_when_the_server_was_asked(visit_to: Open) -> None:
    visit = visit_to(SparingAnswerer())
    visit.open(question="Why is it?")
    kept = set(visit.order) & set(expected(many(), 1, 5)) or {visit.order[0]}
    card = visit.page.locator(f"#a{next(iter(kept))}")
    card.get_by_text("In its passage").click()
    visit.slide(1)
    visit.slide(Settings().default_weight)
    expect(card.locator(".passage")).to_be_visible()


def test_the_mark_of_answers_that_stay_is_there_as_soon_as_it_is_sure(visit_to: Open) -> None:
    steady = make_answer(make_paper(cord_uid="best"), "", "It was [[so]] at once.", 1.0, 1.0)
    answerer = SparingAnswerer(answers=(steady, *many()))
    visit = visit_to(answerer)
    visit.open(question="Why is it?")
    visit.slide(1)  # now everything is read
    marked = visit.page.locator("#cards > .card:has(.scores .steady:not([hidden]))")
    expect(visit.page.locator(".marks .steady")).to_have_count(0)  # it is no mark of caution
    ids = {int(str(card.get_attribute("data-id"))) for card in marked.all()}
    always = set.intersection(*(set(expected(answerer.answers, w, 5)) for w in WEIGHTS))
    assert steady.passage.id in ids
    assert ids == always & set(visit.order)


def test_when_the_server_cannot_answer_that_is_said_in_place(visit_to: Open) -> None:
    visit = visit_to(SparingAnswerer())
    visit.open(question="Why is it?", weight=0)
    visit.page.route("**/top_k_results?*", lambda route: route.abort())
    visit.page.get_by_role("slider").fill("1")
    notice = visit.page.locator("#notice .notice:not([hidden])")
    expect(notice).to_contain_text("could not be looked up again at this weight")
    assert len(visit.order) == 5  # what was read before is ranked meanwhile
    visit.slide(0)  # which is known
    expect(notice).to_have_count(0)
    visit.page.get_by_role("slider").fill("1")
    expect(notice).to_have_count(1)
    visit.page.unroute("**/top_k_results?*")
    visit.slide(0.9)
    expect(notice).to_have_count(0)
    assert visit.order == expected(many(), 0.9, 5)
    visit.complaints.clear()  # the browser's own note of the failed request


def test_a_busy_service_is_asked_again_at_the_weight(visit_to: Open) -> None:
    visit = visit_to(SparingAnswerer())
    visit.open(question="Why is it?", weight=0)
    busy = iter(range(2))

    def handle(route: Route) -> None:
        if next(busy, None) is None:
            route.continue_()
        else:
            route.fulfill(status=503, headers={"Retry-After": "0.2"}, body="<p role=alert>")

    visit.page.route("**/top_k_results?*", handle)
    visit.slide(1)
    expect(visit.page.locator("#status")).to_contain_text("Ranked with weight")
    assert visit.order == expected(many(), 1, 5)
    assert next(busy, None) is None
    visit.complaints.clear()


def test_unlikely_answers_are_told_at_each_weight_where_they_are(visit_to: Open) -> None:
    (answer, *_) = many()
    poor = replace(answer, reader_score=0.09, retrieval_score=0.5)
    better = replace(many()[1], reader_score=0.4, retrieval_score=0.1)
    visit = visit_to(FakeAnswerer(answers=(poor, better)))
    visit.open(question="Why is it?", weight=0, top_k=1)
    notice = visit.page.get_by_text("None of the answers is likely to be right.")
    expect(notice).to_be_visible()
    visit.slide(1)
    expect(notice).not_to_be_visible()
    visit.slide(0)
    expect(notice).to_be_visible()


def test_the_score_on_top_follows_the_slider_and_its_word_stays(visit_to: Open) -> None:
    answer = replace(many()[0], reader_score=0.1, retrieval_score=0.6)
    visit = visit_to(FakeAnswerer(answers=(answer,)))
    visit.open(question="Why is it?", weight=1)
    card = visit.cards
    head = card.locator(".card-head .hint")
    for weight, score in ((1, "0.10"), (0.5, "0.35"), (0, "0.60")):
        if weight != 1:
            visit.slide(weight)
        expect(head).to_have_text(f"doubtful, final score {score}")
        expect(card).to_contain_class("doubtful")
    visit.open(question="unsure?", weight=1)
    visit.slide(0)
    expect(head).to_have_text("final score 0.60")


def test_a_weight_between_two_steps_is_kept(visit_to: Open) -> None:
    visit = visit_to(FakeAnswerer(answers=many()))
    visit.open(question="Why is it?", weight="0.55")
    expect(visit.page.get_by_role("slider")).to_have_value("0.55")
    expect(visit.page.locator("#weight-shown")).to_have_text("0.55")
    assert visit.order == expected(many(), 0.55, 5)
    visit.page.evaluate("document.getElementById('weight').value = '0.45'")
    visit.page.get_by_role("slider").dispatch_event("input")
    expect(visit.page.locator("#status")).to_contain_text("weight 0.45.")
    assert visit.order == expected(many(), 0.45, 5)
