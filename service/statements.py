"""What an answer states, as it is compared with other answers. No HTML here."""

import re
from dataclasses import dataclass

from service.cautions import ANIMALS, CLAIM, LABORATORY, NEGATION
from service.fusion import answer_sentence, sentence_of
from service.quantities import Quantity, numbers_in, quantity_of
from service.types import Answer

SETTINGS = (ANIMALS.name, LABORATORY.name)
"""The marks of what was not found in people."""
_SAYS_NOTHING = re.compile(
    r"all|and|are|both|he|is|it|neither|never|no|none|nor|not|r0|she|th(?:at|ere|ese|ey|is|ose)|we|yes"
    r"|yet"
)
_ARTICLES = re.compile(r"^(?:the|an?|about|approximately|around|nearly|almost) ")
_KEPT_APART = (NEGATION, CLAIM, ANIMALS, LABORATORY)


def normalised(text: str) -> str:
    """Return what answers that are the same but for their form have in common.

    >>> normalised("The respiratory droplets."), normalised("Respiratory  droplets")
    ('respiratory droplets', 'respiratory droplets')
    """
    words = re.sub(r"[^\w%+<>=./-]+", " ", text.casefold()).strip(" .-/")
    return _ARTICLES.sub("", " ".join(words.split()))


@dataclass(frozen=True, slots=True)
class Statement:
    """An answer as it is compared with others.

    `marks` names those marks of its sentence that answers must have in common to say the same.
    `tells` is whether its words alone say something: more than "no", or what the question names.
    """

    answer: Answer
    sentence: str
    quantity: Quantity | None
    numbers: frozenset[tuple[str, float]]
    text: str
    marks: tuple[str, ...]
    tells: bool


def statement_of(answer: Answer, asked: set[str]) -> Statement:
    """Take an answer to a question whose words tell nothing; `asked` are these."""
    begin, _ = answer_sentence(answer)
    sentence = sentence_of(answer)
    place = answer.start - begin, answer.end - begin
    text = normalised(answer.text)
    return Statement(
        answer=answer,
        sentence=sentence,
        quantity=quantity_of(sentence, *place),
        numbers=numbers_in(sentence, *place),
        text=text,
        marks=tuple(rule.name for rule in _KEPT_APART if rule.words.search(sentence)),
        tells=any(not _SAYS_NOTHING.fullmatch(word) for word in {*text.split()} - asked),
    )


def asked_by(question: str) -> set[str]:
    """Return the words that tell nothing to who asked; a question with "or" names its answers."""
    words = set(normalised(question).split())
    return set() if "or" in words else words
