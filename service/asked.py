"""Marks beside an answer for what its question asks and the answer lacks. No HTML here.

docs/decisions/0026-marks-that-know-the-question.md tells how often each is right.
"""

import re
from collections.abc import Iterator

from service.amounts import (
    AGE,
    COUNT,
    DOSE,
    asks_amount,
    gives_amount,
    kind_asked,
    other_kind,
    without_line_numbers,
)
from service.cautions import NEGATION, Caution, Rule, mark_of
from service.citations import is_preprint
from service.diseases import FIRST_YEAR, other_disease
from service.fusion import sentence_of
from service.naming import COVID, Words, is_named, names_in
from service.types import Answer

NO_COVID = Caution(
    "COVID-19 not named",
    "",
    "Neither this passage nor the title names COVID-19: it may be about another disease.",
)
NOT_NAMED = "Not named"
_NOT_NAMED = "Neither this passage nor the paper's title names it: it may be about something else."
_PANDEMIC = re.compile(r"\b(?:pandemic|lockdown)\b", re.IGNORECASE)

NO_NUMBER = Caution(
    "No number", "", "The question asks for a number, and the marked words give none."
)
_OTHER_KIND = "The question asks for {0}. The marked number is of another kind."
_KINDS = {
    DOSE: "a dose",
    "time": "a duration",
    "share": "a share",
    "length": "a distance",
    "temperature": "a temperature",
    COUNT: "a count",
    AGE: "an age",
}

NOT_NEGATED = Caution(
    "Not negated",
    "",
    "The question asks for what is not so, and the sentence denies nothing: it may tell what is.",
)
_ASKS_FOR_NOT = re.compile(
    r"^\W*(?:which|what|who)\b(?: [\w'’-]+){0,5}?(?:"
    r" (?:are|can|could|did|do|does|had|has|have|is|may|might|must|should|was|were|will|would)"
    r"(?:(?: [\w-]+){0,2}? (?:not|never)\b(?! (?:only|yet)\b)|n['’]t\b)"
    r"| cannot\b| fail(?:s|ed)? to\b| (?:ha(?:s|d|ve)|show(?:s|ed)?) no\b"
    r"| (?:is|are|was|were) (?:ineffective|unable)\b)",
    re.IGNORECASE,
)
_DENIES_OTHERWISE = re.compile(
    r"\b(?:comparable|except|exclud\w+|few(?:er)?|free|inactive|independent(?:ly)?|insensitive"
    r"|ineffective\w*|less|low(?:er)?|minimal(?:ly)?|negative\w*|(?<!not )only|poor(?:ly)?|rarely"
    r"|refus\w+|regardless|rejected|resist\w+|seldom|similar(?:ly)?|stopped"
    r"|un(?:able|affected|altered|changed|common|detect\w+|involved|related|successful|tested)"
    r"|weak(?:ly)?|without|withdrawn|worse)\b",
    re.IGNORECASE,
)

_OURS = r"(?:we|(?:this|the|our|the present) (?:article|paper|review|study|trial|work))"
_STUDYING = (
    r"(?:assess|compare|describe|determine|estimate|evaluate|examine|explore|identify|investigate"
    r"|measure|study)"
)
_AIM_OR_METHOD = (
    "Aim or method",
    "The sentence tells what was to be found, or how, which is not what was found.",
)
AIM = Rule(
    _AIM_OR_METHOD[0],
    re.compile(
        rf"\b{_OURS} (?:aim(?:s|ed)?|sought|intend(?:s|ed)?|set out) to\b"
        r"|\b(?:aims?|objectives?|purposes?|goals?) (?:of (?:this|the|our|these) \w+ )?"
        r"(?:is|was|were|are) (?:also )?to\b"
        rf"|^(?:\W*\w+ ?:)?\W*To {_STUDYING}\b(?!.*\b(?:we|was|were)\b)"
        r"|\bMain Outcomes?(?: and Measures?)? ?:"
        rf"|\b(?:will be|we will) (?:\w+ )?{_STUDYING}(?:e?d)?\b",
        re.IGNORECASE,
    ),
    _AIM_OR_METHOD[1],
)
METHOD = Rule(
    _AIM_OR_METHOD[0],
    re.compile(
        r"\b(?:primary|secondary|main) (?:outcomes?|end ?-?points?)\b"
        r"|\b(?:is|are|was|were) (?:calculated|computed|defined) (?:as|by|from|using)\b",
        re.IGNORECASE,
    ),
    _AIM_OR_METHOD[1],
)
_RUN_ON = 500
"""Characters from which on a sentence is several, of which one may tell an aim."""
_ASKS_FOR_METHODS = re.compile(
    r"\b(?:aim(?:s|ed)?|assess\w*|calculat\w*|comput(?:e[ds]?|ing)|criteri\w+|defin\w+|design\w*"
    r"|end ?-?points?|goals?|measure[ds]?|measurements?|methods?|objectives?|outcomes?"
    r"|purposes?)\b",
    re.IGNORECASE,
)


def asked_cautions(question: str, answer: Answer) -> tuple[Caution, ...]:
    """Return the marks that an answer has because of its question; none without a question."""
    other = other_disease(question, answer)
    return (
        *([other] if other else []),
        *_unnamed(question, answer, elsewhere=bool(other)),
        *_denials(question, answer),
        *_of_amount(question, answer),
        *_aims(question, answer),
    )


def _unnamed(question: str, answer: Answer, *, elsewhere: bool) -> Iterator[Caution]:
    """Yield marks for what the question names, and neither the passage nor what heads it does.

    Of an answer from elsewhere, about another disease, that it does not name COVID-19 is told.
    """
    names, covid = names_in(question), COVID.search(question)
    if not (names or covid):
        return
    paper, passage = answer.paper, answer.passage
    text = f"{paper.title}\n{passage.section}\n{passage.text}"
    of_pandemic = _PANDEMIC.search(text) and paper.publish_time >= FIRST_YEAR
    if covid and not (elsewhere or COVID.search(text) or of_pandemic):
        yield NO_COVID
    if not names:
        return
    words = Words.of(f"{text}\n{paper.journal}\n{paper.authors}\n{paper.publish_time}")
    missing = dict.fromkeys(name.text for name in names if not is_named(name, words))
    if missing:
        yield Caution(NOT_NAMED, ", ".join(missing), _NOT_NAMED)


def _denials(question: str, answer: Answer) -> Iterator[Caution]:
    """Yield a mark where the question asks for what is not so, and the sentence denies nothing."""
    if not _ASKS_FOR_NOT.search(question):
        return
    sentence = sentence_of(answer)
    if not (NEGATION.words.search(sentence) or _DENIES_OTHERWISE.search(sentence)):
        yield NOT_NEGATED


def _of_amount(question: str, answer: Answer) -> Iterator[Caution]:
    """Yield a mark where the question asks for an amount, and the answer gives none such."""
    kind = kind_asked(question)
    if given := other_kind(kind, answer.text):
        yield Caution(f"Not {_KINDS[kind]}", given, _OTHER_KIND.format(_KINDS[kind]))
    elif asks_amount(question) and not gives_amount(_told(answer)):
        yield NO_NUMBER


def _told(answer: Answer) -> str:
    """Return the marked words, of a preprint without the numbers of its printed lines."""
    if not is_preprint(answer.paper):
        return answer.text
    return without_line_numbers(answer.passage.text, answer.start, answer.end)


def _aims(question: str, answer: Answer) -> Iterator[Caution]:
    """Yield a mark where the sentence tells an aim; or a method, where an amount is asked for."""
    sentence = sentence_of(answer)
    if _ASKS_FOR_METHODS.search(question) or len(sentence) > _RUN_ON:
        return
    found = mark_of(AIM, sentence)
    if not found and asks_amount(question) and not any(map(str.isdigit, answer.text)):
        found = mark_of(METHOD, sentence)
    if found:
        yield found
