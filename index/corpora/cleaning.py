"""Removes from papers' text what their authors did not write: watermarks, line numbers, furniture.

The phrases are those that bioRxiv and medRxiv print on every page of a preprint and that
PDF extraction scatters through the paragraphs, in any order and often cut in pieces.
"""

import html
import re
from collections.abc import Sequence
from html.entities import html5

_DOI = r"(?:doi:\s*)?https?:\ ?//(?:dx\.)?doi\.org\ ?/\ ?10\.1101/[\d.\ ]*\d(?:\ //doi\.\S*)*"
_UNREVIEWED = r"which\ was\ not\ (?:peer-?reviewed|certified\ by\ peer\ review)"
_ANCHOR = rf"""(?:                        # what only a watermark says
    (?:All\ rights\ )?reserved\.?\ No\ reuse\ allowed\ without\ permission
  | \({_UNREVIEWED}\) | peer-reviewed\)\ \(which\ was\ not
  | The\ copyright\ holder\ (?:for|has\ placed)\ this\ preprint
      (?:\ \({_UNREVIEWED}\))?
      (?:\ is(?:\ the(?=\s*(?:\.|https?:|author/funder|The\ copyright)))?)?
  | author/funder(?:,\ who\ has\ granted\ (?:bio|med)Rxiv\ a\ license\ to\ display
      \ the\ preprint\ in\ perpetuity)?
  | ,\ who\ has\ granted\ (?:bio|med)Rxiv\ a\ license | to\ display\ the\ preprint\ in\ perpetuity
  | CC-BY(?:-NC)?(?:-ND|-SA)?\ \d\.\d\ International\ license
  | (?:CC-BY(?:-NC)?(?:-ND|-SA)?\ \d\.\d\ |{_DOI}\ )?(?:\bdoi)?:\ (?:bio|med)Rxiv\ preprint(?:\ /)?
  | ^(?:bio|med)Rxiv\ preprint\b
  | This\ article\ is\ a\ US\ Government\ work\.
      (?:\ It\ is\ not\ subject\ to\ copyright\ under\ 17\ USC\ 105
      (?:\ and\ is\ also\ made\ available)?)?
  | for\ use\ under\ a\ CC0\ license
)"""
_BETWEEN = rf"""(?:                       # what belongs to a watermark only beside such words
    It | is\ made\ available\ under\ a | is | the | a | license | {_DOI}
  | (?:this\ version|first)\ posted\ (?:online\ )?\w+\.?\ \d{{1,2}},\ \d{{4}}
)"""
_WATERMARK = re.compile(
    rf"(?:\b(?:(?:It\ )?is\ made\ available\ under\ a|is\ the|is|It)\s+)?{_ANCHOR}"
    rf"(?:[\s.,;]*(?:{_BETWEEN}[\s.,;]+)*{_ANCHOR})*"
    rf"(?:[\s.]*(?:It\ )?is\ made\ available\ under\ a\b|[\s.]*{_DOI})?"
    r"(?:\s*\b(?:It|is\ the)(?=\s*\.))?(?:[\s]*\.(?!\d))*",
    re.VERBOSE,
)
_SIGNS = ("preprint", "reserved", "author/funder", "license", "reviewed)", "US Government")
_INVISIBLE = re.compile(r"[\u00ad\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")
_SPACES = re.compile(r"[ \xa0\u2000-\u200a\u202f\u3000]+")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[A-Za-z][A-Za-z\d]{1,31});")
_ESCAPED = 2  # times at most: "&amp;lt;"
_HEADING_NUMBERS = re.compile(
    r"^\d{1,2}(?:\.\d{1,2})*(?=[A-Z][a-z])"  # 2.1Methods
    r"|^(?:\d{1,3}(?:\.\d{1,2})*[\s.:;|)]+)+"  # 2.1. Methods
    r"|(?:\s+\d{1,4})+$"  # Methods 112: line numbers
)
_NUMBER = re.compile(r"(?<!\S)(\d{1,4})(?!\S)")

_SHORTEST_NUMBERING = 8  # line numbers in a row
_LARGEST_GAP = 5  # line numbers that the extraction may have lost between two that it kept
_LINE = (25, 160)  # characters of text between one line number and the next
_LOOK_BACK = 30  # integers
_SHORTEST_TITLE = 20  # characters; a shorter one may be how the text itself begins


def clean(text: str) -> str:
    """Return `text` without watermarks and control characters, white space runs as one space.

    References to characters, which some records have for the characters themselves, become these.

    >>> clean("P&#x000e4;diatrie&nbsp; &amp;amp; AT&T")
    'Pädiatrie & AT&T'
    """
    if "&" in text:
        for _ in range(_ESCAPED):
            text = _ENTITY.sub(_character, text)
    text = _CONTROL.sub(" ", _INVISIBLE.sub("", text))
    if any(sign in text for sign in _SIGNS):
        text = _WATERMARK.sub(" ", text)
    return _SPACES.sub(" ", text).strip()


def _character(found: re.Match[str]) -> str:
    """Return the character that a reference stands for; what is none stays as it is."""
    named = found[0][1] != "#"
    return found[0] if named and found[0][1:] not in html5 else html.unescape(found[0])


def clean_heading(heading: str) -> str:
    """Return a section heading without watermarks and numbering, or "" if no word is left.

    >>> clean_heading("2.1. 2019-nCoV and COVID-19:"), clean_heading("RESULTS 112")
    ('2019-nCoV and COVID-19', 'RESULTS')
    """
    heading = _HEADING_NUMBERS.sub("", clean(heading).strip(" .:;|")).strip(" .:;|")
    letters = sum(character.isalpha() for character in heading)
    return heading if letters > 1 and not re.fullmatch(r"[ivxIVX]+", heading) else ""


def without_line_numbers(paragraphs: Sequence[str]) -> list[str]:
    """Return the paragraphs without the line numbers that a manuscript's margin left in them.

    A standalone integer is a line number when it belongs to a run of at least 8 growing integers
    with a line's length of text between them. Numbers that authors wrote do not come so evenly.

    >>> lines = [f"words that fill a line of a manuscript {n}" for n in range(1, 12)]
    >>> without_line_numbers([" ".join(lines)])[0][:60]
    'words that fill a line of a manuscript words that fill a lin'
    """
    found: list[tuple[int, int, int, int]] = []  # value, position in all text, paragraph, offset
    position = 0
    for number, paragraph in enumerate(paragraphs):
        found += [
            (int(m[1]), position + m.start(), number, m.start())
            for m in _NUMBER.finditer(paragraph)
        ]
        position += len(paragraph) + 1
    length = [1] * len(found)  # of the longest run of line numbers that ends here
    before = [-1] * len(found)
    for this, (value, at, _, _) in enumerate(found):
        for earlier in range(max(0, this - _LOOK_BACK), this):
            step, distance = value - found[earlier][0], at - found[earlier][1]
            if (
                1 <= step <= _LARGEST_GAP
                and _LINE[0] * step <= distance <= _LINE[1] * step
                and length[earlier] >= length[this]
            ):
                length[this], before[this] = length[earlier] + 1, earlier
    drop: set[tuple[int, int]] = set()
    for last in range(len(found)):
        if length[last] >= _SHORTEST_NUMBERING:
            this = last
            while this >= 0 and found[this][2:] not in drop:
                drop.add(found[this][2:])
                this = before[this]
    return [_without_numbers_at(drop, n, paragraph) for n, paragraph in enumerate(paragraphs)]


def _without_numbers_at(drop: set[tuple[int, int]], number: int, paragraph: str) -> str:
    text = _NUMBER.sub(lambda m: "" if (number, m.start()) in drop else m[0], paragraph)
    return _SPACES.sub(" ", text).strip()


def without_title(paragraphs: Sequence[str], title: str) -> list[str]:
    """Return the paragraphs without the front matter that a parse put before the first sentence.

    Front matter is the title itself and short leading paragraphs of addresses or identifiers.
    """
    rest = list(paragraphs)
    if rest and len(title) > _SHORTEST_TITLE and rest[0][: len(title)].lower() == title.lower():
        rest[0] = rest[0][len(title) :].lstrip(" .:")
    while rest and (not rest[0] or _is_front_matter(rest[0])):
        rest.pop(0)
    return rest


_FRONT_MATTER = re.compile(
    r"\bdoi:|https?://|@\w+\.|corresponding author|\be-?mail|^\W*(?:abstract|keywords?)\W*$"
    r"|^(?:\W*author for |address for |\W*)correspondence(?: to)?\s*:"
    r"|^(?:authors?|affiliations?|received|accepted|published|sha|license|date)\s*:",
    re.IGNORECASE,
)
_LONGEST_FRONT_MATTER = 40  # words; a longer paragraph is text that mentions such a thing


def _is_front_matter(paragraph: str) -> bool:
    return len(paragraph.split()) <= _LONGEST_FRONT_MATTER and bool(_FRONT_MATTER.search(paragraph))
