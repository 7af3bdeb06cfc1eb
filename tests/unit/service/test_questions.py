from service.questions import QUESTIONS, questions_by_topic
from service.validation import parse_query


def test_there_are_thirty_different_questions_numbered_from_one() -> None:
    assert [question.number for question in QUESTIONS] == list(range(1, 31))
    assert len({question.text for question in QUESTIONS}) == 30


def test_each_can_be_asked_as_it_is() -> None:
    for question in QUESTIONS:
        values = {"question": question.text}
        assert parse_query(values, weight=0.5, top_k=5).question == question.text


def test_the_topics_hold_every_question_once() -> None:
    grouped = [q for questions in questions_by_topic().values() for q in questions]
    assert sorted(grouped, key=lambda q: q.number) == list(QUESTIONS)
