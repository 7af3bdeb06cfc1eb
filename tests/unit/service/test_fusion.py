import pytest

from service.fusion import fuse, ranked, without_repeats
from tests.making import an_answer


def test_the_weight_is_the_readers_share() -> None:
    assert fuse(reader=1.0, retrieval=0.0, weight=0.2) == pytest.approx(0.2)
    assert fuse(reader=0.9, retrieval=0.3, weight=0.0) == 0.3  # the search alone
    assert fuse(reader=0.9, retrieval=0.3, weight=1.0) == 0.9  # the reading alone


def test_the_result_stays_in_range() -> None:
    tenths = [n / 10 for n in range(11)]
    values = [fuse(a, b, w) for a in tenths for b in tenths for w in tenths]
    assert min(values) >= 0
    assert max(values) <= 1


def test_answers_are_ranked_by_final_score_then_by_place_in_the_index() -> None:
    low, tie_b, tie_a = (
        an_answer(1, "Low.", "Low", final=0.1),
        an_answer(9, "B.", "B", final=0.5),
        an_answer(3, "A.", "A", final=0.5),
    )
    assert ranked([low, tie_b, tie_a]) == [tie_a, tie_b, low]


def test_the_same_sentence_of_overlapping_passages_appears_once() -> None:
    first = an_answer(1, "Masks help. The median was 5.1 days.", "5.1 days")
    again = an_answer(2, "The median was 5.1 days. Children were spared.", "The median")
    other = an_answer(3, "The median was 5.1 days. Children were spared.", "Children")
    assert list(without_repeats([first, again, other])) == [first, other]


def test_the_same_sentence_of_two_papers_is_evidence_twice() -> None:
    one = an_answer(1, "Masks help.", "Masks", cord_uid="a")
    two = an_answer(2, "Masks help.", "Masks", cord_uid="b")
    assert list(without_repeats([one, two])) == [one, two]


def test_an_answer_over_two_sentences_repeats_either() -> None:
    both = an_answer(1, "It was mild. It was short.", "mild. It was")
    second = an_answer(2, "It was short. It passed.", "short")
    assert list(without_repeats([both, second])) == [both]
