from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from models.contracts import FloatArray
from service.evidence import COMPARED, SAME, evidence_of, one_a_paper
from service.statements import normalised
from tests.making import alike_by_first_word, never, of


def unlike(texts: Sequence[str]) -> FloatArray:
    return np.eye(len(texts), dtype=np.float32)


def test_the_same_number_of_several_papers_is_one_group() -> None:
    answers = [
        of(1, "The median was 5.1 days.", "5.1 days", publish_time="2020-03-10"),
        of(2, "It took 5.1 d.", "took 5.1 d", publish_time="2021-07"),
        of(3, "Patients waited for 5.1 days.", "5.1 days", publish_time=""),
    ]
    (group,) = evidence_of(answers, never).agreeing
    assert group.label == "5.1 days"
    assert group.answers == tuple(answers)
    assert group.period == "2020-03 to 2021-07"
    assert evidence_of(answers, never).spreads == ()  # they do not differ


def test_numbers_are_not_alike_for_the_likeness_of_their_sentences() -> None:
    answers = [of(1, "It was 5 days.", "5 days"), of(2, "It was 9 days.", "9 days")]
    assert evidence_of(answers, never).agreeing == ()


def test_one_paper_never_counts_twice() -> None:
    twice = [of(1, "It was 5 days.", "5 days"), of(2, "It was 5 days.", "5 days", title="Another")]
    same_uid = [twice[0], replace(twice[1], paper=twice[0].paper)]
    assert not evidence_of(same_uid, never)
    for field, value in [("doi", "10.1000/X"), ("title", "The very same paper, as a preprint")]:
        records = [
            replace(twice[0], paper=replace(twice[0].paper, **{field: value})),
            replace(twice[1], paper=replace(twice[1].paper, **{field: value.swapcase()})),
        ]
        assert not evidence_of(records, never)
    assert evidence_of(twice, never).agreeing


def test_the_same_words_are_one_answer_whatever_their_form() -> None:
    answers = [
        of(1, "It came from bats.", "bats"),
        of(2, "Horseshoe animals: the Bats.", "the Bats."),
    ]
    (group,) = evidence_of(answers, never).agreeing
    assert group.label == "bats"


ODDS = "more severe illness and a longer stay at the hospital in smokers"
WORSE = "smokers with severe illness had to stay for weeks at a hospital then"
GUM = "chewing gum, which the nurses of several wards were given in summer"


def test_sentences_that_mean_the_same_and_share_words_are_one_answer() -> None:
    answers = [
        of(1, f"Smoke leads to {ODDS}.", ODDS),
        of(2, f"Smoke means that {WORSE}.", WORSE),
        of(3, f"Smoke is like {GUM}.", GUM),
        of(4, f"Gloves lead to {ODDS[:-8]} of others.", ODDS[:-11]),
    ]
    (group,) = evidence_of(answers, alike_by_first_word).agreeing
    assert [answer.passage.id for answer in group.answers] == [1, 2]


def test_vectors_count_from_the_threshold_on() -> None:
    answers = [of(1, f"It leads to {ODDS}.", ODDS), of(2, f"So {WORSE}.", WORSE)]

    def at(cosine: float) -> FloatArray:
        return np.array([[1, 0], [cosine, np.sqrt(1 - cosine**2)]], np.float32)

    assert evidence_of(answers, lambda _: at(SAME + 0.001)).agreeing
    assert not evidence_of(answers, lambda _: at(SAME - 0.001)).agreeing


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("bats", "the Bats", True),
        ("palm civets", "palm civet", True),
        ("Palm civets and dromedary camels", "palm civets", False),
        ("bats to civets", "civets to bats", False),
        ("ACE2", "the ACE2 receptor, while MERS-CoV uses the ectopeptidase DPP4", False),
        ("six", "6", True),
        ("coronavirus 2", "Coronavirus-2", True),
        ("interleukin-6", "Interleukin 6", True),
        ("Angiotensin converting enzyme 2 (ACE2)", "angiotensin-converting enzyme 2", True),
        ("angiotensin-converting enzyme 2", "angiotensin-converting enzyme 1", False),
        ("< 0.05", "<0.05", True),
    ],
)
def test_of_a_short_answer_only_its_words_count(one: str, other: str, same: bool) -> None:
    answers = [of(1, f"So {one} it is.", one), of(2, f"So {other} it is.", other)]
    assert bool(evidence_of(answers, alike_by_first_word).agreeing) is same


def test_what_one_paper_denies_another_does_not_confirm() -> None:
    answers = [
        of(1, "Masks protect wards.", "protect wards"),
        of(2, "Masks do not protect wards.", "protect wards"),
    ]
    assert not evidence_of(answers, never).agreeing


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("78 064", "77780", False),
        ("78 064", "78,064", True),
        ("over 87137", "354,000", False),
        ("between 21 and 25 million", "up to 100 million", False),
        ("290,000–650,000", "250,000–500,000", False),
        ("25 million", "25,000,000", True),
        ("more than 300", "300", False),
        ("three of them", "four of them", False),
        ("2019-nCoV of bats", "2019-nCoV of the bats [3, 4]", False),
    ],
)
def test_answers_with_other_numbers_are_never_alike(one: str, other: str, same: bool) -> None:
    answers = [of(1, f"They were {one} then.", one), of(2, f"They were {other} then.", other)]
    assert bool(evidence_of(answers, alike_by_first_word).agreeing) is same


def test_a_rumour_is_not_what_others_say() -> None:
    answers = [
        of(1, "There are rumours that it is of a laboratory.", "of a laboratory"),
        of(2, "It is of a laboratory.", "of a laboratory"),
        of(3, "There are allegations of a laboratory.", "a laboratory"),
    ]
    (group,) = evidence_of(answers, never).agreeing
    assert [answer.passage.id for answer in group.answers] == [1, 3]


def test_a_question_is_not_what_others_say() -> None:
    answers = [
        of(1, "So is azithromycin the best choice?", "the best choice"),
        of(2, "It is the best choice.", "the best choice"),
        of(3, "Would it be the best choice?", "the best choice"),
    ]
    (group,) = evidence_of(answers, never).agreeing
    assert ([answer.passage.id for answer in group.answers], group.marks) == ([1, 3], ("Asked",))


def test_what_a_paper_about_animals_says_is_not_put_with_what_others_say() -> None:
    answers = [
        of(1, "It was 5 days.", "5 days"),
        of(2, "It was 5 days.", "5 days", journal="Vet Rec"),
        of(3, "It was 5 days.", "5 days", title="How long the illness lasts in horses"),
    ]
    (group,) = evidence_of(answers, never).agreeing
    assert ([answer.passage.id for answer in group.answers], group.marks) == ([2, 3], ("Animals",))


def test_a_number_within_a_longer_answer_is_not_the_answer() -> None:
    bats = "Bats are of many kinds and account for more than 20% of mammalian species worldwide."
    answers = [of(1, bats, bats[:-1]), of(2, "It was 96% alike.", "96% alike")]
    assert not evidence_of(answers, unlike)
    cough = "They had dry cough in 64%, headache in 50% and fever in nearly all."
    answers = [of(1, cough, cough[9:-1]), of(2, "It was 50%.", "50%")]
    assert not evidence_of(answers, unlike)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When will a vaccine be available?", "no"),
        ("Is COVID-19 deadlier than influenza?", "COVID-19"),
        ("What is the basic reproduction number?", "R0"),
        ("What is the basic reproduction number?", "R 0"),
        ("Who is Li Wenliang?", "Dr"),
        ("Who is Li Wenliang?", "Prof. Li Wenliang"),
        ("Which traditional Chinese medicine is effective?", "TCM"),
        ("Which traditional Chinese medicine is effective?", "(TCM)"),
        ("How long was the length of stay?", "LOS"),
        ("What follows acute respiratory distress syndrome?", "ARDS"),
        ("What dose of hydroxychloroquine?", "Hydroxychloroquine (HCQ)"),
    ],
)
def test_words_that_tell_nothing_are_no_agreement(question: str, answer: str) -> None:
    answers = [of(1, f"So {answer} it is.", answer), of(2, f"Then {answer} came.", answer)]
    assert not evidence_of(answers, never, question)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What does TCM stand for?", "traditional Chinese medicine"),
        ("Which receptor is it?", "ACE2"),
        ("Which dose is right?", "HCQ"),
        ("Which hospital offered it?", "WHO"),
        ("How many died?", "0"),
    ],
)
def test_what_was_not_asked_is_an_answer(question: str, answer: str) -> None:
    answers = [
        of(1, f"The receptor ({answer}) it is.", answer),
        of(2, f"Then {answer} came.", answer),
    ]
    assert evidence_of(answers, never, question).agreeing


def test_short_and_long_forms_are_one_answer_where_a_paper_defines_them() -> None:
    defined = "The angiotensin-converting enzyme 2 (ACE2) it is."
    answers = [
        of(1, defined, "angiotensin-converting enzyme 2"),
        of(2, "So ACE2 it is.", "ACE2"),
        of(3, "So ACE-2 it was.", "ACE-2"),
        of(4, "Angiotensin converting enzyme II was it.", "Angiotensin converting enzyme II"),
        of(
            5,
            "ACE2 (angiotensin-converting enzyme 2) is it.",
            "ACE2 (angiotensin-converting enzyme 2)",
        ),
        of(6, "The angiotensin-converting enzyme (ACE) it is.", "angiotensin-converting enzyme"),
        of(7, "So ACE2 and furin it is.", "ACE2 and furin"),
    ]
    (group,) = evidence_of(answers, never, "Which receptor is it?").agreeing
    assert [answer.passage.id for answer in group.answers] == [1, 2, 3, 4, 5]
    undefined = [
        answers[1],
        of(8, "So angiotensin-converting enzyme 2 it is.", "angiotensin-converting enzyme 2"),
    ]
    assert not evidence_of(undefined, never, "Which receptor is it?")


@pytest.mark.parametrize("answer", ["COVID-19", "ARDS"])
def test_an_abbreviation_that_is_asked_about_is_not_put_for_its_long_form(answer: str) -> None:
    long = {"COVID-19": "Coronavirus disease 2019", "ARDS": "Acute respiratory distress syndrome"}
    text = f"{long[answer]} ({answer}) it is."
    answers = [of(1, text, long[answer]), of(2, f"So, {text}", long[answer])]
    assert evidence_of(answers, never, f"What does {answer} stand for?").agreeing
    alone = [of(1, f"{text} So {answer}.", answer), of(2, f"Or {text}", answer)]
    assert not evidence_of(alone, never, f"What does {answer} stand for?")


def test_a_question_may_name_its_answers() -> None:
    answers = [of(1, "By droplets.", "droplets"), of(2, "Droplets spread it.", "Droplets")]
    assert evidence_of(answers, never, "Is it spread by droplets or by aerosols?").agreeing
    assert not evidence_of(answers, never, "Do droplets spread it?")


def test_no_more_sentences_are_compared_than_planned() -> None:
    asked: list[int] = []

    def counting(texts: Sequence[str]) -> FloatArray:
        asked.append(len(texts))
        return unlike(texts)

    said = [" ".join(f"word{n * m}" for m in range(7, 15)) for n in range(1, 50)]
    many = [of(n, f"{text} is so.", text) for n, text in enumerate(said, 1)]
    evidence_of(many, counting)
    assert asked == [COMPARED]
    evidence_of(many[:1], never)
    assert not evidence_of([], never)


def test_texts_are_the_same_but_for_their_form() -> None:
    assert normalised("The respiratory  droplets.") == normalised("Respiratory droplets")
    assert normalised("ACE-2") != normalised("ACE-1")


def test_the_first_answer_of_each_paper_is_kept() -> None:
    one, two = of(1, "It is.", "is"), of(2, "It was.", "was")
    bridge = replace(of(3, "It be.", "be"), paper=replace(two.paper, cord_uid="u1"))
    assert one_a_paper([one, bridge, two]) == (one,)  # the second has a title in common with both


def test_papers_that_share_the_beginning_of_a_doi_are_several() -> None:
    one, two = of(1, "It is 5 days.", "5 days"), of(2, "It was 5 days.", "5 days")
    same = [
        replace(answer, paper=replace(answer.paper, doi="10.1101/2020.02", title=title))
        for answer, title in ((one, "Of the first of two"), (two, "Another matter altogether"))
    ]
    assert len(one_a_paper(same)) == 2


@pytest.mark.parametrize("version", ["(Preprint)", "[preprint]", "(Version 2)"])
def test_the_title_of_a_version_is_that_of_the_paper(version: str) -> None:
    one, two = of(1, "It is 5 days.", "5 days"), of(2, "It was 5 days.", "5 days")
    title = "How long the illness takes in children"
    same = [
        replace(answer, paper=replace(answer.paper, title=text))
        for answer, text in ((one, title), (two, f"{title} {version}"))
    ]
    assert len(one_a_paper(same)) == 1


def test_papers_with_the_same_long_sentence_are_one() -> None:
    long = "Patients were given 30 mg per kg of ribavirin as a loading dose"
    twice = [of(1, f"{long}.", "30 mg"), of(2, f"RESULTS: {long}. It helped.", "30 mg")]
    assert one_a_paper(twice) == (twice[0],)
    assert not evidence_of(twice, never)
    short = [of(n, "It was 5 days in all of them.", "5 days") for n in (1, 2)]
    assert one_a_paper(short) == tuple(short)
    others = [of(3, f"{long}. So it is.", "So"), of(4, f"{long}. Then came more.", "Then")]
    assert one_a_paper(others) == tuple(others)  # only the sentences of the answers count
