"""How long what is read from a passage store may be: what shows it takes time by its length.

Indexes that are built now have nothing longer; an older one, or one from elsewhere, may. Lengths
are in Unicode code points.
"""

from collections.abc import Iterable
from dataclasses import fields

from index.types import Paper, Passage

LONGEST_UID = 100
LONGEST_NAME = 300
"""Of a journal, a source, and all else that is known of a paper but for these."""

_HEADING, _PASSAGE = 1000, 13_000
_OF_PAPERS = {"cord_uid": LONGEST_UID, "title": 1000, "authors": 20_000, "url": 2000}
_LONGEST = tuple(_OF_PAPERS.get(field.name, LONGEST_NAME) for field in fields(Paper))


def passage_of(row: tuple[int, str, str, str, int, int]) -> Passage:
    """Return a passage of its fields as they are stored; a longer one ends where it is cut."""
    id_, cord_uid, section, text, start, end = row
    text = text[:_PASSAGE]
    return Passage(id_, cord_uid, section[:_HEADING], text, start, min(end, start + len(text)))


def paper_of(texts: Iterable[str]) -> Paper:
    """Return a paper of its fields as they are stored, each cut where it is too long."""
    return Paper(*(text[:longest] for text, longest in zip(texts, _LONGEST, strict=True)))
