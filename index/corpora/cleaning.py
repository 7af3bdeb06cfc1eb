"""Removes from papers' text what their authors did not write, and mends what was lost in it."""

import re

from index.corpora.characters import visible
from index.corpora.formulas import without_formulas
from index.corpora.line_numbers import without_line_numbers
from index.corpora.markup import plain
from index.corpora.watermarks import without_watermarks

_STRAY_STOP = re.compile(  # where a watermark, or the end of a page, was
    r"(?<=[a-z)\],] )"
    r"(the|of|and|an?|in|to|with|for|by|from|that|on|at|as|or|is|are|was|were) ?\.\s+(?=[a-z])"
)
_DEGREES = re.compile(r"(?<=\d) ?[o•º˚] ?(?=[CF]\b)")
_AT_MOST = re.compile(r"\[[<‹] ?=\]|[<‹] ?=(?=\s?-?[\d.])")
_AT_LEAST = re.compile(r"\[[>›] ?=\]|[>›] ?=(?=\s?-?[\d.])")
_POINTLESS = re.compile(  # statistics whose decimal points are lost
    r"\bp ?[<=>] ?0 \d{2,4}\b|\b(?:CI|IQR)\W{0,2} \d+ \d+ ?[-–] ?\d+ \d+"
)
_POINT = re.compile(r"\d[.·]\d")
_LOST_POINT = re.compile(
    r"(?<![\w.,])(?<![^\W\d]-)(?<!\d )(?:0(?= \d{1,4}\b)|\d{1,3}(?= \d{1,2}\b)) (?!\d+ \d)"
)
_SPACED_OPEN = re.compile(r"(?<=[(\[]) (?=\S)")
_SPACED_CLOSE = re.compile(r"(?<=\S) (?=[)\]])|(?<=[a-z)\]]) (?=[,;.](?:\s|$))")
_SPACED_DECIMAL = re.compile(r"(?<=[=<>(,–-] )(\d{1,2}) \. (\d{1,3})(?![\d.])")
_NAMES = (
    "Background|Introduction|Objectives?|Aims?|Purpose|Methods?|Design|Results?|Findings"
    "|Conclusions?|Interpretation|Importance|Significance"
)
_LABEL = f"(?:{_NAMES}|{_NAMES.upper()})"
_ABSTRACT = re.compile(r"^(?:Abstract|ABSTRACT)(?:[\s:.)]+(?=[A-Z0-9])|(?=[A-Z][a-z]))")
_JOINED_SENTENCE = re.compile(rf"(?<=[\w)\]%])\.(?={_LABEL}(?:[A-Z:]|\ [A-Z]))")
_JOINED_LABEL = re.compile(rf"(?:(?<=\.\ )|^)({_LABEL})(?=[A-Z][a-z])")


def clean(text: str) -> str:
    """Return `text` without watermarks and control characters, white space runs as one space.

    Markup becomes plain text (`index.corpora.markup`); the white space that an extraction left
    beside brackets, before marks and within decimal numbers goes.

    >>> clean("R 0 = 2 . 6 ( 95 % CI, 2 . 4 - 2 . 8 ) in P&#x000e4;diatrie&nbsp; [3] .")
    'R 0 = 2.6 (95 % CI, 2.4 - 2.8) in Pädiatrie [3].'
    """
    text = without_watermarks(without_formulas(visible(plain(text))))
    text = _SPACED_CLOSE.sub("", _SPACED_OPEN.sub("", text))
    text = _SPACED_DECIMAL.sub(r"\1.\2", text)
    return _AT_LEAST.sub("≥", _AT_MOST.sub("≤", _DEGREES.sub("°", text)))


def clean_abstract(text: str) -> str:
    """Return a clean abstract without line numbers and the word it begins with.

    The labels of its parts, which lose their white space where lines are joined, get it again.

    >>> clean_abstract("Abstract BackgroundMasks help.MethodsWe looked.RESULTS: They do.")
    'Background: Masks help. Methods: We looked. RESULTS: They do.'
    """
    text = _ABSTRACT.sub("", without_line_numbers([clean(text)])[0])
    text = _JOINED_LABEL.sub(r"\1: ", _JOINED_SENTENCE.sub(". ", text))
    return _with_decimal_points(without_stray_stops(text))


def without_stray_stops(text: str) -> str:
    r"""Return `text` without full stops that a watermark or a page's end left within a sentence.

    >>> without_stray_stops("They found the.\nseverity increased, as was. shown.")
    'They found the severity increased, as was shown.'
    """
    return _STRAY_STOP.sub(r"\1 ", text)


def _with_decimal_points(text: str) -> str:
    """Return `text` with the decimal points that a database lost, if it has lost all of them.

    >>> _with_decimal_points("20 0 days (IQR 17 0-24 0), 18 4% of 3 046 (p=0 0043)")
    '20.0 days (IQR 17.0-24.0), 18.4% of 3 046 (p=0.0043)'
    """
    if not _POINTLESS.search(text) or _POINT.search(text):
        return text
    return _LOST_POINT.sub(lambda found: found[0][:-1] + ".", text)
