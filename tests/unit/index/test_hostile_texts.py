"""No text, of whatever kind, takes more than time in proportion to its length to be read."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from index.chunking import Chunker, sentences
from index.corpora import cleaning, sections, titles
from index.corpora.broken_words import without_broken_words
from index.corpora.characters import visible
from index.corpora.citations import with_citations_apart
from index.corpora.dates import read_date
from index.corpora.formulas import without_formulas
from index.corpora.identifiers import normal_doi, normal_pmcid, normal_pubmed_id
from index.corpora.identity import Identity
from index.corpora.line_numbers import without_line_numbers
from index.corpora.markup import plain
from index.passages import digest
from index.words import count_words, has_words

LENGTH = 30_000  # characters
LIMIT = 0.5  # seconds of CPU: what is linear takes a fifth, what is quadratic more

DOI = "https://doi.org/10.1101/1"
TEXTS = [  # what comes before, what is repeated, and what spoils the match at last
    *[("a", space, "\x01x") for space in (" ", "\u205f", "\u1680", "\xa0", "\n", "\t", "\r\n")],
    *[("a ", " " + "\u205f" * 40 + "1", "x"), ("", " a.", ""), ("a", " .", "x"), ("(", ". ", "A")],
    *[("a ", "1 ", "x"), ("", "1 2 3 ", ""), ("", "1.1.", "x"), ("1", ".1", "x"), ("", "1", "x")],
    *[("A Bb", "1", "x"), ("A", " Bb1", "x"), ("A Bb1", ",1", "x"), ("", "A. ", ""), ("", "A", "")],
    *[("", "A. Bb", "a"), ("A.", " de", "x"), ("", "12.00-13.00 ", ""), ("", "A. Bb-Cc ", "")],
    *[("(1.", "1. 5 ", ""), ("(1", "A. ", ""), ("", "1. ", ""), ("", "。", ""), ("", ".)", "")],
    *[
        (".", "1,1", "x"),
        (".", " [1]", "x"),
        ("", "( 1 . 2 ", ""),
        ("", "a (", ""),
        ("", "Fig. ", ""),
    ],
    *[(f"CC-BY-NC-ND 0.0 International license {DOI} //doi.", ".", "\x01")],
    *[("", f"{DOI} //doi.", "x"), (f"author/funder. {DOI}", " 1 .", "x"), ("", f"{DOI} ", "")],
    *[
        ("author/funder ", "the a is ", "x"),
        ("", "author/funder. ", "x"),
        ("doi", "//doi.org/10. ", ""),
        ("All rights reserved. No reuse allowed without permission. ", "is the ", "end"),
        ("author/funder ", "It . ", ""),
        ("author/funder", " ", "x"),
        ("preprint ", f"{DOI} ", ""),
        ("preprint ", "The copyright holder for this preprint (", ""),
        (". " * 5_000, "https: //doi.org/10.1101 ", ""),
        ("https: //doi.org/10.1101", " //doi.org/10. /2020", ""),
    ],
    *[
        ("", "It is made available under a ", "preprint"),
        ("doi:", " ", DOI),
        ("", "reserved. ", ""),
    ],
    *[("", "doi:", "10.1/x"), ("", "https://doi.org/", ""), ("PMC1", ";", "\n"), ("PMC", " ", "x")],
    *[
        ("", "\\documentclass", ""),
        ("$", "a \\", ""),
        ("", "$a_", "x"),
        ("$_", "a", ""),
        ("", "$_ ", ""),
    ],
    *[
        ("", "q " * 29 + "word ", ""),
        ("", "-- " * 29 + "word ", ""),
        ("", "q", ""),
        ("", "-q- ", "x"),
    ],
    *[("", "a-", "_"), ("", "a- ", "_"), ("", "a- b-", ""), ("a- ", "b", "-"), ("", "ab- cd ", "")],
    *[("a" * 15_000 + "- ", "b", "-"), ("", "aa- - b1_", "")],
    *[
        ("", "&amp;", ""),
        ("", "&#1", ""),
        ("<p", ' a=""', "<"),
        ("", "<p ", ""),
        ("1", " ", "<sup>"),
    ],
    *[("", "[b]a", ""), ("", "<sup> ", ""), ("", "\xad ", "A"), ("", "Â", ""), ("", "\u200d", "")],
    *[
        ("abstract", " ", "available"),
        ("Abstract", ".", "x"),
        ("", "Background", ""),
        ("", "@a", ""),
    ],
    *[("", ".Methods", ""), ("", "the . ", "A"), ("p=0 01 ", "1 0 ", ""), ("", "Authors ", "")],
    *[(". 2020 Mar", " ", "\x01"), ("", ". 2020 ", "x"), ("", "\u0130", ""), ("", "Ab, ", "")],
]
RECORD = ("cord_uid", "title", "abstract", "authors", "doi", "pmcid", "pubmed_id")
FUNCTIONS: dict[str, Callable[[str], object]] = {
    "abstract": cleaning.clean_abstract,
    "title": titles.clean_title,
    "heading": titles.clean_heading,
    "journal": titles.clean_journal,
    "back matter": lambda text: sections.is_back_matter("Funding", text),
    "back matter's heading": lambda text: sections.is_back_matter(text, "We thank them."),
    "contents": sections.is_contents,
    "authors": sections.without_authors,
    "stray stops": cleaning.without_stray_stops,
    "front matter": lambda text: sections.without_title([text, "", text], "x" * 30),
    "line numbers": lambda text: without_line_numbers([text]),
    "formulas": without_formulas,
    "characters": visible,
    "markup": plain,
    "broken words": lambda text: without_broken_words([text]),
    "DOI": normal_doi,
    "PMC": normal_pmcid,
    "PubMed": normal_pubmed_id,
    "date": read_date,
    "identity": lambda text: Identity.of(dict.fromkeys(RECORD, text)).keys(),
    "sentences": lambda text: list(sentences(text)),
    "passages": lambda text: list(Chunker().chunks(text)),
    "words": lambda text: (count_words(text), has_words(text), digest(text)),
}


@contextmanager
def deadline(what: str) -> Iterator[None]:
    def late(*_: object) -> None:
        raise AssertionError(f"more than {LIMIT} s for {what}")

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@pytest.mark.skipif(not hasattr(signal, "ITIMER_VIRTUAL"), reason="no timer of CPU seconds here")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_text_is_read_in_linear_time(name: str) -> None:
    for before, repeated, after in TEXTS:
        what = f"{name}: {before!r} {repeated!r} {after!r}"
        text = before + repeated * (LENGTH // len(repeated)) + after
        with deadline(what):
            FUNCTIONS[name](text)


@pytest.mark.skipif(not hasattr(signal, "ITIMER_VIRTUAL"), reason="no timer of CPU seconds here")
@pytest.mark.parametrize(
    "paragraphs",
    [["Abc."] * 10_000, [""] * LENGTH, ["a@b.c"] * 10_000, [f"{n} words" for n in range(10_000)]],
    ids=lambda paragraphs: repr(paragraphs[0]),
)
def test_many_paragraphs_are_read_in_linear_time(paragraphs: list[str]) -> None:
    for function in (without_line_numbers, without_broken_words):
        with deadline(function.__name__):
            function(paragraphs)
    with deadline("without_title"):
        sections.without_title(paragraphs, "")


@pytest.mark.skipif(not hasattr(signal, "ITIMER_VIRTUAL"), reason="no timer of CPU seconds here")
def test_many_places_of_citations_are_read_in_linear_time() -> None:
    """Each says that nearly all of the text is a citation, and what it is called is short."""
    text = "漢" * 2_000_000
    spans = [{"start": 1, "end": len(text) - n, "text": "1"} for n in range(10_000)]
    with deadline("with_citations_apart"):
        assert with_citations_apart(text, spans) == text
