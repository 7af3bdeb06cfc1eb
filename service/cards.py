"""A card of the page: one answer, prepared for people to read. No HTML here."""

import re
from calendar import month_name
from dataclasses import dataclass
from datetime import date
from typing import Self
from urllib.parse import quote, urlsplit

from index.types import Paper
from service.asked import asked_cautions
from service.cautions import ANIMALS, Caution, asks_of_animals, cautions, retraction
from service.citations import authors_of, cite, doi_of, is_preprint
from service.emphasis import Piece, pieces
from service.fusion import answer_sentence, sentence_of
from service.types import Answer

SHOWN_AUTHORS = 3
_INTRODUCES = re.compile(r"introduction|background", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """Where a paper can be read: the name of the place, and the address."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Card:
    """One answer. `before + answer + after` is the passage's text.

    `parts` are the sentence that holds the answer, or those: what is before it, the answer, and
    what is behind. `reader_part` and `retrieval_part` make up the final score. `told` are the
    numbers of `Standing`.
    """

    rank: int
    passage_id: int
    start: int
    end: int
    paper: Paper
    link: str | None
    links: tuple[Link, ...]
    citation: str
    authors: str
    published: str
    kind: str
    section: str
    before: str
    answer: str
    after: str
    parts: tuple[tuple[Piece, ...], ...]
    chance: str
    cautions: tuple[Caution, ...]
    final: float
    reader: float
    retrieval: float
    weight: float
    steady: bool
    told: tuple[int, ...]

    @classmethod
    def of(
        cls,
        rank: int,
        answer: Answer,
        weight: float,
        *,
        question: str = "",
        steady: bool = False,
        told: tuple[int, ...] = (),
    ) -> Self:
        """Prepare the answer at `rank`, from 1, to a question asked with `weight`.

        Without the question it has no marks that depend on it.
        """
        text, paper = answer.passage.text, answer.paper
        start, end = answer_sentence(answer)
        preprint, marks = is_preprint(paper), cautions_of(answer, question)
        return cls(
            rank=rank,
            passage_id=answer.passage.id,
            start=answer.start,
            end=answer.end,
            paper=paper,
            link=paper_link(paper),
            links=paper_links(paper),
            citation=cite(paper),
            authors=short_authors(paper.authors),
            published=long_date(paper.publish_time),
            kind="Preprint" if preprint else "Journal article" if paper.journal else "",
            section=answer.passage.section,
            before=text[: answer.start],
            answer=text[answer.start : answer.end],
            after=text[answer.end :],
            parts=pieces(text[start:end], marks, answer.start - start, answer.end - start),
            chance=answer.chance,
            cautions=marks,
            final=answer.final_score,
            reader=answer.reader_score,
            retrieval=answer.retrieval_score,
            weight=weight,
            steady=steady,
            told=told,
        )

    @property
    def scores(self) -> tuple[tuple[str, float], ...]:
        """The scores in [0, 1] with the names that the page gives them."""
        return ("Final", self.final), ("Reader", self.reader), ("Retrieval", self.retrieval)

    @property
    def shares(self) -> tuple[str, str]:
        """The shares of reader and retrieval in the final score, in digits."""
        return written(self.weight), written(1 - self.weight)

    @property
    def reader_part(self) -> float:
        """What the reader adds to the final score."""
        return self.weight * self.reader

    @property
    def retrieval_part(self) -> float:
        """What the retrieval adds to the final score."""
        return (1 - self.weight) * self.retrieval


def cautions_of(answer: Answer, question: str = "") -> tuple[Caution, ...]:
    """Return the marks that an answer has: for its paper, its question and its sentence.

    What the introduction of a paper tells need not be of its own matter. Who asks about animals is
    not told that an answer is about them.
    """
    paper = answer.paper
    introduces = _INTRODUCES.search(answer.passage.section)
    grave = retraction(paper.title)
    of_sentence = cautions(
        sentence_of(answer),
        preprint=is_preprint(paper),
        journal="" if introduces else paper.journal,
        title="" if introduces else paper.title,
    )
    of_question = asked_cautions(question, answer) if question else ()
    if asks_of_animals(question):
        of_sentence = tuple(mark for mark in of_sentence if mark.name != ANIMALS.name)
    return (*([grave] if grave else []), *of_question, *of_sentence)


def written(weight: float) -> str:
    """Write a weight, as ranking.js does.

    >>> written(0.6), written(1), written(0.55), written(1 - 0.9)
    ('0.6', '1.0', '0.55', '0.1')
    """
    exact = round(weight, 6)
    return f"{exact:.1f}" if round(exact, 1) == exact else f"{exact:g}"


def paper_links(paper: Paper) -> tuple[Link, ...]:
    """Return the places where a paper can be read, by what its record says.

    Where it has no address at all, there is a search for its title.
    """
    links = []
    if doi := _doi_link(paper):
        links.append(Link("DOI", doi))
    if re.fullmatch(r"PMC\d+", paper.pmcid, re.ASCII):
        links.append(Link("PMC", f"https://www.ncbi.nlm.nih.gov/pmc/articles/{paper.pmcid}/"))
    if re.fullmatch(r"\d+", paper.pubmed_id, re.ASCII):
        links.append(Link("PubMed", f"https://pubmed.ncbi.nlm.nih.gov/{paper.pubmed_id}/"))
    if not links and paper_link(paper) is None and (title := _searchable(paper.title)):
        query = quote(f'"{title}"', safe="")
        links.append(Link("Search Europe PMC", f"https://europepmc.org/search?query={query}"))
    return tuple(links)


_LONGEST_SEARCHED = 300  # characters


def _searchable(title: str) -> str:
    r"""Return a title as the inside of a quoted phrase, without what that may not have.

    >>> _searchable('[The "cough" of\n2020.]')
    'The cough of 2020'
    """
    words = re.sub(r"[\W_]+(?=\s|$)|(?<!\S)[\W_]+|[\"\\]", " ", title).split()
    return " ".join(words)[:_LONGEST_SEARCHED].strip()


def paper_link(paper: Paper) -> str | None:
    """Return where a paper can be read: its DOI, else the first web address of its record.

    An address that is made of a DOI which is none leads nowhere, and is left out.
    """
    if doi := _doi_link(paper):
        return doi
    addresses = (address.strip() for address in paper.url.split(";"))
    leading = (one for one in addresses if not (paper.doi and one.endswith(f"/{paper.doi}")))
    return next((address for address in leading if _is_web_address(address)), None)


def _doi_link(paper: Paper) -> str | None:
    doi = doi_of(paper)
    return f"https://doi.org/{quote(doi, safe='/:;().')}" if doi else None


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
    names = authors_of(authors)
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
