"""What an answer states, as it is compared with other answers. No HTML here."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from index.keywords import STOPWORDS
from service.abbreviations import definitions
from service.cards import cautions_of
from service.cautions import ANIMALS, ASKED, CLAIM, LABORATORY, NEGATION
from service.diseases import OTHER_DISEASE, other_disease
from service.fusion import answer_sentence, sentence_of
from service.naming import shortens
from service.quantities import Quantity, in_digits, numbers_in, quantity_of
from service.types import Answer

SETTINGS = (ANIMALS.name, LABORATORY.name)
"""The marks of what was not found in people."""
SHORT = 6
"""An answer of at most so many words says the same as another where its words do."""
_SAYS_NOTHING = re.compile(
    r"all|and|are|both|dr|he|is|it|mr|mrs|ms|neither|never|no|none|nor|not|prof(?:essor)?|r0|she"
    r"|th(?:at|ere|ese|ey|is|ose)|we|yes|yet"
)
_ARTICLES = re.compile(r"^(?:the|an?|about|approximately|around|nearly|almost) ")
_KEPT_APART = {
    OTHER_DISEASE,
    *(rule.name for rule in (NEGATION, CLAIM, ASKED, ANIMALS, LABORATORY)),
}
_COMPOUND = re.compile(r"(?<=[a-z]{4})-(?=[a-z]{4})|(?<=[a-z]{6})-(?=\d)")
_R0 = re.compile(r"\br(?: 0|₀)(?![\d.])")
_SIGNED = re.compile(r"(?<=[<>=]) (?=\d)")
_BRACKETED = re.compile(r"(?<![\w-])(\w[\w-]*) ?[(\[]([A-Z][\w-]{1,9})[)\]]")
_SHARED = 0.4
"""The share of the words of two long answers that must be in both, where one has others too."""


def normalised(text: str) -> str:
    """Return what answers that are the same but for their form have in common.

    >>> normalised("The respiratory droplets."), normalised("Respiratory  droplets")
    ('respiratory droplets', 'respiratory droplets')
    """
    words = re.sub(r"[^\w%+<>=./-]+", " ", text.casefold()).strip(" .-/")
    return _ARTICLES.sub("", " ".join(words.split()))


def words_of(text: str) -> list[str]:
    """Return the words of a text in one form: numbers in digits, compounds apart, R0 as one.

    >>> words_of("Six: the Coronavirus-2, R 0 and SARS-CoV-2")
    ['6', 'the', 'coronavirus', '2', 'r0', 'and', 'sars-cov-2']
    """
    digits = re.sub(r"\bII\b", "2", in_digits(text))
    named = re.sub(r"\bWHO\b", "World Health Organization", digits)  # who is a stop word
    one = _COMPOUND.sub(" ", normalised(named))
    words = _SIGNED.sub("", _R0.sub("r0", one)).split()
    return [kept for word in words if (kept := word.strip(".-/"))]


Shortened = dict[tuple[str, ...], str]
"""Stems of long forms, and what they are shortened to."""


def shortened_by(texts: Iterable[str], asked: set[str]) -> Shortened:
    """Return the abbreviations that texts define, but for those that are asked about.

    >>> shortened_by(["Angiotensin-converting enzyme II (ACE2) is one."], set())
    {('angiotensin', 'convert', 'enzym', '2'): 'ace2'}
    """
    numbered = (re.sub(r"\bII\b", "2", text) for text in texts)
    defined = definitions(numbered).items()
    stems = {tuple(map(_stem, words_of(long))): _joined(short) for short, long in defined}
    known = set(map(_joined, asked))
    kept = ((long, one) for long, one in stems.items() if long and _stem(one) not in known)
    return dict(sorted(kept, key=lambda pair: -len(pair[0])))  # the longest is looked for first


def _shortened(words: list[str], short_for: Shortened) -> list[str]:
    """Put short forms in the place of long ones, and one spelling in that of theirs."""
    stems, shorts = [_stem(word) for word in words], set(short_for.values())
    kept: list[str] = []
    at = 0
    while at < len(words):
        long = next((long for long in short_for if long == tuple(stems[at : at + len(long)])), None)
        joined = _joined(words[at])
        word = short_for[long] if long else joined if joined in shorts else words[at]
        if not (word in shorts and kept[-1:] == [word]):  # "ACE2 (angiotensin-converting enzyme 2)"
            kept.append(word)
        at += len(long) if long else 1
    return kept


def _joined(short: str) -> str:
    return short.lower().replace("-", "")


@dataclass(frozen=True, slots=True)
class Statement:
    """An answer as it is compared with others.

    `words` are the stems of those of its words that say something, in their order: no stop words,
    none that the question names. `short` is whether they alone count, `marks` names those marks of
    its sentence that answers must have in common to say the same, and `disease` is the other
    disease that it is about, "" where it is none.
    """

    answer: Answer
    sentence: str
    quantity: Quantity | None
    numbers: frozenset[tuple[str, float]]
    words: tuple[str, ...]
    short: bool
    marks: tuple[str, ...]
    disease: str

    @property
    def tells(self) -> bool:
        """Tell whether its words alone say something: more than "no", or what was asked."""
        return bool(self.words)


def statement_of(
    answer: Answer, asked: set[str], question: str = "", short_for: Shortened | None = None
) -> Statement:
    """Take an answer to a question whose words tell nothing; `asked` are these, see `asked_by`.

    `short_for` are the abbreviations that stand for their long forms, see `shortened_by`.
    """
    other = other_disease(question, answer)
    begin, _ = answer_sentence(answer)
    sentence = sentence_of(answer)
    place = answer.start - begin, answer.end - begin
    words = _shortened(words_of(_BRACKETED.sub(r"\1", answer.text)), short_for or {})
    known = asked | set(_abbreviated(sentence, asked))
    return Statement(
        answer=answer,
        sentence=sentence,
        quantity=quantity_of(sentence, *place),
        numbers=numbers_in(sentence, *place),
        words=tuple(stem for word in words if _says(word) and (stem := _stem(word)) not in known),
        short=len(words) <= SHORT,
        marks=tuple(
            mark.name
            for mark in (*([other] if other else []), *cautions_of(answer))
            if mark.name in _KEPT_APART
        ),
        disease=other.words if other else "",
    )


def share_words(one: Statement, other: Statement) -> bool:
    """Tell whether two answers have enough words in common to say the same.

    Of a short one all, in their order. Of two long ones those of one, or two fifths of all.
    """
    if one.short or other.short:
        return one.tells and one.words == other.words
    first, second = set(one.words), set(other.words)
    both = len(first & second)
    return both > 0 and (
        both == min(len(first), len(second)) or both >= _SHARED * len(first | second)
    )


def asked_by(question: str) -> set[str]:
    """Return the stems that tell nothing to who asked; a question with "or" names its answers.

    The initials of two to five of its words are among them: who asks for traditional Chinese
    medicine is not told anything by "TCM".
    """
    words = words_of(question)
    if "or" in words:
        return set()
    return {_stem(word) for word in words} | set(_initials(words))


def _says(word: str) -> bool:
    return word not in STOPWORDS and not _SAYS_NOTHING.fullmatch(word)


def _stem(word: str) -> str:
    """Return a word without its ending, roughly.

    >>> [_stem(word) for word in ("civets", "infected", "disease", "diseases", "virus", "bats")]
    ['civet', 'infect', 'diseas', 'diseas', 'virus', 'bat']
    """
    return re.sub(r"(?<=\w{3})(?:ing|ed|e?s(?<![uis]s)|e)$", "", word)


def _initials(words: list[str]) -> Iterator[str]:
    """Yield the stemmed initials of 2 to 5 words on end, whose first and last say something."""
    for begin in range(len(words)):
        for run in (words[begin : begin + length] for length in range(2, 6)):
            if _says(run[0]) and _says(run[-1]):
                yield _stem("".join(word if word.isdigit() else word[0] for word in run))


def _abbreviated(sentence: str, asked: set[str]) -> Iterator[str]:
    """Yield abbreviations in brackets behind a word that is asked: "hydroxychloroquine (HCQ)"."""
    for word, short in _BRACKETED.findall(sentence):
        long, letters = word.lower(), short.lower()
        if _stem(long) in asked and shortens(letters, long):
            yield _stem(letters)
