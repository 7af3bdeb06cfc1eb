"""How much is taken of a record and of a parse: more than any real one has, and no more.

Without bounds one record with a title of megabytes takes as much of every page that shows it.
"""

from collections.abc import Iterable

from index.corpora.metadata import Record
from index.lengths import LONGEST_UID

LONGEST_TEXT = 5_000_000  # characters of a parse's paragraphs
LONGEST_ABSTRACT = 1_000_000
TOO_LONG = f"has more than {LONGEST_TEXT:,} characters of text; the rest is left out"
_SHORTEST_COUNTED = 50  # characters that a paragraph counts for at least: each one takes its time

_RECORD = {  # characters of each field as it stands in metadata.csv, with markup and blanks
    "cord_uid": LONGEST_UID + 1,
    "title": 5_000,
    "abstract": LONGEST_ABSTRACT,
    "authors": 100_000,
    "url": 100_000,  # of several places
    "pdf_json_files": 100_000,
    "pmc_json_files": 100_000,
}
_OTHER = 10_000


def bounded(record: Record) -> Record:
    """Return a record with its fields cut at their bounds."""
    return {name: text[: _RECORD.get(name, _OTHER)] for name, text in record.items()}


def first_paragraphs(
    paragraphs: Iterable[tuple[str, str]], room: int
) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Return as many of a parse's paragraphs, (heading, text), as have `room` characters of text.

    The last one may be cut. Returns too whether anything was left out; that is not looked at.

    >>> first_paragraphs([("A", "Masks help."), ("B", "Gowns do not.")], 55)
    ((('A', 'Masks help.'), ('B', 'Gowns')), True)
    """
    kept: list[tuple[str, str]] = []
    for heading, text in paragraphs:
        if room <= 0:
            return tuple(kept), True
        kept.append((heading, text[:room]))
        if len(text) > room:
            return tuple(kept), True
        room -= max(len(text), _SHORTEST_COUNTED)
    return tuple(kept), False


def cut(text: str, most: int, end: str = " ") -> str:
    """Return a text of at most so many characters, cut before an `end` if it has one there.

    >>> cut("Masks in wards", 10), cut("Ahn, B; Lee, C; Moe, D", 18, ";"), cut("Masks", 3)
    ('Masks in', 'Ahn, B; Lee, C', 'Mas')
    """
    if len(text) <= most:
        return text
    at = text.rfind(end, 0, most + 1)
    return text[: at if at > 0 else most].rstrip()


def whole(text: str, most: int) -> str:
    """Return a text, or "" where it has more characters: an address that is cut leads nowhere.

    >>> whole("10.1/x", 200), whole("10.1/x", 3)
    ('10.1/x', '')
    """
    return text if len(text) <= most else ""
