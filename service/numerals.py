"""Numbers as papers write them, in digits and in words. Pure; no HTML here."""

import re

_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = [
    *("ten", "eleven", "twelve", "thirteen", "fourteen"),
    *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WORTH = {
    **{word: number for number, word in enumerate(_ONES + _TEENS, 1)},
    **{word: 10 * number for number, word in enumerate(_TENS, 2)},
}
_SMALL = "|".join(_ONES + _TEENS)
_ONE = f"(?:{'|'.join(_ONES)})(?![a-z])"
_BELOW_HUNDRED = (
    rf"(?:(?:{'|'.join(_TENS)})(?: ?[-‐‑–] ?{_ONE}| {_ONE}(?!-[a-z]))?"  # "twenty four-day courses"
    rf"|{_SMALL})(?![a-z])(?![ -]hundred)"
)
_SPELT = (
    rf"(?:(?:a|{_SMALL})[ -]hundred(?![a-z])(?:(?:[ -]and)?[ -]{_BELOW_HUNDRED})?|{_BELOW_HUNDRED})"
)
MINUS = "-−–"  # an en dash is what typesetters often put
NUMBER = (
    r"(?:\d{1,3}(?:,\d{3}){1,4}(?!\d)(?:\.\d+)?|\d{1,15}(?!\d)(?:[.·]\d+| [.·] ?\d+)?"
    rf"|(?ai:{_SPELT}))"
)
"""The pattern of a number. Words are understood below two thousand: "one hundred and four"."""

_GOES_ON = re.compile(
    r"\b(?:hundred|thousand|million|billion|dozen)s?(?:,? and)?[ -]$"
    rf"|(?:\d|\b(?:{'|'.join(_WORTH)})) (?:point|times) $"
    r"|\b(?:hal(?:f|ves)|(?:third|quarter|fourth|fifth|sixth|eighth|tenth)s?)"
    r" (?:of|the)(?: (?:the|these|those|a|its|their|all|about))? $"
    r"|[\d)] ?[×✕*⋅^] ?$|\d ?[x/·] ?$",
    re.IGNORECASE,
)
_WORDS_GO_ON = re.compile(rf"\b(?:{'|'.join(_WORTH)})(?: and)?[ ‐‑–-]$", re.IGNORECASE)


def is_rest(number: str, before: str) -> bool:
    """Tell whether a number goes on from what stands before it, and so means another one.

    >>> is_rest("five", "for seven point "), is_rest("10", "three quarters of ")
    (True, True)
    >>> is_rest("10", "2.3 × "), is_rest("14", "six "), is_rest("five", "after ")
    (True, False, False)
    """
    return bool(_GOES_ON.search(before) or (number[0].isalpha() and _WORDS_GO_ON.search(before)))


def value_of(number: str) -> float:
    """Return what a text is that `NUMBER` matches, with a sign before it or not.

    >>> value_of("−1,200.5"), value_of("Twenty-four"), value_of("one hundred and four")
    (-1200.5, 24.0, 104.0)
    """
    if number[0] in MINUS:
        return -value_of(number[1:])
    if not number[0].isalpha():
        return float(re.sub("[, ]", "", number).replace("·", "."))
    hundreds, hundred, rest = number.lower().rpartition("hundred")
    below = sum(_WORTH.get(word, 0) for word in re.findall("[a-z]+", rest))  # "and" is worth none
    return float(below + (100 * _WORTH.get(hundreds[:-1], 1) if hundred else 0))
