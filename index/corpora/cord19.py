"""Reads the papers of a CORD-19 release: their records, and the parses that these name.

Format: https://github.com/allenai/cord19 (the README's "Metadata" and "Full text" sections). One
paper is read at a time; `index.corpora.records` brings the records of a paper together.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from index.corpora.bounds import (
    LONGEST_ABSTRACT,
    LONGEST_TEXT,
    TOO_LONG,
    cut,
    first_paragraphs,
    whole,
)
from index.corpora.broken_words import without_broken_words
from index.corpora.citations import with_citations_apart
from index.corpora.cleaning import clean, clean_abstract, without_stray_stops
from index.corpora.dates import read_date
from index.corpora.identifiers import normal_doi, normal_pmcid, normal_pubmed_id
from index.corpora.line_numbers import without_line_numbers
from index.corpora.metadata import Record
from index.corpora.parses import COLUMNS, Parses, paths
from index.corpora.records import PaperTask
from index.corpora.sections import is_back_matter, is_contents, without_authors, without_title
from index.corpora.titles import clean_heading, clean_journal, clean_title
from index.filters import name_key, split_sources
from index.lengths import LONGEST_UID
from index.preprints import PREPRINT_WORDS
from index.types import Document, Paper, Section
from index.words import count_words

_ENOUGH_WORDS = 200  # a parse with fewer is a stub; the next one is looked at
_FEWEST_WORDS = 5  # a shorter title or abstract is no text to answer from
_PLACEHOLDER = re.compile(  # of an abstract
    r"\W*(?:no\s+)?abstract(?:\s+is)?(?:\s+not)?\s+available(?:\s+for\s+this\s+\w+)?\W*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ReadPaper:
    """One paper as read: its document, or None and the reason.

    `unreadable` holds the path of each parse that could not be read, or not all of it, and why.
    """

    document: Document | None
    reason: str = ""
    unreadable: tuple[tuple[str, str], ...] = ()


def read_paper(task: PaperTask, parses: Parses) -> ReadPaper:
    """Read one paper: the best of its records and the best of its parses.

    A parse that is missing or broken is noted and passed over; the abstract still counts.
    """
    fitting = tuple(r for r in task.records if len(r["cord_uid"]) <= LONGEST_UID)
    if not fitting:
        return ReadPaper(None, f"a cord_uid of more than {LONGEST_UID} characters")
    records = _ranked(fitting)
    record = _merged(records)
    if not record["cord_uid"]:
        return ReadPaper(None, "no cord_uid")
    unreadable: list[tuple[str, str]] = []
    parsed = _best_parse(records, parses, unreadable)
    title = _title(record, parsed)
    abstract = clean_abstract(record["abstract"])
    if is_contents(abstract):
        abstract = ""
    if parsed and count_words(abstract) < _FEWEST_WORDS:
        abstract = parsed.abstract
    sections = [Section("Abstract", abstract)] if count_words(abstract) >= _FEWEST_WORDS else []
    if parsed:
        sections += parsed.body(title)
    full_text = any(section.heading != "Abstract" for section in sections)
    if not sections and count_words(title) >= _FEWEST_WORDS:
        sections = [Section("Title", title)]
    texts = without_broken_words([section.text for section in sections])
    sections = [
        Section(section.heading, text) for section, text in zip(sections, texts, strict=True)
    ]
    if not sections:
        return ReadPaper(None, "no abstract and no full text", tuple(unreadable))
    return ReadPaper(
        Document(_paper(record, title), tuple(sections), full_text), unreadable=tuple(unreadable)
    )


def _title(record: dict[str, str], parsed: "_Parse | None") -> str:
    """Return the title of a paper's record; the parse's where that is none, or holds an address."""
    title = clean_title(record["title"])
    is_title = "@" not in title and any(character.isalpha() for character in title)
    return cut(title if is_title or not parsed else parsed.title or title, 1_000)


@dataclass(frozen=True, slots=True)
class _Parse:
    """One pdf_json or pmc_json file: title, abstract, and (heading, text) of each paragraph."""

    title: str
    abstract: str
    paragraphs: tuple[tuple[str, str], ...]
    from_pdf: bool
    is_cut: bool

    def words(self) -> int:
        return sum(count_words(text) for _, text in self.paragraphs)

    def body(self, title: str) -> list[Section]:
        texts = [clean(text) for _, text in self.paragraphs]
        if self.from_pdf:
            texts = without_line_numbers(texts)
        rest = without_title(texts, title)
        texts = [""] * (len(texts) - len(rest)) + rest
        sections: list[tuple[str, list[str]]] = []
        for (raw_heading, _), text in zip(self.paragraphs, texts, strict=True):
            if not any(character.isalpha() for character in text):
                continue
            heading = clean_heading(raw_heading)
            if is_back_matter(heading, text) or is_contents(text):
                continue
            if sections and heading == sections[-1][0]:
                pieces = sections[-1][1]
                gap = "\n" if pieces[-1].endswith((".", "!", "?", ":", ")", "]")) else " "
                pieces += (gap, text)
            else:
                sections.append((heading, [text]))
        return [
            Section(heading, without_stray_stops(without_authors("".join(pieces))))
            for heading, pieces in sections
        ]


def _best_parse(
    records: tuple[Record, ...], parses: Parses, unreadable: list[tuple[str, str]]
) -> _Parse | None:
    best: _Parse | None = None
    for column in COLUMNS:
        for path in paths(records, column):
            try:
                parse = _parse(parses.read(path), from_pdf=column.startswith("pdf"))
            except OSError as error:
                unreadable.append((path, error.strerror or "not found"))
            except ValueError as error:
                unreadable.append((path, str(error)))
            else:
                if parse.is_cut:
                    unreadable.append((path, TOO_LONG))
                if best is None or parse.words() > best.words():
                    best = parse
        if best and best.words() >= _ENOUGH_WORDS:
            break
    return best


def _parse(content: bytes, *, from_pdf: bool) -> _Parse:
    """Read a parse. What is no text where a text should be counts for nothing, and alone.

    Raises ValueError where nothing at all is as it should be.
    """
    try:
        data: Any = json.loads(content.decode(json.detect_encoding(content), errors="replace"))
    except (ValueError, RecursionError) as error:
        raise ValueError("invalid JSON") from error
    body = data.get("body_text") if isinstance(data, dict) else None
    parts = [part for part in _list(body) if isinstance(part, dict) and "text" in part]
    if not parts and body != []:
        raise ValueError("not a CORD-19 parse")
    paragraphs = (
        (_text(part.get("section")), with_citations_apart(text, part.get("cite_spans")))
        for part in parts
        if (text := _text(part["text"]))
    )
    kept, is_cut = first_paragraphs(paragraphs, LONGEST_TEXT)
    metadata = data.get("metadata")
    title = _text(metadata.get("title")) if isinstance(metadata, dict) else ""
    abstract = _abstract(data.get("abstract"))
    return _Parse(
        clean_title(title),
        clean_abstract(abstract[:LONGEST_ABSTRACT]),
        kept,
        from_pdf,
        is_cut=is_cut or len(abstract) > LONGEST_ABSTRACT,
    )


def _abstract(value: object) -> str:
    """Return the abstract of a parse, which is a list of paragraphs, or one text."""
    texts = (_text(part.get("text")) for part in _list(value) if isinstance(part, dict))
    return _text(value) or " ".join(texts)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _ranked(records: tuple[Record, ...]) -> tuple[Record, ...]:
    """Return the records, the fullest first, however they were ordered.

    Their abstract is emptied where it only says that there is none.
    """
    without = [
        {**r, "abstract": "" if _PLACEHOLDER.fullmatch(r["abstract"]) else r["abstract"]}
        for r in records
    ]
    without.sort(
        key=lambda r: (
            not r.get("pmc_json_files"),
            not r.get("pdf_json_files"),
            -len(r["abstract"]),
            r["cord_uid"],
            sorted(r.items()),
        )
    )
    return tuple(without)


def _merged(records: tuple[Record, ...]) -> dict[str, str]:
    """Return the first record, its empty fields filled from the others.

    Dates and identifiers are in one notation, empty where they are none. The date is the most
    precise one, of several such the first.
    """
    normal = [record | _in_one_notation(record) for record in map(dict, records)]
    merged: dict[str, str] = {}
    for record in normal:
        for name, value in record.items():
            merged[name] = merged.get(name) or value
    merged["publish_time"] = max((record["publish_time"] for record in normal), key=len)
    merged["source_x"] = _sources(records)
    return merged


def _in_one_notation(record: Record) -> dict[str, str]:
    """Return the date and the identifiers of a record."""
    return {
        "publish_time": read_date(record.get("publish_time", "")),
        "doi": whole(normal_doi(record.get("doi", "")), 200),
        "pmcid": whole(normal_pmcid(record.get("pmcid", "")), 200),
        "pubmed_id": whole(normal_pubmed_id(record.get("pubmed_id", "")), 200),
    }


def _sources(records: tuple[Record, ...]) -> str:
    """Return the names of the records' sources, each once.

    A server of preprints counts only by the first record that has a source: by any other one it
    would make a preprint of the paper that a journal has published since.
    """
    found: dict[str, str] = {}
    for record in records:
        first = not found
        for name in split_sources(clean(record.get("source_x", ""))):
            if first or not PREPRINT_WORDS.search(name):
                found.setdefault(name_key(name), name)
    return "; ".join(found.values())


def _paper(record: Record, title: str) -> Paper:
    return Paper(
        cord_uid=record["cord_uid"],
        title=title,
        authors=cut(clean(record.get("authors", "")), 20_000, ";"),
        journal=cut(clean_journal(record.get("journal", "")), 300),
        publish_time=record["publish_time"],
        doi=record["doi"],
        pmcid=record["pmcid"],
        pubmed_id=record["pubmed_id"],
        url=whole(clean(record.get("url", "").split(";")[0]), 2_000),
        license=cut(clean(record.get("license", "")), 200),
        source=cut(record["source_x"], 200, ";"),
    )
