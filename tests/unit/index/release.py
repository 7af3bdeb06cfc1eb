"""Writes small CORD-19 releases for the tests, clean and dirty."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

COLUMNS = (
    *("cord_uid", "sha", "source_x", "title", "doi", "pmcid", "pubmed_id", "license", "abstract"),
    *("publish_time", "authors", "journal", "mag_id", "who_covidence_id", "arxiv_id"),
    *("pdf_json_files", "pmc_json_files", "url", "s2_id"),
)

ABSTRACT = "Masks were worn by all nurses on the ward. None of them fell ill within 14 days."


def sentences(count: int, about: str = "ward") -> str:
    """Return so many sentences of 10 words, no two alike."""
    return " ".join(
        f"In {about} number-{n} all the nurses wore masks every day." for n in range(count)
    )


def parse(
    *paragraphs: str | tuple[str, str],
    title: str = "",
    abstract: str | None = "",
    cites: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a parse of paragraphs, each a text or (heading, text); no abstract key for None."""
    body = [(p if isinstance(p, tuple) else ("Results", p)) for p in paragraphs]
    span = [{"start": 0, "end": 3, "ref_id": "BIBREF0", **(cites or {"text": "[1]"})}]
    made: dict[str, Any] = {
        "paper_id": "p",
        "metadata": {"title": title, "authors": []},
        "body_text": [
            {"text": text, "cite_spans": span, "ref_spans": [], "section": heading}
            for heading, text in body
        ],
        "bib_entries": {},
    }
    if abstract is not None:
        made["abstract"] = [{"text": abstract, "section": "Abstract"}] if abstract else []
    return made


def write_release(
    root: Path,
    records: Iterable[Mapping[str, str]],
    parses: Mapping[str, dict[str, Any] | bytes] | None = None,
) -> Path:
    """Write metadata.csv and the parses, by path; return `root`."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(records)
    for path, content in (parses or {}).items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return root


def write_dirty_release(root: Path) -> tuple[Path, int]:
    """Write a release with every kind of dirt; return its folder and its number of records."""
    long = sentences(400, "hospital")
    records = [
        {"cord_uid": "a1", "title": "Masks", "abstract": ABSTRACT, "publish_time": "2020"},
        {"cord_uid": "a1", "title": "Masks again, the same cord_uid"},
        {"cord_uid": "b1", "doi": "10.1/B", "abstract": "Fever was seen in ten of twelve cases."},
        {"cord_uid": "b2", "doi": "10.1/b", "abstract": "Fever was seen in ten of twelve cases."},
        {"cord_uid": "c1", "abstract": "Cough was seen in ten of twelve cases.", "title": ""},
        {"cord_uid": "", "abstract": "A record that has no identity at all, alas.", "title": "X"},
        {"cord_uid": "d1", "title": "Editorial"},
        {"cord_uid": "d2", "title": "A title of five words or more is a passage"},
        {"cord_uid": "e1", "pdf_json_files": "p/broken.json; p/short.json; p/long.json"},
        {
            "cord_uid": "e2",
            "pdf_json_files": "p/gone.json",
            "abstract": "Only this abstract is left.",
        },
        {"cord_uid": "e3", "pdf_json_files": "../outside.json;/etc/hostname"},
        {"cord_uid": "e4", "pmc_json_files": "p/pmc.json", "abstract": ABSTRACT + " Again."},
        {"cord_uid": "e5", "pdf_json_files": "p/list.json;p/empty.json;p/nothing.json;p/deep.json"},
        {"cord_uid": "f1", "abstract": ABSTRACT},  # the same text as a1
        {"cord_uid": "f2", "abstract": "Too short."},
        {"cord_uid": "g1", "abstract": "NUL \x00 and bell \x07 and a \ufffd are in this abstract."},
    ]
    write_release(
        root,
        records,
        {
            "p/broken.json": b'{"body_text": [',
            "p/short.json": parse("Two words"),
            "p/long.json": parse(("Methods", "Two words"), ("Results", long)),
            "p/pmc.json": parse(
                "Of 31 nurses who wore masks none fell ill [1].",
                abstract=None,
                cites={"mention": "[1]"},
            ),
            "p/list.json": b"[]",
            "p/empty.json": b"",
            "p/nothing.json": b'{"body_text": [{"text": null}], "metadata": null}',
            "p/deep.json": b"[" * 100_000,
        },
    )
    (root.parent / "outside.json").write_text(json.dumps(parse(sentences(30, "secret"))))
    with (root / "metadata.csv").open("ab") as file:
        file.write(b"h1,,,caf\xe9 without the rest\n\n")  # neither UTF-8 nor complete
        file.write(b'h2,,,"the last record has no line end after it"' + b"," * 15)
    return root, len(records) + 2


def write_two_releases(root: Path) -> None:
    """Write the corpora `old` and `new` of six papers; one goes, one comes and one changes."""
    for name, papers in [("old", "abcefg"), ("new", "dbAefg")]:
        records = [
            {"cord_uid": uid.lower(), "title": f"Paper {uid}", "pdf_json_files": f"{uid}.json"}
            for uid in papers
        ]
        parses = {f"{uid}.json": parse(sentences(25, f"ward {uid}")) for uid in papers}
        write_release(root / name, records, parses)
