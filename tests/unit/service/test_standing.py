from dataclasses import replace
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from service.fusion import reweighed, without_repeats
from service.standing import MOST_CARDS, STEADY, WEIGHTS, Standing
from service.types import Answer, AnswerList, Query, Timings
from tests.fake_app import SOURCE
from tests.making import an_answer

SCORE = st.integers(0, 20).map(lambda twentieth: twentieth / 20)  # coarse: ties are common
SCORES = st.lists(st.tuples(SCORE, SCORE, st.integers(0, 9)), min_size=1, max_size=30)


def answers_of(scores: list[tuple[float, float, int]]) -> list[Answer]:
    """Make an answer of each pair of scores; those of the same sentence repeat one another."""
    return [
        replace(
            an_answer(number, f"Sentence {sentence} is short.", f"Sentence {sentence}"),
            reader_score=reader,
            retrieval_score=retrieval,
        )
        for number, (reader, retrieval, sentence) in enumerate(scores)
    ]


def first(answers: list[Answer], weight: float, most: int) -> list[int]:
    ranked = islice(without_repeats(reweighed(answers, weight)), most)
    return [answer.passage.id for answer in ranked]


def found_at(
    answers: list[Answer], weight: float, top_k: int, unread: float | None = None
) -> AnswerList:
    read = tuple(reweighed(answers, weight))
    return AnswerList(
        query=Query("Why?", weight, top_k),
        answers=tuple(islice(without_repeats(read), top_k)),
        no_answer_probability=0.1,
        passages_searched=100,
        source=SOURCE,
        took_ms=Timings(1, 1, 1, 3),
        read=read,
        unread=unread,
    )


@given(SCORES, st.sampled_from(WEIGHTS), st.integers(1, 8))
def test_the_cards_are_enough_to_rank_at_any_weight(
    scores: list[tuple[float, float, int]], weight: float, top_k: int
) -> None:
    answers = answers_of(scores)
    found = found_at(answers, weight, top_k)
    standing = Standing.of(found)
    assert standing.complete == WEIGHTS
    carried = [*found.answers, *standing.more]
    for other in WEIGHTS:
        assert first(carried, other, top_k) == first(answers, other, top_k)


@given(SCORES, st.sampled_from(WEIGHTS), st.integers(1, 8))
def test_answers_repeat_one_another_where_they_have_a_number_in_common(
    scores: list[tuple[float, float, int]], weight: float, top_k: int
) -> None:
    standing = Standing.of(found_at(answers_of(scores), weight, top_k))
    for one, (_, _, sentence) in enumerate(scores):
        for other, (_, _, another) in enumerate(scores):
            if one == other:
                continue
            same = not set(standing.told[one]).isdisjoint(standing.told[other])
            assert same == (sentence == another)


@given(SCORES, SCORES, st.sampled_from(WEIGHTS), st.integers(1, 8))
def test_what_was_not_read_changes_nothing_that_is_promised(
    read: list[tuple[float, float, int]],
    rest: list[tuple[float, float, int]],
    weight: float,
    top_k: int,
) -> None:
    """Whatever the answers of the rest turn out to be, once they are read."""
    everything = answers_of(read + rest)
    unread = max(answer.retrieval_score for answer in everything[len(read) :])
    found = found_at(everything[: len(read)], weight, top_k, unread)
    standing = Standing.of(found)
    carried = [*found.answers, *standing.more]
    for other in standing.complete:
        assert first(carried, other, top_k) == first(everything, other, top_k)
    for other in WEIGHTS:
        assert standing.steady <= set(first(everything, other, STEADY))


def test_steady_are_those_among_the_first_at_every_weight() -> None:
    both, reader, retrieval = (0.8, 0.8, 0), (1.0, 0.0, 1), (0.0, 1.0, 2)
    rest = [(0.5 + n / 100, 0.5 - n / 100, 3 + n) for n in range(6)]
    standing = Standing.of(found_at(answers_of([both, reader, retrieval, *rest]), 0.5, 3))
    assert standing.steady == {0}


def test_the_page_carries_no_more_cards_than_planned() -> None:
    """The rest of the weights is left to the server, the farthest ones first."""
    answers = answers_of([(n / 100, 1 - n / 100, n) for n in range(100)])
    standing = Standing.of(found_at(answers, 0.0, 40))
    assert 40 + len(standing.more) <= MOST_CARDS
    assert standing.complete[0] == 0.0
    assert 1.0 not in standing.complete
