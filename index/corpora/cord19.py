"""Reads the papers of a CORD-19 release: their records, and the parses that these name.

Format: https://github.com/allenai/cord19 (the README's "Metadata" and "Full text" sections). One
paper is read at a time; `index.corpora.records` brings the records of a paper together.
"""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

from index.corpora.cleaning import (
    clean,
    clean_abstract,
    clean_heading,
    clean_journal,
    clean_title,
    without_title,
)
from index.corpora.identifiers import normal_doi, normal_pmcid, normal_pubmed_id
from index.corpora.line_numbers import without_line_numbers
from index.corpora.metadata import Record
from index.corpora.parses import COLUMNS, Parses, paths
from index.corpora.records import PaperTask
from index.types import Document, Paper, Section
from index.words import count_words

_ENOUGH_WORDS = 200  # a parse with fewer is a stub; the next one is looked at
_FEWEST_WORDS = 5  # a shorter title or abstract is no text to answer from
_DATE = re.compile(r"\d{4}(-\d{2}){0,2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReadPaper:
    """One paper as read: its document, or None and the reason.

    `unreadable` holds the path of each parse that could not be read, and why.
    """

    document: Document | None
    reason: str = ""
    unreadable: tuple[tuple[str, str], ...] = ()


def read_paper(task: PaperTask, parses: Parses) -> ReadPaper:
    """Read one paper: the best of its records and the best of its parses.

    A parse that is missing or broken is noted and passed over; the abstract still counts.
    """
    record = _merged(task.records)
    if not record["cord_uid"]:
        return ReadPaper(None, "no cord_uid")
    unreadable: list[tuple[str, str]] = []
    parsed = _best_parse(task.records, parses, unreadable)
    title = _title(record, parsed)
    abstract = clean_abstract(record["abstract"])
    if parsed and count_words(abstract) < _FEWEST_WORDS:
        abstract = parsed.abstract or abstract
    sections = [Section("Abstract", abstract)] if count_words(abstract) > 1 else []
    if parsed:
        sections += parsed.body(title)
    full_text = any(section.heading != "Abstract" for section in sections)
    if not sections and count_words(title) >= _FEWEST_WORDS:
        sections = [Section("Title", title)]
    if not sections:
        return ReadPaper(None, "no abstract and no full text", tuple(unreadable))
    return ReadPaper(
        Document(_paper(record, title), tuple(sections), full_text), unreadable=tuple(unreadable)
    )


def _title(record: dict[str, str], parsed: "_Parse | None") -> str:
    """Return the title of a paper's record; the parse's where that is none, or holds an address."""
    title = clean_title(record["title"])
    is_title = "@" not in title and any(character.isalpha() for character in title)
    return title if is_title or not parsed else parsed.title or title


@dataclass(frozen=True, slots=True)
class _Parse:
    """One pdf_json or pmc_json file: title, abstract, and (heading, text) of each paragraph."""

    title: str
    abstract: str
    paragraphs: tuple[tuple[str, str], ...]
    from_pdf: bool

    def words(self) -> int:
        return sum(count_words(text) for _, text in self.paragraphs)

    def body(self, title: str) -> list[Section]:
        texts = [clean(text) for _, text in self.paragraphs]
        if self.from_pdf:
            texts = without_line_numbers(texts)
        front = len(texts) - len(without_title(texts, title))
        texts = [""] * front + without_title(texts, title)
        sections: list[Section] = []
        for (raw_heading, _), text in zip(self.paragraphs, texts, strict=True):
            if not any(character.isalpha() for character in text):
                continue
            heading = clean_heading(raw_heading)
            if sections and heading == sections[-1].heading:
                before = sections[-1].text
                gap = "\n" if before.endswith((".", "!", "?", ":", ")", "]")) else " "
                sections[-1] = Section(heading, before + gap + text)
            else:
                sections.append(Section(heading, text))
        return sections


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
                if best is None or parse.words() > best.words():
                    best = parse
        if best and best.words() >= _ENOUGH_WORDS:
            break
    return best


def _parse(content: bytes, *, from_pdf: bool) -> _Parse:
    try:
        data: Any = json.loads(content)
        metadata = data.get("metadata") or {}
        abstract = " ".join(str(part["text"] or "") for part in data.get("abstract") or [])
        paragraphs = tuple(
            (str(part.get("section") or ""), str(part["text"] or "")) for part in data["body_text"]
        )
        title = str(metadata.get("title") or "")
    except (ValueError, RecursionError) as error:
        raise ValueError("invalid JSON") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a CORD-19 parse") from error
    return _Parse(clean_title(title), clean_abstract(abstract), paragraphs, from_pdf)


def _merged(records: tuple[Record, ...]) -> dict[str, str]:
    """Return the fullest record, its empty fields filled from the others."""
    ranked = sorted(
        records,
        key=lambda r: (
            bool(r.get("pmc_json_files")),
            bool(r.get("pdf_json_files")),
            len(r.get("abstract", "")),
        ),
        reverse=True,
    )
    merged: dict[str, str] = {}
    for record in ranked:
        for name, value in record.items():
            merged[name] = merged.get(name) or value
    return merged


def _paper(record: Record, title: str) -> Paper:
    return Paper(
        cord_uid=record["cord_uid"],
        title=title,
        authors=clean(record.get("authors", "")),
        journal=clean_journal(record.get("journal", "")),
        publish_time=_date(record.get("publish_time", "")),
        doi=normal_doi(record.get("doi", "")),
        pmcid=normal_pmcid(record.get("pmcid", "")),
        pubmed_id=normal_pubmed_id(record.get("pubmed_id", "")),
        url=clean(record.get("url", "").split(";")[0]),
        license=clean(record.get("license", "")),
        source=clean(record.get("source_x", "")),
    )


def _date(text: str) -> str:
    """Return a date of reduced precision as far as the calendar has it, "" for any other text.

    >>> _date("2020-02-30"), _date("2020-13"), _date("March 2020")
    ('2020-02', '2020', '')
    """
    if _DATE.fullmatch(text):
        for part in (text, text[:7], text[:4]):
            with suppress(ValueError):
                date.fromisoformat(part + "-01-01"[len(part) - 4 :])
                return part
    return ""
