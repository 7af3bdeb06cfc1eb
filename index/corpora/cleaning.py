"""Removes from papers' text what their authors did not write: watermarks, line numbers, furniture.

The phrases are those that bioRxiv and medRxiv print on every page of a preprint and that
PDF extraction scatters through the paragraphs, in any order and often cut in pieces.
"""

import re
from collections.abc import Sequence

_ANCHOR = r"""(?:
    All\ rights\ reserved\.?\ No\ reuse\ allowed\ without\ permission
  | \(?which\ was\ not\ (?:peer-?reviewed|certified\ by\ peer\ review)\)?
  | The\ copyright\ holder\ (?:for|has\ placed)\ this\ preprint
      (?:\ \(which\ was\ not\ (?:peer-?reviewed|certified\ by\ peer\ review)\))?
      (?:\ is(?:\ the(?=\s*(?:\.|https?:|author/funder|The\ copyright)))?)?
  | author/funder(?:,\ who\ has\ granted\ (?:bio|med)Rxiv\ a\ license\ to\ display
      \ the\ preprint\ in\ perpetuity)?
  | (?:It\ )?is\ made\ available\ under\ a
  | (?:a\ )?CC[- ]BY(?:-NC)?(?:-ND|-SA)?\ \d\.\d\ International\ license
  | (?:doi:\s*)?https?:\ ?//doi\.org\ ?/\ ?10\.1101/[\d.\ ]*\d
      (?:\ //doi\.\S*|\ doi:\ (?:bio|med)Rxiv\ preprint)*
  | doi:\ (?:bio|med)Rxiv\ preprint
)"""
_WATERMARK = re.compile(
    rf"(?:\b(?:is\ the|is|It)\s+)?{_ANCHOR}"
    rf"(?:[\s.,]*(?:(?:It|is|the|is\ the|a|license)[\s.,]+)*{_ANCHOR})*"
    r"(?:\s*\b(?:It|is\ the)(?=\s*\.))?(?:[\s]*\.(?!\d))*",
    re.VERBOSE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\ufeff\ufffe\uffff\ud800-\udfff]")
_SPACES = re.compile(r"[ \t\xa0\u2000-\u200a\u202f\u3000]+")
_NUMBER = re.compile(r"(?<!\S)(\d{1,4})(?!\S)")

_SHORTEST_NUMBERING = 8  # line numbers in a row
_LARGEST_GAP = 5  # line numbers that the extraction may have lost between two that it kept
_LINE = (25, 160)  # characters of text between one line number and the next
_LOOK_BACK = 30  # integers
_SHORTEST_TITLE = 20  # characters; a shorter one may be how the text itself begins


def clean(text: str) -> str:
    """Return `text` without watermarks and control characters, white space runs as one space."""
    text = _CONTROL.sub(" ", text)
    if "preprint" in text or "reserved" in text or "author/funder" in text or "license" in text:
        text = _WATERMARK.sub(" ", text)
    return _SPACES.sub(" ", text.replace("\r", " ").replace("\n", " ")).strip()


def clean_heading(heading: str) -> str:
    """Return a section heading without watermarks and numbering, or "" if no word is left."""
    heading = clean(heading).strip(" .:;|0123456789")
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
    if rest and len(title) > _SHORTEST_TITLE and rest[0].lower().startswith(title.lower()):
        rest[0] = rest[0][len(title) :].lstrip(" .:")
    while rest and (not rest[0] or _is_front_matter(rest[0])):
        rest.pop(0)
    return rest


_FRONT_MATTER = re.compile(
    r"\bdoi:|https?://|@\w+\.|correspond(?:ing|ence)|e-?mail|^\W*(?:abstract|keywords?)\W*$"
    r"|^(?:authors?|affiliations?|received|accepted|published|sha|license|date)\s*:",
    re.IGNORECASE,
)
_LONGEST_FRONT_MATTER = 60  # words; a longer paragraph is text that mentions such a thing


def _is_front_matter(paragraph: str) -> bool:
    return len(paragraph.split()) <= _LONGEST_FRONT_MATTER and bool(_FRONT_MATTER.search(paragraph))
