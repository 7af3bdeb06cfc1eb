"""Citations of papers: as text, and as entries for RIS and BibTeX files. No HTML here."""

import re
import unicodedata
from calendar import month_abbr
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

from index.preprints import PREPRINT_WORDS
from index.types import Paper

CITED_AUTHORS = 6
"""How many authors a citation names before "et al.", as the Vancouver style has it."""

_DOI = re.compile(
    r"(?!10\.1101/\d{4}(?:\.\d\d?){1,2}\.?$)"  # a preprint's, cut off in the middle of its date
    r"10\.\d{4,9}/\S+"
)
_PREPRINT_DOI = re.compile(
    r"10\.1101/(\d{4}\.\d\d\.\d\d\.)?\d{6,}"  # bioRxiv and medRxiv; the press has letters there
    r"|10\.(21203|20944|31219|26434|31234|2139|36227|48550|12688)/"
)
_JOINS = re.compile(r"(?<!\w)(?:and|others)(?!\w)", re.IGNORECASE)
"""What BibTeX takes for the end of a name, or for authors that are left out."""
_TEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\textbraceleft{}",  # BibTeX counts braces, also those behind a backslash
        "}": r"\textbraceright{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{mark: f"\\{mark}" for mark in "$&#_%"},
    }
)


_FOOTNOTE = re.compile(
    r"(?:(?<!\d)\d+)?[#*†‡§¶‖]+\d*"  # from the first digit: a run is gone through once
    r"|(?<=[a-z])\d+(?![\w-])"
)


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name; a group, or a name that cannot be taken apart, has no `given`."""

    family: str
    given: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Take a name apart: `Last, First` or, as some records have it, `Last FM`."""
        family, _, given = (" ".join(part.split()) for part in text.partition(","))
        if not given and (found := re.fullmatch(r"(.+) ([A-Z]{1,3})", family)):
            family, given = found[1], " ".join(f"{letter}." for letter in found[2])
        return cls(family, given)

    @property
    def initials(self) -> str:
        """The initials of the given names.

        >>> Name("Jung", "Sung-Mok A.").initials, Name("Lauer", "SA").initials
        ('SMA', 'SA')
        """
        if re.fullmatch(r"[A-Z]{2,3}", self.given):
            return self.given
        return "".join(part[0].upper() for part in re.split(r"[\s.-]+", self.given) if part)


def names(paper: Paper) -> list[Name]:
    """Return the names of a paper's authors, in their order."""
    return [Name.of(author) for author in authors_of(paper.authors)]


def authors_of(record: str) -> list[str]:
    """Return the authors that a record names, without the marks of footnotes.

    >>> authors_of("Bahl1, Justin; #2, Stefano Elli; Yujun, #; ¶; COVID-19 Team")
    ['Bahl, Justin', 'Stefano Elli', 'Yujun', 'COVID-19 Team']
    """
    authors = (_FOOTNOTE.sub("", _plain(text)).split(",") for text in record.split(";"))
    named = ([part.strip() for part in parts if any(map(str.isalpha, part))] for parts in authors)
    return [", ".join(parts) for parts in named if parts]


def is_preprint(paper: Paper) -> bool:
    """Tell whether a paper's source, journal or DOI is that of a preprint.

    One that a journal published since is still told by the record that the index has of it.
    """
    described = f"{paper.journal}; {paper.source}"
    return bool(PREPRINT_WORDS.search(described) or _PREPRINT_DOI.match(paper.doi))


def doi_of(paper: Paper) -> str:
    """Return a paper's DOI, "" where it has none that can be one.

    Some records have only the beginning of one, which other papers share.
    """
    return paper.doi if _DOI.fullmatch(paper.doi) else ""


def cite(paper: Paper) -> str:
    """Cite a paper in one line of text, in the Vancouver style.

    What is not known is left out. Source: Citing Medicine, National Library of Medicine (2007).
    """
    cited = [f"{name.family} {name.initials}".strip() for name in names(paper)]
    if len(cited) > CITED_AUTHORS:
        cited = [*cited[:CITED_AUTHORS], "et al"]
    journal = _plain(paper.journal)
    if is_preprint(paper):
        journal = f"{journal} [preprint]" if journal else "[Preprint]"
    parts = (", ".join(cited), _plain(paper.title) or "Untitled", journal, _date(paper))
    sentences = [part if part[-1] in ".?!" else f"{part}." for part in parts if part]
    identifiers = [
        f"doi:{doi_of(paper)}" if doi_of(paper) else "",
        f"PMID: {_plain(paper.pubmed_id)}" if paper.pubmed_id else "",
        f"PMCID: {_plain(paper.pmcid)}" if paper.pmcid else "",
    ]
    return " ".join([*sentences, "; ".join(filter(None, identifiers))]).strip()


def ris(paper: Paper, link: str | None = None, notes: Sequence[str] = ()) -> str:
    """Return a paper as an entry of an RIS file, with its last line feed.

    `link` is where it can be read. Each of the `notes` becomes a line `N1`. Source of the tags:
    Research Information Systems' specification (2001), PMID and PMCID as EndNote has them.
    """
    year, month, day = _date_parts(paper)
    kind = "UNPB" if is_preprint(paper) else "JOUR" if paper.journal.strip() else "GEN"
    authors = [f"{n.family}, {n.given}" if n.given else n.family for n in names(paper)]
    tags = [
        ("TY", kind),
        ("ID", paper.cord_uid),
        *(("AU", author) for author in authors),
        ("TI", paper.title or "Untitled"),
        ("JO", paper.journal),
        ("T2", paper.journal),
        ("PY", year),
        ("DA", f"{year}/{month}/{day}/" if year else ""),
        ("DO", doi_of(paper)),
        ("AN", paper.pubmed_id),
        ("C2", paper.pmcid),
        ("UR", link or ""),
        *(("N1", note) for note in notes),
    ]
    lines = [f"{tag}  - {value}" for tag, text in tags if (value := _plain(text))]
    return "\r\n".join([*lines, "ER  - ", ""])


def bibtex(paper: Paper, link: str | None = None, notes: Sequence[str] = ()) -> str:
    """Return a paper as an entry of a BibTeX file, with its last line feed.

    `link` is where it can be read; the `notes` become its annotation. Letters beyond ASCII stay as
    they are: BibTeX has read UTF-8 for long. Titles keep their capitals.
    """
    year, month, _ = _date_parts(paper)
    authors = [
        f"{_part(n.family)}, {_part(n.given)}" if n.given else f"{{{_tex(n.family)}}}"
        for n in names(paper)
    ]
    preprint = is_preprint(paper)
    published = _tex(paper.journal)
    fields = {
        "author": " and ".join(authors),
        "title": f"{{{_tex(paper.title) or 'Untitled'}}}",
        "journal": "" if preprint else published,
        "howpublished": f"{published} (preprint)".strip() if preprint else "",
        "year": year,
        "doi": _verbatim(doi_of(paper)),
        "url": _verbatim(link or ""),
        "pmid": _tex(paper.pubmed_id),
        "pmcid": _tex(paper.pmcid),
        "annote": "; ".join(_tex(note) for note in notes),
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    if month:
        lines.append(f"  month = {month_abbr[int(month)].lower()}")
    kind = "article" if fields["journal"] else "misc"
    return f"@{kind}{{{_key(paper)},\n" + ",\n".join(lines) + "\n}\n"


def _part(name: str) -> str:
    """Return a part of an author's name; in braces where BibTeX would take it for several names."""
    return f"{{{_tex(name)}}}" if _JOINS.search(name) else _tex(name)


def _key(paper: Paper) -> str:
    """Return an entry's key: of ASCII letters and digits, and one paper's only."""
    first = names(paper)[0].family if names(paper) else ""
    ascii_ = unicodedata.normalize("NFKD", first).encode("ascii", "ignore").decode()
    parts = (ascii_.lower(), _date_parts(paper)[0], paper.cord_uid)
    return "_".join(kept for part in parts if (kept := re.sub(r"[^A-Za-z0-9]", "", part)))


def _date_parts(paper: Paper) -> tuple[str, str, str]:
    """Return year, month and day as digits, "" for what is not known."""
    found = re.fullmatch(r"(\d{4})(?:-(0[1-9]|1[0-2])(?:-(\d\d))?)?", paper.publish_time, re.ASCII)
    return (found[1], found[2] or "", found[3] or "") if found else ("", "", "")


def _date(paper: Paper) -> str:
    year, month, day = _date_parts(paper)
    return " ".join(filter(None, (year, month and month_abbr[int(month)], day.lstrip("0"))))


def _plain(text: str) -> str:
    """Return a text in one line, without control characters and lone surrogates."""
    kept = ("" if unicodedata.category(c) in {"Cc", "Cs"} and not c.isspace() else c for c in text)
    return " ".join("".join(kept).split())


def _tex(text: str) -> str:
    return _plain(text).translate(_TEX)


def _verbatim(text: str) -> str:
    """Return an address or a DOI as BibTeX styles take it: as it is, but for what ends a field."""
    return quote(_plain(text), safe="!$&'()*+,/:;=?@[]#%~_-.<>|")
