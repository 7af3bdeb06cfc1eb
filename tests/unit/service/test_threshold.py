"""Reading no more than needed finds exactly what reading all finds."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from service.fusion import fuse, rank_key, ranked, without_repeats
from service.threshold import Pool, read_enough
from service.types import Answer
from tests.making import an_answer

SENTENCES = [f"Sentence {letter} is here." for letter in "ABCDEFGH"]
LONG = [f"Sentence {letter} is so long that it is copied word for word." for letter in "ABC"]
SCORE = st.one_of(st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]), st.floats(0, 1))
PASSAGE = st.tuples(
    st.sampled_from([*SENTENCES, *LONG]),  # which it answers with: some repeat others
    SCORE,  # the reader's
    SCORE,  # the retrieval's
    st.booleans(),  # whether it has a span at all
    st.sampled_from("ab"),  # whose it is
)


def scored(  # noqa: PLR0917 - named as they are
    passage_id: int, sentence: str, reader: float, retrieval: float, w: float, paper: str = "u1"
) -> Answer:
    """Make an answer from a passage of three sentences, of which it touches one."""
    text = f"Before {passage_id}. {sentence} After {passage_id}."
    made = an_answer(passage_id, text, sentence[:10], cord_uid=paper)
    final = fuse(reader, retrieval, w)
    return replace(made, reader_score=reader, retrieval_score=retrieval, final_score=final)


@given(
    passages=st.lists(PASSAGE, max_size=25),
    ids=st.permutations(range(25)),
    weight=st.one_of(st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.floats(0, 1)),
    top_k=st.integers(1, 8),
    first=st.integers(1, 12),
    step=st.integers(1, 9),
    bounds=st.tuples(st.one_of(st.just(1.0), st.floats(0, 1)), st.sampled_from([0.0, 0.5, 1.0])),
)
def test_reading_enough_finds_what_reading_all_finds(  # noqa: PLR0917 - drawn by name
    passages: list[tuple[str, float, float, bool, str]],
    ids: list[int],
    weight: float,
    top_k: int,
    first: int,
    step: int,
    bounds: tuple[float, float],
) -> None:
    ceiling, slope = bounds

    def bound(retrieval: float) -> float:
        return ceiling * (1 - slope + slope * retrieval)

    of_ids = sorted(zip(ids, passages, strict=False), key=lambda one: (-one[1][2], one[0]))
    answers = [
        scored(id_, sentence, min(reader, bound(retrieval)), retrieval, weight, paper)
        if spans
        else None
        for id_, (sentence, reader, retrieval, spans, paper) in of_ids
    ]
    asked: list[tuple[int, int]] = []

    def read(begin: int, end: int) -> Sequence[Answer]:
        asked.append((begin, end))
        return [answer for answer in answers[begin:end] if answer]

    pool = Pool([id_ for id_, _ in of_ids], [passage[2] for _, passage in of_ids], bound)
    count = read_enough(pool, read, weight=weight, top_k=top_k, first=first, step=step)

    def best(among: Sequence[Answer | None]) -> list[Answer]:
        read_ones = ranked(answer for answer in among if answer)
        return list(islice(without_repeats(read_ones), top_k))

    assert best(answers[:count]) == best(answers)
    assert [begin for begin, _ in asked] == [0, *(end for _, end in asked[:-1])][: len(asked)]
    assert (asked[-1][1] if asked else 0) == count  # each once, in order, and all that was counted


def test_an_equal_passage_that_would_come_first_is_read() -> None:
    answer = scored(5, SENTENCES[0], 0.5, 0.5, 0.5)
    assert rank_key(answer) == (-0.5, 5)
    for other, needed in [(6, 1), (4, 2)]:
        pool = Pool([5, other], [0.5, 0.5], lambda _: 0.5)
        assert pool.needed([answer], weight=0.5, top_k=1, read=1) == needed


def test_an_answer_that_is_dropped_as_a_repeat_settles_nothing() -> None:
    better, repeat = (scored(n, SENTENCES[0], 0.9, 0.9 - n / 10, 0.5) for n in (1, 2))
    repeat = replace(repeat, passage=replace(repeat.passage, cord_uid=better.passage.cord_uid))
    pool = Pool([1, 2, 9], [0.8, 0.7, 0.0], lambda _: 1.0)
    assert pool.needed([better, repeat], weight=0.5, top_k=1, read=2) == 2
    assert pool.needed([better, repeat], weight=0.5, top_k=2, read=2) == 3


def test_the_bound_decides_how_many_are_read() -> None:
    answers = [scored(n, SENTENCES[n % 8], 0.4, 1 - n / 50, 0.5, str(n)) for n in range(40)]

    def read(begin: int, end: int) -> Sequence[Answer]:
        return answers[begin:end]

    def count(bound: float) -> int:
        pool = Pool(range(40), [1 - n / 50 for n in range(40)], lambda _: bound)
        return read_enough(pool, read, weight=0.5, top_k=5, first=10, step=1)

    # the fifth has 0.5 * 0.4 + 0.5 * 0.92, so what has less than 0.92 + 0.4 - bound is not read
    assert count(0.4) == 10  # from the 6th on, with 0.9; but the first 10 always are
    assert count(0.71) == 20  # the 21st has 0.6
    assert count(0.99) == 34  # the 35th has 0.32


def test_no_step_goes_further_than_what_is_known_asks_for() -> None:
    answers = [scored(n, SENTENCES[n % 8], 0.4, 1 - n / 50, 0.5, str(n)) for n in range(40)]
    asked = []

    def read(begin: int, end: int) -> Sequence[Answer]:
        asked.append((begin, end))
        return answers[begin:end]

    pool = Pool(range(40), [1 - n / 50 for n in range(40)], lambda _: 0.71)
    assert read_enough(pool, read, weight=0.5, top_k=5, first=10, step=8) == 20
    assert asked == [(0, 10), (10, 18), (18, 20)]
