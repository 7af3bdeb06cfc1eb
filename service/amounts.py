"""What amount a question asks for, and which kinds of amounts an answer gives. No HTML here."""

import re

from service.numerals import NUMBER
from service.units import UNITS

DOSE, COUNT, AGE = "dose", "count", "age"
"""Kinds that have no unit of `UNITS`."""

_OF_TIME = r"minutes|hours|days|weeks|months|years"
_OF_LENGTH = r"metres|meters|feet|inches|kilomet(?:re|er)s|miles"
_NO_QUESTION = (  # words as they are put to a search: "tocilizumab dose in children"
    r"^\W*(?!(?:are|can|could|did|do|does|effect|has|have|how|if|impact|is|may|should|was|were"
    r"|what|when|where|which|who|why|will|would)\b)(?:[\w/-]+ ){0,4}?"
)
_ENDS = r"(?: (?:among|for|in|of|to)\b|\W*$)"
_ASKED = {
    kind: re.compile(words, re.IGNORECASE)
    for kind, words in {
        DOSE: r"\b(?:what|which)(?: (?:is|was|are|were))?(?: the)?"
        r"(?: (?!first|second|third|fourth|booster)\w+){0,2} (?:dos(?:es?|ages?))\b(?! \d)"
        r"|\bhow (?:many|much) (?:mg|milligrams?)\b"
        rf"|{_NO_QUESTION}(?<!first )(?<!second )(?<!third )(?<!booster )dos(?:e|age)s?{_ENDS}",
        "time": rf"\bhow (?:long|many (?:{_OF_TIME}))\b"
        r"|\b(?:incubation|latent|infectious) (?:period|time)\b"
        r"|\b(?:duration|half-life|serial interval|generation time|doubling time)\b"
        r"|\blength of (?:hospital\w* )?stay\b"
        r"|\bwhat (?:is|was) the time (?:to|from|between|until)\b",
        "share": r"\b(?:what|which) (?:proportion|percent(?:age)?|share|fraction)\b"
        r"|\b(?:sero)?prevalence of\b|\b(?:fatality|attack|mortality) rate\b"
        r"|\b(?:sensitivity|specificity|predictive value) of\b|\bwhat (?:is|was) the mortality\b",
        "length": rf"\bhow (?:far|tall|wide|many (?:{_OF_LENGTH}))\b"
        r"|\bwhat (?:\w+ ){0,3}(?:distance|diameter)\b",
        "temperature": r"\b(?:what|which) (?:\w+ )?temperatures?\b",
        COUNT: rf"\bhow many (?!{_OF_TIME}|{_OF_LENGTH}|percent|mg|milligrams)",
        AGE: r"\b(?:what|which|average|mean|median) age\b|\bhow old\b",
    }.items()
}
_FITS = {AGE: {"time"}, COUNT: {"share"}}  # 41 years; four of ten

_BY_KIND = {
    kind: "|".join(unit.pattern for unit in UNITS if unit.kind == kind)
    for kind in ("time", "share", "length", "temperature", "factor")
}
_GIVING = rf"(?<![\w.,])(?:{NUMBER} ?(?:±|[-–]|to) ?)?{NUMBER}[ -]?"
_GIVEN = {
    kind: re.compile(pattern)
    for kind, pattern in {
        **{
            kind: rf"{_GIVING}(?:{units})(?![\w/²³]| ?C(?:I|rI|on))"
            for kind, units in _BY_KIND.items()
        },
        DOSE: rf"{_GIVING}(?:(?:[mµμn]|mc)?g|(?:milli|micro)?grams?|m[lL]|IU|units?|tablets?)"
        r"(?!\w|/m?[lL])",
        "concentration": rf"{_GIVING}(?:[mµμn]?g|IU)/m?[lL]\b",
        "share of": rf"(?<![\w.,]){NUMBER} ?(?:/|of|out of|in) ?(?:the |all )?{NUMBER}",
    }.items()
}

_MEASURES = (
    r"(?:affinity|[CEI]C ?[59]0|K_?d|R ?0|half-life|(?:doubling|generation|survival) time"
    r"|incubation period|serial interval|viral load|(?:hazard|odds|risk) ratio|relative risk)"
)
_AMOUNT = re.compile(
    r"\bhow (?:big|far|high|large|long|many|much|often|old)\b"
    r"|\b(?:what|which) (?:proportion|percent(?:age)?|share|fraction|number)\b"
    r"|\bwhat (?:is|was|are|were) (?:the )?+"
    r"(?!(?:association|cause|consequence|difference|effect|evidence|impact|influence|mechanism"
    r"|meaning|reason|relation(?:ship)?|role)\b)(?:[\w-]+ ){0,4}?"
    rf"(?:{_MEASURES}|dos(?:e|age)|duration|efficacy|incidence|mortality"
    r"|number|percentage|(?:sero)?prevalence|proportion|sensitivity|specificity"
    r"|(?:attack|death|fatality|growth|infection|mortality|mutation|positivity|survival) rate"
    r"|rate of|time (?:between|from|to))\b"
    rf"|{_NO_QUESTION}(?:{_MEASURES}|seroprevalence|(?:attack|fatality) rate){_ENDS}",
    re.IGNORECASE,
)
_SAYS_HOW_MUCH = re.compile(
    r"\b(?:all|both|common(?:ly)?|comparable|doubled?|dozens?|few(?:er)?|frequent(?:ly)?|half|halved"
    r"|high(?:e(?:r|st))?|hundreds?|large(?:r)?|less|life-?long|long(?:er)?|low(?:e(?:r|st))?|majority|many|millions?"
    r"|more|most(?:ly)?|never|no|nobody|none|once|poor|quarters?|rare(?:ly)?|short(?:er)?|similar|single"
    r"|small(?:er)?|thirds?|thousands?|triple|twice|uncommon|unclear|unknown|zero"
    rf"|minute|hour|day|week|month|year|{_OF_TIME})\b|\d|(?<![a-z]){NUMBER}",
    re.IGNORECASE,
)
_CODES = re.compile(r"\bR ?0\b|\b[CEI]C ?[59]0\b|\b(?=[a-z]{0,3}[A-Z][\w-]{0,30}\d)[\w-]+")


_BARE = re.compile(
    r"(?<=[a-z,)] )[1-9]\d{1,3}(?= [a-z(])"
    r"(?! (?:cases?|days?|h|hours?|km|m|mg|min(?:utes)?|months?|of|patients?|people|to|weeks?"
    r"|years?)\b)"
)
_LINE = range(30, 200)
"""Characters from the number of a printed line to that of the next."""


def asks_amount(question: str) -> bool:
    """Tell whether a question asks how much of something there is.

    >>> asks_amount("How many died?"), asks_amount("What is the half-life?"), asks_amount("Why?")
    (True, True, False)
    """
    return bool(_AMOUNT.search(question)) or any(
        asked.search(question) for asked in _ASKED.values()
    )


def kind_asked(question: str) -> str:
    """Return the one kind of amount that a question asks for, "" where it is none, or several."""
    kinds = [kind for kind, asked in _ASKED.items() if asked.search(question)]
    return kinds[0] if len(kinds) == 1 else ""


def other_kind(asked: str, text: str) -> str:
    """Return the first amount in a text, where it gives amounts with units but none that is asked.

    >>> other_kind("dose", "4.3 ± 3.2 days"), other_kind("dose", "8 mg for 3 days")
    ('4.3 ± 3.2 days', '')
    """
    given = {kind: found[0] for kind, units in _GIVEN.items() if (found := units.search(text))}
    if "share of" in given:
        given["share"] = given.pop("share of")
    if not asked or asked in given or not _FITS.get(asked, set()).isdisjoint(given):
        return ""
    return next(iter(given.values()), "")


def without_line_numbers(text: str, start: int, end: int) -> str:
    """Return a part of a text without the numbers of printed lines: the next number is a line off.

    >>> said = f"from symptom 26 onset in one {'who ' * 20}to 27 onset in another"
    >>> without_line_numbers(said, 5, 21)
    'symptom  onset'
    """
    places = {int(number[0]): number.span() for number in _BARE.finditer(text)}
    part = text[start:end]
    for number, (begin, stop) in reversed(places.items()):
        line_before, line_after = places.get(number - 1), places.get(number + 1)
        is_line = (line_before and begin - line_before[1] in _LINE) or (
            line_after and line_after[0] - stop in _LINE
        )
        if is_line and start <= begin and stop <= end:
            part = part[: begin - start] + part[stop - start :]
    return part


def gives_amount(text: str) -> bool:
    """Tell whether a text says how much, in numbers or in words; those of names do not.

    >>> gives_amount("a third"), gives_amount("lower than in SARS"), gives_amount("R 0 of H1N1")
    (True, True, False)
    """
    return bool(_SAYS_HOW_MUCH.search(_CODES.sub(" ", text)))
