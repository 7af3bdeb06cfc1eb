"""A card of the page: one answer, prepared for people to read. No HTML here."""

import re
from calendar import month_name
from dataclasses import dataclass
from datetime import date
from typing import Self
from urllib.parse import quote, urlsplit

from index.types import Paper
from service.types import Answer

SHOWN_AUTHORS = 3
_DOI = re.compile(r"10\.\d{4,9}/\S+")


@dataclass(frozen=True, slots=True)
class Score:
    """A score in [0, 1] with the name that the page gives it."""

    name: str
    value: float

    @property
    def percent(self) -> int:
        """The score as the length of a bar of 100 units."""
        return round(100 * self.value)


@dataclass(frozen=True, slots=True)
class Card:
    """One answer. `before + answer + after` is the passage's text."""

    rank: int
    paper: Paper
    link: str | None
    authors: str
    published: str
    section: str
    before: str
    answer: str
    after: str
    scores: tuple[Score, Score, Score]

    @classmethod
    def of(cls, rank: int, answer: Answer) -> Self:
        """Prepare the answer at `rank`, from 1."""
        text = answer.passage.text
        return cls(
            rank=rank,
            paper=answer.paper,
            link=paper_link(answer.paper),
            authors=short_authors(answer.paper.authors),
            published=long_date(answer.paper.publish_time),
            section=answer.passage.section,
            before=text[: answer.start],
            answer=text[answer.start : answer.end],
            after=text[answer.end :],
            scores=(
                Score("Final", answer.final_score),
                Score("Reader", answer.reader_score),
                Score("Retrieval", answer.retrieval_score),
            ),
        )


def paper_link(paper: Paper) -> str | None:
    """Return where a paper can be read: its DOI, else the first web address of its record."""
    if _DOI.fullmatch(paper.doi):
        return "https://doi.org/" + quote(paper.doi, safe="/:;().")
    addresses = (address.strip() for address in paper.url.split(";"))
    return next((address for address in addresses if _is_web_address(address)), None)


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def short_authors(authors: str) -> str:
    """Name at most the first three of `Last, First; Last, First`.

    >>> short_authors("Lauer, Stephen A.; Grantz, Kyra H.; Bi, Qifang; Jones, Forrest K.")
    'Lauer, Stephen A.; Grantz, Kyra H.; Bi, Qifang and 1 more'
    """
    names = [name.strip() for name in authors.split(";") if name.strip()]
    more = len(names) - SHOWN_AUTHORS
    return "; ".join(names[:SHOWN_AUTHORS]) + (f" and {more} more" if more > 0 else "")


def long_date(publish_time: str) -> str:
    """Write a date of reduced precision in words; anything else stays as it is.

    >>> long_date("2020-03-13"), long_date("2020-03"), long_date("2020")
    ('13 March 2020', 'March 2020', '2020')
    """
    match re.fullmatch(r"(\d{4})-(\d\d)(?:-(\d\d))?", publish_time, re.ASCII):
        case None:
            return publish_time
        case found:
            year, month, day = found.groups()
    try:
        known = date(int(year), int(month), int(day or 1))
    except ValueError:
        return publish_time
    return f"{f'{known.day} ' if day else ''}{month_name[known.month]} {year}"
