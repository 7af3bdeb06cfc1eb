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


def test_the_same_words_of_one_paper_appear_once() -> None:
    first = an_answer(1, "The median was 5.1 days.", "5.1 days")
    again = an_answer(2, "It was 5.1  Days in most.", "5.1  Days")
    more = an_answer(3, "In some it was > 5.1 days.", "> 5.1 days")
    other = an_answer(4, "It was 5.1 days in most.", "5.1 days", cord_uid="b")
    assert list(without_repeats([first, again, more, other])) == [first, more, other]


def test_a_long_sentence_that_two_papers_have_appears_once() -> None:
    text = "In 181 cases the median was 5.1 days, and 11.5 at most."
    preprint = an_answer(1, text, "5.1 days", cord_uid="a")
    published = an_answer(2, text.replace(",", " –"), "11.5", cord_uid="b")
    assert list(without_repeats([preprint, published])) == [preprint]
    shorter = "In 181 cases the median was 5.1 days."
    one, two = (an_answer(n, shorter, "5.1 days", cord_uid=f"{n}") for n in (3, 4))
    assert list(without_repeats([one, two])) == [one, two]


def test_an_answer_over_two_sentences_repeats_either() -> None:
    both = an_answer(1, "It was mild. It was short.", "mild. It was")
    second = an_answer(2, "It was short. It passed.", "short")
    assert list(without_repeats([both, second])) == [both]
