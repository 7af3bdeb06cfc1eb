"""Brings identifiers of papers into one notation, in which they can be compared and linked."""

import re
import urllib.parse

_ADDRESS = re.compile(r"(?:https?://)?(?:www\.)?(?:dx\.)?doi\.org/+", re.IGNORECASE)
_LABEL = re.compile(r"doi(?:\s*[:=]\s*|\s+)", re.IGNORECASE)
# Of several, the first: a semicolon alone may be of the DOI ("10.1002/…3.0.CO;2-2").
_NEXT = re.compile(r"\s|[;,|](?=(?:10\.|doi\b|https?:))", re.IGNORECASE)
_DOI = re.compile(r"10\.\d[\d.]*/\S+", re.ASCII)
_PMC = re.compile(r"(?:PMC)?\s*(\d+)(?:\.\d+)?(?:\s*[;,].*)?", re.ASCII | re.IGNORECASE)
_PUBMED = re.compile(r"(?:PMID:?)?\s*(\d+)(?:\.0)?(?:\s*[;,].*)?", re.ASCII | re.IGNORECASE)
_LONGEST = 1_000  # characters that are looked at


def normal_doi(text: str) -> str:
    """Return a DOI in lower case without what stands around it, the first of several, "" for none.

    >>> normal_doi("https://doi.org/10.1016/J.CELL.2020.01.001"), normal_doi("doi:10.1/x; 10.1/y")
    ('10.1016/j.cell.2020.01.001', '10.1/x')
    """
    text = text[:_LONGEST].strip()
    while found := _LABEL.match(text) or _ADDRESS.match(text):
        text = text[found.end() :]
        if found.re is _ADDRESS:
            text = urllib.parse.unquote(text)
    doi = _NEXT.split(text, maxsplit=1)[0].rstrip(".,;").lower()
    return doi if _DOI.fullmatch(doi) else ""


def normal_pmcid(text: str) -> str:
    """Return a PMC id with its letters, the first of several, "" for none.

    >>> normal_pmcid("7000001"), normal_pmcid("pmc7000001; PMC7000002")
    ('PMC7000001', 'PMC7000001')
    """
    found = _PMC.fullmatch(text[:_LONGEST].strip())
    return f"PMC{found[1]}" if found else ""


def normal_pubmed_id(text: str) -> str:
    """Return a PubMed id as digits, the first of several, "" for none.

    >>> normal_pubmed_id("PMID: 32000001"), normal_pubmed_id("32000001.0")
    ('32000001', '32000001')
    """
    found = _PUBMED.fullmatch(text[:_LONGEST].strip())
    return found[1] if found else ""
