import pytest

from index.corpora.identifiers import normal_doi, normal_pmcid, normal_pubmed_id

SICI = "10.1002/(sici)1097-0258(19980815/30)17:15<1661::aid-sim968>3.0.co;2-2"


@pytest.mark.parametrize(
    ("given", "doi"),
    [
        *[("10.1016/J.CELL.2020.01.001", "10.1016/j.cell.2020.01.001"), (f" {SICI} ", SICI)],
        *[("https://doi.org/10.1/x", "10.1/x"), ("http://dx.doi.org/10.1/x", "10.1/x")],
        *[("doi:10.1/x ", "10.1/x"), ("DOI 10.1/x.", "10.1/x"), ("doi.org/10.1/x", "10.1/x")],
        *[("doi: https://doi.org/10.1%2Fx", "10.1/x"), ("10.1/a%b", "10.1/a%b")],
        *[("10.1/a; 10.1/b", "10.1/a"), ("10.1/a;10.1/b", "10.1/a"), ("10.1/a, 10.1/b", "10.1/a")],
        *[("10.1101/2020.02", "10.1101/2020.02"), ("", ""), ("none", ""), ("10.1234", "")],
    ],
)
def test_dois(given: str, doi: str) -> None:
    assert normal_doi(given) == doi


@pytest.mark.parametrize(
    ("given", "pmcid"),
    [
        ("PMC12", "PMC12"),
        ("12", "PMC12"),
        ("pmc12.1; PMC13", "PMC12"),
        ("12.0", "PMC12"),
        ("x", ""),
    ],
)
def test_pmc_ids(given: str, pmcid: str) -> None:
    assert normal_pmcid(given) == pmcid


@pytest.mark.parametrize(
    ("given", "pubmed_id"),
    [("12", "12"), ("PMID: 12", "12"), ("12.0", "12"), ("PMC12", ""), ("", "")],
)
def test_pubmed_ids(given: str, pubmed_id: str) -> None:
    assert normal_pubmed_id(given) == pubmed_id
