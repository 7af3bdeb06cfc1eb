"""Tells what of a paper's sections is not its text: authors, front and back matter, contents."""

import re
from collections.abc import Sequence
from itertools import dropwhile

_NAMED = re.compile(  # R. M. Bateman, or J. Vieira Jr,
    r"\b(?:[A-Z]\.[ -]?){1,3} ?(?:(?:de|van|von|der|da|la|le|di|el|al|dos|den) )*"
    r"[A-Z][\w'’-]+(?: (?:[A-Z][\w'’-]+|Jr))?(?:,|;|$|[A-Z]?\d|(?=[A-Z]))"
)
_TIMES = re.compile(r"[0-2]\d[.:][0-5][05] ?[‐–-] ?[0-2]\d[.:][0-5][05](?!\d)")
_FEWEST_LISTED = 8  # names or times
_WORDS_A_NAME = 8  # for each name at most, the titles of what they wrote among them
_WORDS_A_TIME = 40  # for each time
_AUTHORS = re.compile(  # and their addresses, before the first label of an abstract
    r"(?:(?:[A-ZÀ-Ž]{1,3}|[A-Z]-[A-Z])(?: [A-ZÀ-Ž][\w'’-]{1,60}){1,9}"
    r"(?<=\d)(?<! [A-ZÀ-Ž]\d)(?:,\d{1,3}){0,20}, |\d[A-Z])"
    r"[^:]{0,2500}?(?=\b(?:Background|Introduction|Objectives?|Aims?|Purpose|Methods): )"
)
_BACK_MATTER = re.compile(
    r"""(?:financial\ )?disclosures?(?:\ statement)? | financial\ support(?:\ and\ sponsorship)?
      | (?:role\ of\ the\ )?funding(?:\ (?:source|statement|information))? | sources?\ of\ funding
      | authors?['’]?s?['’]?\ contributions? | (?:funding\ ?&\ ?)?acknowledge?ments?
      | (?:declarations?\ of\ )?(?:conflicts?(?:\ of)?|conflicting|competing)\ interests?
        (?:\ (?:statement|declaration|disclosure))?
      | declarations?\ of\ interests?(?:\ statement)? | consent\ for\ publication""",
    re.VERBOSE | re.IGNORECASE,
)
_THANKS = re.compile(
    r"\b(?:thank|grateful|gratitude|acknowledg|fund|grant|support|sponsor|declare|competing|conflict"
    r"|disclos|contribut|employ|financial|fees|honorari|wrote|drafted|read and approved"
    r"|conceived|designed|not applicable|none\b)",
    re.IGNORECASE,
)
_LEGEND = re.compile(r"\b(?:Fig(?:ure)?s?\b|Table)")
_FRONT_MATTER = re.compile(
    r"\bdoi:|https?://|@\w+\.|corresponding author|\be-?mail|^\W*(?:abstract|keywords?)\W*$"
    r"|^(?:\W*author for |address for |\W*)correspondence(?: to)?\s*:"
    r"|^(?:authors?|affiliations?|received|accepted|published|sha|license|date)\s*:",
    re.IGNORECASE,
)
_LONGEST_FRONT_MATTER = 40  # words; a longer paragraph is text that mentions such a thing
_SHORTEST_TITLE = 20  # characters; a shorter one may be how the text itself begins


def is_back_matter(heading: str, paragraph: str) -> bool:
    """Tell whether a paragraph thanks, declares interests or tells who did what.

    In parses of PDFs legends and appendices follow under the same heading: they are none.

    >>> is_back_matter("Funding", "None."), is_back_matter("Funding", "Figure 1 was funded.")
    (True, False)
    """
    return (
        bool(_BACK_MATTER.fullmatch(heading))
        and bool(_THANKS.search(paragraph))
        and not _LEGEND.search(paragraph)
    )


def is_contents(text: str) -> bool:
    """Tell whether a text is the contents of a book of abstracts: names, or times of day.

    >>> is_contents("P1 - Masks in wards A. B. Ahn, C. Lee, D. van Os " * 4)
    True
    >>> is_contents("15.55-16.10 Masks in wards, and how they are worn " * 8)
    True
    """
    words = len(text.split())
    return any(
        len(found) >= _FEWEST_LISTED and words <= most * len(found)
        for found, most in (
            (_NAMED.findall(text), _WORDS_A_NAME),
            (_TIMES.findall(text), _WORDS_A_TIME),
        )
    )


def without_authors(text: str) -> str:
    """Return a section of a book of abstracts without the authors whom it begins with.

    >>> without_authors("O Khan1, F Bao1,2 1Wayne State University, 2Other Background: Masks.")
    'Background: Masks.'
    """
    found = _AUTHORS.match(text)
    return text[found.end() :] if found else text


def without_title(paragraphs: Sequence[str], title: str) -> list[str]:
    """Return the paragraphs without the front matter that a parse put before the first sentence.

    Front matter is the title itself and short leading paragraphs of addresses or identifiers.
    """
    rest = list(paragraphs)
    if rest and len(title) > _SHORTEST_TITLE and rest[0][: len(title)].lower() == title.lower():
        rest[0] = rest[0][len(title) :].lstrip(" .:")
    return list(dropwhile(lambda text: not text or _is_front_matter(text), rest))


def _is_front_matter(paragraph: str) -> bool:
    return len(paragraph.split()) <= _LONGEST_FRONT_MATTER and bool(_FRONT_MATTER.search(paragraph))
