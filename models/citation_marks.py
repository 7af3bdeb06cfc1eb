"""Tells the marks of citations from answers: "[24, 25]", "(Zaki et al., 2012)", "bats 7 ." Pure.

CORD-19's texts have lost their superscripts, so a citation's number may stand behind a word as if
it belonged to it. What sets it apart is the space before the next full stop or comma.
"""

import re

_MARKS = re.compile(r"(?:\[\d{1,3}(?:[ ,–-]+\d{1,3})*\][ ,]*)+")
_WORK = r"[A-Z][\w’'-]+(?: et al\.?| (?:and|&) [A-Z][\w’'-]+)?,? \d{4}[a-z]?"
_WORKS = re.compile(rf"\({_WORK}(?:[;,] {_WORK})*\)")
_NUMBER = re.compile(r"\d{1,3}(?:[,–-]\d{1,3})*")
_BEHIND_WORD = re.compile(r"[a-z]{4}[.,]\Z")  # "mask,8 tidal volume", and no "Fig.3"

_SUPERSCRIPT = re.compile(r"(?P<word>\S+)(?P<mark> \d{1,3}(?: ?, ?\d{1,3})*)\Z")
_PLAIN_WORD = re.compile(r"(?:[a-z]{4}|-CoV-2|-19|-nCoV)\Z")  # no formula: "MgCl 2", "R 0"
_NUMBERED = re.compile(
    r"(?:about|age[ds]?|appendix|april|around|approximately|august|box|case|caspase|category|chapter"
    r"|chromosome|class|cluster|cohort|coronavirus|days?|december|domain|enzyme|equation|exactly|exon"
    r"|experiment|factor|february|figures?|from|grades?|groups?|helix|interleukins?|january|july|june"
    r"|kinase|least|line|march|mean|median|models?|months?|most|nearly|november|number|october|only"
    r"|over|panel|parainfluenza|part|patient|peptidase|phases?|protease|protein|receptor|sample"
    r"|scenario|scores?|section|segment|september|serotype|stages?|steps?|strain|subunit|tables?|than"
    r"|trial|types?|under|values?|variant|version|virus|waves?|weeks?|were|with|within|years?|zones?"
    r")\Z",
    re.IGNORECASE,
)
_SAFETY_LEVEL = re.compile(r"(?:safety|containment|care) level\Z", re.IGNORECASE)
_NEXT_STOP = re.compile(r" [.,;](?: |$)")
_BEHIND_NUMBER = re.compile(r"(?<=\d)\. \d{1,3}\Z")  # "at 3.0. 17"
_LONGEST = 40  # code points of a word and the citations behind it


def without_citation(text: str, start: int, end: int) -> int:
    """Return where `text[start:end]` ends without the numbers of citations at its end.

    >>> without_citation("found in bats 7 .", 9, 15)
    13
    """
    stops = _NEXT_STOP.match(text, end)
    if not text[end - 1].isdigit() or not (stops or end == len(text)):
        return end
    if number := _BEHIND_NUMBER.search(text, max(start, end - _LONGEST), end):
        return number.start()
    found = _SUPERSCRIPT.search(text, max(start, end - _LONGEST), end) if stops else None
    if found is None or not _PLAIN_WORD.search(found["word"]):
        return end
    before = found.end("word")
    if _NUMBERED.search(found["word"]) or _SAFETY_LEVEL.search(
        text, max(0, before - _LONGEST), before
    ):
        return end
    return before


def only_citation(text: str, start: int, end: int) -> bool:
    """Tell whether `text[start:end]` is nothing but the mark of a citation.

    >>> only_citation("found in bats [24, 25].", 15, 21)
    True
    """
    left = start - (text[start - 1 : start] in {"[", "("})
    right = end + (text[end : end + 1] in {"]", ")"})
    if _NUMBER.fullmatch(text, start, end) and _BEHIND_WORD.search(text, max(0, start - 5), start):
        return True
    return any(marks.fullmatch(text, left, right) for marks in (_MARKS, _WORKS))
