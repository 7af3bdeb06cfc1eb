import random
from collections import Counter

import pytest

from index.corpora.squad import GoldQuestion
from scripts.reader_examples import (
    LONGEST,
    SHORTEST,
    Asked,
    Draw,
    Example,
    Plan,
    drawn,
    planned,
    thinned,
)

LONG = " ".join(f"word{number}" for number in range(1000))
ANSWER = "word500 word501 word502"


def gold(context: str = LONG, answer: str = ANSWER) -> GoldQuestion:
    return GoldQuestion("1", "Which words?", context, (answer,), (context.index(answer),), "")


def asked(passes: float = 1, own: float = 0, mined: float = 0, count: int = 1) -> Asked:
    return Asked([gold()] * count, [["wrong one", "wrong two"]] * count, passes, own, mined)


def every(plan: Plan) -> list[Draw]:
    return plan.part(0, len(plan))


def test_a_plan_has_each_question_as_often_as_was_asked_for() -> None:
    sets = [asked(passes=2.5, own=1, mined=0.5, count=200), asked(count=3)]
    draws = every(planned(sets, seed=1))
    first = [draw for draw in draws if draw.set == 0]
    kinds = Counter(draw.kind for draw in first)
    assert kinds["answer"] == kinds["own"] == 500
    assert 200 < kinds["mined"] < 300  # half of 500 in the mean
    times = Counter(draw.question for draw in first if draw.kind == "answer")
    assert set(times.values()) == {2, 3}
    assert sum(draw.set == 1 for draw in draws) == 3


def test_a_plan_is_shuffled_and_always_the_same() -> None:
    sets = [asked(count=50), asked(count=50)]
    first, again, other = (every(planned(sets, seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert len({draw.set for draw in first[:20]}) == 2
    assert planned(sets, seed=1).part(90, 110) == first[90:]


@pytest.mark.parametrize("seed", range(40))
def test_a_part_of_a_long_text_holds_the_answer_at_its_place(seed: int) -> None:
    [example] = drawn(asked(), Draw(0, 0, "answer", seed))
    assert example.context[example.start : example.end] == ANSWER
    assert SHORTEST <= len(example.context.split()) <= LONGEST
    assert example.context in LONG


def test_the_answer_stands_anywhere_in_its_part() -> None:
    places = [
        example.start / len(example.context)
        for seed in range(200)
        for example in drawn(asked(), Draw(0, 0, "answer", seed))
    ]
    assert min(places) < 0.1
    assert max(places) > 0.85


@pytest.mark.parametrize("answer", ["short", "a short text", "text"])
def test_a_short_text_is_taken_whole(answer: str) -> None:
    only = Asked([gold("a short text", answer)], [[]], 1, 1, 1)
    [example] = drawn(only, Draw(0, 0, "answer", 3))
    assert example.context == "a short text"
    assert example.context[example.start : example.end] == answer
    assert drawn(only, Draw(0, 0, "own", 3)) == []  # there is nothing else in it
    assert drawn(only, Draw(0, 0, "mined", 3)) == []  # BM25 found nothing


def test_an_answer_that_begins_within_a_word_or_is_longer_than_a_part_stays_whole() -> None:
    within = GoldQuestion("1", "?", LONG, ("500 word501 wo",), (LONG.index("500 word501"),), "")
    whole = GoldQuestion("1", "?", LONG, (LONG[8:-8],), (8,), "")
    for one in (within, whole):
        for seed in range(10):
            [example] = drawn(Asked([one], [[]], 1, 0, 0), Draw(0, 0, "answer", seed))
            assert example.context[example.start : example.end] == one.answers[0]
            assert set(example.context.split()) <= set(LONG.split())  # no word is cut


def test_windows_without_the_answer_have_an_empty_range() -> None:
    for seed in range(40):
        [own] = drawn(asked(), Draw(0, 0, "own", seed))
        assert ANSWER not in own.context
        assert own.start == own.end
    [mined] = drawn(asked(), Draw(0, 0, "mined", random.randrange(99)))
    assert mined.context in {"wrong one", "wrong two"}
    assert mined.start == mined.end


def test_a_right_passage_comes_with_different_wrong_ones() -> None:
    right = Example("Which words?", "They are word500 word501 word502.", 9, 32)
    wrong = [[f"wrong {number}" for number in range(9)], [], ["only"]]
    sets = Asked([gold()] * 3, wrong, 2, 0, 0, [[right], [right], []], 4)
    draws = [draw for draw in every(planned([sets], seed=1)) if draw.kind == "together"]
    assert [draw.question for draw in draws] == [0, 0]  # the others lack one or the other
    first, *others = drawn(sets, draws[0])
    assert first == right
    assert len({other.context for other in others}) == 4
    assert {(other.start, other.end) for other in others} == {(0, 0)}
    assert drawn(sets, draws[0]) == [first, *others] != drawn(sets, draws[1])


@pytest.mark.parametrize("seed", range(30))
def test_words_are_left_out_around_the_answer(seed: int) -> None:
    text = "It was shown that (Masks) lower infections by half"
    start = text.index("Masks")
    example = Example("How do masks lower infections?", text, start, start + 5)
    found = thinned(example, 0.5, seed)
    assert found.context[found.start : found.end] == "Masks"
    assert "(Masks) " in found.context  # what it is written with stays, and the space behind it
    assert set(found.context.split()) <= set(text.split())
    assert set(found.question.split()) <= set(example.question.split())
    assert thinned(example, 0.0, seed) is example
    other = Example(example.question, "Another text.", 0, 0)
    assert thinned(other, 0.5, seed).question == found.question  # a group is asked one question
