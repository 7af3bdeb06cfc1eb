"""Decides which records are of one paper.

A release repeats papers: under one cord_uid, and under several when they came from several
sources. Its identifiers can be wrong or cut ("10.1101/2020.02"), so no identifier but the cord_uid
is believed against the titles, and none that two papers have. Where in doubt records stay apart:
the text that they share is indexed once all the same, while a paper merged into another is lost.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from index.corpora.identifiers import normal_doi, normal_pmcid, normal_pubmed_id
from index.corpora.metadata import Record

_FEWEST_TITLE_WORDS = 5  # a shorter title ("Editorial", "COVID-19") does not identify a paper
_AGREEMENT = 0.5  # of the telling words of the shorter title, those that the longer one has too
_TELLING_NOTHING = frozenset(  # in a title of this corpus
    re.findall(
        r"\w+",
        "a an and as at by during for from in into its of on or the to with we is are"
        " 19 2 2019 2020 ncov cov covid covid19 sars sarscov2 coronavirus coronaviruses novel new"
        " virus viral disease diseases acute severe respiratory syndrome infection infections"
        " pandemic epidemic outbreak patients study",
    )
)
_VERSION = re.compile(r"(?:[./]?v\d{1,2}|\.\d)$")  # of a preprint: 10.21203/rs.3.rs-1/v2


class Evidence(IntEnum):
    """What two records have in common, the strongest first."""

    UID = 0
    DOI = 1
    PMC = 2
    PUBMED = 3
    TITLE = 4  # of at least five words, together with the first author's name


@dataclass(frozen=True, slots=True)
class Identity:
    """What a record says of its paper's identity. Unknown fields are empty."""

    uid: str
    doi: str
    pmcid: str
    pubmed_id: str
    title: str
    first_author: str

    @classmethod
    def of(cls, record: Record) -> "Identity":
        """Return the identity of a record, in one notation."""
        author = re.match(r"\w*", record.get("authors", "").lower())
        return cls(
            uid=record["cord_uid"],
            doi=normal_doi(record.get("doi", "")),
            pmcid=normal_pmcid(record.get("pmcid", "")),
            pubmed_id=normal_pubmed_id(record.get("pubmed_id", "")),
            title=" ".join(re.findall(r"\w+", record["title"].lower())),
            first_author=author[0] if author else "",
        )

    def keys(self) -> dict[Evidence, str]:
        """Return the keys by which another record of the same paper is found."""
        long = self.title.count(" ") + 1 >= _FEWEST_TITLE_WORDS
        keys = {
            Evidence.UID: self.uid,
            Evidence.DOI: self.doi,
            Evidence.PMC: self.pmcid,
            Evidence.PUBMED: self.pubmed_id,
            Evidence.TITLE: f"{self.title}|{self.first_author}"
            if long and self.first_author
            else "",
        }
        return {evidence: key for evidence, key in keys.items() if key}


def are_one_paper(group: Sequence[Identity], other: Sequence[Identity], evidence: Evidence) -> bool:
    """Return whether two groups of records with `evidence` in common are of one paper.

    A shared DOI, PMC or PubMed id counts unless a title of one group disagrees with one of the
    other. A shared title and author count unless the identifiers are of two articles of one
    publisher.
    """
    if evidence is Evidence.UID:
        return True
    if evidence is Evidence.TITLE:
        return not (
            _differ([i.pmcid for i in group], [i.pmcid for i in other])
            or _are_siblings([i.doi for i in group], [i.doi for i in other])
        )
    return all(_agree(one.title, another.title) for one in group for another in other)


def _agree(title: str, other: str) -> bool:
    """Return whether two titles may be of one paper; one that tells nothing agrees with any."""
    words, other_words = _telling(title), _telling(other)
    return len(words & other_words) >= _AGREEMENT * min(len(words), len(other_words))


def _telling(title: str) -> set[str]:
    return set(title.split()) - _TELLING_NOTHING


def _differ(ids: Iterable[str], other: Iterable[str]) -> bool:
    """Return whether both have identifiers, and none in common."""
    known, other_known = set(ids) - {""}, set(other) - {""}
    return bool(known and other_known) and not known & other_known


def _are_siblings(dois: Iterable[str], other: Iterable[str]) -> bool:
    """Return whether some of the DOIs are of one publisher (10.1016), and never of one article.

    A preprint and the article that it became have DOIs of two publishers.
    """
    known = {_VERSION.sub("", doi) for doi in dois if doi}
    other_known = {_VERSION.sub("", doi) for doi in other if doi}
    publishers = {doi.split("/")[0] for doi in known} & {doi.split("/")[0] for doi in other_known}
    return bool(publishers) and not known & other_known
