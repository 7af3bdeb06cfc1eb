"""What an encoder is trained on; the training itself is in test_train_encoder."""

from collections import Counter

import pytest

from scripts import train_encoder
from scripts.encoder_plan import drawn_batch, excluded, planned_batches
from scripts.pairs import Pair, holds_answer, normalised


def pair(number: int, *, answer: str = "", negatives: int = 3) -> Pair:
    return Pair(
        question=f"Question {number}?",
        positive=f"Title\nThe answer is {answer or f'number{number}'} here.",
        negatives=tuple(f"Title\nNothing of {number} in {n}." for n in range(negatives)),
        answers=(normalised(answer or f"number{number}"),),
    )


@pytest.mark.parametrize(
    ("count", "passes", "size", "used"),
    [
        (12, 1, 4, 12),
        (10, 1, 4, 10),  # a last batch of 2
        (9, 1, 4, 8),  # a batch of one has nothing to tell apart, and is left out
        (8, 3, 4, 24),
        (8, 0.5, 4, 4),
        (8, 1.5, 4, 12),
        (0, 1, 4, 0),
    ],
)
def test_every_pair_is_used_as_often_as_asked(
    count: int, passes: float, size: int, used: int
) -> None:
    batches = planned_batches([([pair(n) for n in range(count)], passes)], size, seed=1)
    places = Counter(place for _, some in batches for place in some)
    assert places.total() == used
    assert set(places) <= set(range(count))
    whole, rest = divmod(passes, 1)
    if count and used == passes * count:  # all of them, and none more than once oftener
        often = [places[place] for place in range(count)]
        assert set(often) <= {int(whole), int(whole) + (1 if rest else 0)}
    assert all(2 <= len(some) <= size for _, some in batches)


def test_a_batch_is_of_one_set_and_batches_are_mixed() -> None:
    sets = [([pair(n) for n in range(40)], 1.0), ([pair(n) for n in range(20)], 2.0)]
    batches = planned_batches(sets, 4, seed=1)
    order = [number for number, _ in batches]
    assert Counter(order) == {0: 10, 1: 10}
    assert order != sorted(order)
    for number, (pairs, passes) in enumerate(sets):
        places = Counter(p for which, some in batches if which == number for p in some)
        assert places == dict.fromkeys(range(len(pairs)), int(passes))


def test_a_plan_depends_on_its_arguments_alone() -> None:
    sets = [([pair(n) for n in range(40)], 1.0)]
    assert planned_batches(sets, 4, seed=1) == planned_batches(sets, 4, seed=1)
    assert planned_batches(sets, 4, seed=1) != planned_batches(sets, 4, seed=2)
    pairs = sets[0][0]
    assert drawn_batch(pairs, (3, 1, 2), seed=7) == drawn_batch(pairs, (3, 1, 2), seed=7)
    batches = {drawn_batch(pairs, (3, 1, 2), seed=seed).passages for seed in range(20)}
    assert len(batches) > 1  # other wrong passages


def test_a_batch_holds_each_right_passage_in_its_place() -> None:
    pairs = [pair(n, negatives=n % 2) for n in range(6)]
    batch = drawn_batch(pairs, (4, 1, 3), seed=0)
    assert batch.questions == ("Question 4?", "Question 1?", "Question 3?")
    assert batch.passages[:3] == tuple(pairs[place].positive for place in (4, 1, 3))
    assert batch.passages[3:] == (pairs[1].negatives[0], pairs[3].negatives[0])  # 4 has none
    assert not excluded([pairs[place] for place in (4, 1, 3)], batch.passages).any()


def test_what_holds_the_answer_too_is_excluded() -> None:
    same = Pair("Again?", pair(1).positive, ("Title\nIt is number2 they say.",), (" number1 ",))
    pairs = [pair(1), pair(2), pair(3, answer="number1"), same]
    passages = drawn_batch(pairs, (0, 1, 2, 3), seed=0).passages
    found = excluded(pairs, passages)
    assert found.shape == (4, len(passages))
    for row in range(4):
        assert not found[row, row]  # never its own
        for column, text in enumerate(passages):
            if column != row:
                right = text == pairs[row].positive or holds_answer(text, pairs[row].answers)
                assert found[row, column] == right
    # number1 stands in the passages of 0, 2 and 3; number2 in that of 1 and in 3's wrong one
    assert found[0, :4].tolist() == [False, False, True, True]
    assert found[1].tolist() == [*[False] * 7, True]
    assert found[3, :4].tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("5.1 days", [False, True, False, False]),
        ("days", [False, True, True, True]),
        ("±", [False] * 4),  # without a word
        ("of 5.1 days or", [False] * 4),
    ],
)
def test_an_answer_is_held_by_its_words_one_after_another(answer: str, right: list[bool]) -> None:
    passages = ("Own.", "A\n5.1 DAYS.", "A\n15.1 days: 5 or 1.", "A\nDays of 1 and 5")
    one = Pair("How long?", "Own.", (), (normalised(answer),))
    assert excluded([one], passages).tolist() == [right]
    assert [holds_answer(text, one.answers) for text in passages] == right


def test_a_made_up_question_excludes_its_passage_under_any_heading() -> None:
    made = Pair("How long?", "A. Results\nIt took 5 days.", (), ())
    gold = Pair("How long?", "A. Results\nIt took 5 days.", (), (" 77 ",))
    passages = (made.positive, "B\nIt took 5 days.", made.positive, "B\nIt took 6 days.")
    assert excluded([made], passages).tolist() == [[False, True, True, False]]
    assert excluded([gold], passages).tolist() == [[False, False, True, False]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give at least one --corpus-questions, --questions or --made-questions"),
        (("--questions", "q.json=often"), "write FILE or FILE=NUMBER"),
        (("--made-questions", "q.json=0"), "write FILE or FILE=NUMBER"),
        (("--questions", "q.json", "--minutes", "0"), "is not a number above 0"),
        (("--questions", "q.json", "--minutes", "soon"), "is not a number"),
        (("--questions", "q.json=0"), "write FILE or FILE=NUMBER"),
        (("--questions", "q.json=-1"), "write FILE or FILE=NUMBER"),
        (("--questions", "q.json=inf"), "at most 100"),
        (("--questions", "q.json=nan"), "at most 100"),
        (("--questions", "q.json", "--dimension", "10"), "not divisible by 4"),
        (("--questions", "q.json", "--dimension", "4"), "not a whole number from 8 up"),
        (("--questions", "q.json", "--batch", "1"), "not a whole number from 2 up"),
    ],
)
def test_wrong_arguments_say_what_is_wrong(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        train_encoder.main(["--index", "i", "--output", "o", "--work", "w", *arguments])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_sources_say_how_often() -> None:
    folders = ["--index", "i", "--output", "o", "--work", "w"]
    parsed = train_encoder.parser().parse_args(
        [*folders, "--questions", "a", "--corpus-questions", "b.json=2.5"]
    )
    assert [(str(s.path), s.passes, s.corpus) for s in parsed.sources] == [
        ("a", 1.0, False),
        ("b.json", 2.5, True),
    ]
