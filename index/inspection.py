"""What is in an index, for whoever is about to serve it."""

import random
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from index.databases import read_only
from index.manifest import Manifest, current_version, differences, read_manifest
from index.opening import unopened
from index.passages import PASSAGES
from index.search import PassageIndex, missing_parts
from index.types import IndexingError
from index.words import count_words

WORDS_PER_BIN = 10
"""How many lengths of a passage, in words, the histogram counts together."""

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A passage with the title of its paper and its length in words."""

    id: int
    cord_uid: str
    title: str
    section: str
    text: str
    words: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What the passage store of an index holds.

    The counts of sources, licences and years are of papers, and a paper that came from several
    sources counts for each. `lengths` counts passages by the least number of words of their bin,
    which holds `WORDS_PER_BIN`. Skips and unreadable parses are counted by reason.
    """

    papers: int
    passages: int
    full_text: int
    sources: dict[str, int]
    licenses: dict[str, int]
    years: dict[str, int]
    lengths: dict[int, int]
    shortest: ShownPassage | None
    longest: ShownPassage | None
    samples: list[ShownPassage]
    skips: dict[str, int]
    unreadable: dict[str, int]


@dataclass(frozen=True, slots=True)
class Inspection:
    """An index's manifest, its contents and what is wrong with it.

    `contents` is None when the passage store is not as it was written. `problems` is empty for an
    index that can be served.
    """

    folder: Path
    manifest: Manifest
    contents: Contents | None
    problems: list[str]


def inspect_index(index_dir: Path, samples: int = 3) -> Inspection:
    """Look at the current version of the index in `index_dir`, with so many sample passages.

    The same index gives the same samples. One that looks whole is opened too, as the service does.
    Raises IndexingError when there is no index, or one of another format.
    """
    folder = current_version(index_dir)
    manifest = read_manifest(folder)
    wrong = dict(differences(folder, manifest))
    problems = [f"{name} {problem}" for name, problem in wrong.items()]
    problems += [f"{name} is not in the manifest" for name in missing_parts(manifest)]
    contents = None
    if PASSAGES in manifest.files and PASSAGES not in wrong:
        contents = read_contents(folder / PASSAGES, samples)
        for what, found, said in [
            ("papers", contents.papers, manifest.papers),
            ("passages", contents.passages, manifest.passages),
        ]:
            if found != said:
                problems.append(
                    f"{PASSAGES} holds {found:,} {what}, and the manifest says {said:,}"
                )
    if not problems:
        try:
            PassageIndex.of(folder, manifest)
        except IndexingError as error:
            problems.append(str(error))
    return Inspection(folder, manifest, contents, problems)


def read_contents(path: Path, samples: int) -> Contents:
    """Return what the passage store at `path` holds. Raises IndexingError when it is not one."""
    try:
        with closing(sqlite3.connect(read_only(path), uri=True)) as db:
            return _contents(db, samples)
    except sqlite3.DatabaseError as error:
        raise unopened(path, error, "is not a passage store") from error


def _contents(db: sqlite3.Connection, samples: int) -> Contents:
    papers, full_text = db.execute("SELECT COUNT(*), TOTAL(full_text) FROM papers").fetchone()
    lengths, shortest, longest = _lengths(db)
    passages = lengths.total()
    drawn = random.Random(0).sample(range(passages), min(samples, passages))  # noqa: S311 - to look at
    return Contents(
        papers=papers,
        passages=passages,
        full_text=int(full_text),
        sources=_counted(_grouped(db, "source"), separator=";"),
        licenses=_counted(_grouped(db, "license")),
        years=dict(sorted(_counted(_grouped(db, "substr(publish_time, 1, 4)")).items())),
        lengths=dict(sorted(lengths.items())),
        shortest=_shown(db, shortest),
        longest=_shown(db, longest),
        samples=[shown for id_ in sorted(drawn) if (shown := _shown(db, id_)) is not None],
        skips=_counted(_grouped(db, "reason", "skips")),
        unreadable=_counted(_grouped(db, "reason", "unreadable")),
    )


def _lengths(db: sqlite3.Connection) -> tuple[Counter[int], int, int]:
    """Return the passages by bin of words, and the ids of the shortest and the longest, or -1."""
    lengths: Counter[int] = Counter()
    shortest = longest = (0, -1)
    for id_, text in db.execute("SELECT id, text FROM passages ORDER BY id"):
        words = count_words(text)
        lengths[words // WORDS_PER_BIN * WORDS_PER_BIN] += 1
        if shortest[1] < 0 or words < shortest[0]:
            shortest = words, id_
        if words > longest[0] or longest[1] < 0:
            longest = words, id_
    return lengths, shortest[1], longest[1]


def _grouped(
    db: sqlite3.Connection, value: str, table: str = "papers"
) -> Iterable[tuple[str, int]]:
    return db.execute(f"SELECT {value}, COUNT(*) FROM {table} GROUP BY 1")  # noqa: S608 - our names


def _counted(rows: Iterable[tuple[str, int]], separator: str = "") -> dict[str, int]:
    """Add up the counts of each value, the greatest first; the empty value is unknown."""
    counts: Counter[str] = Counter()
    for values, count in rows:
        parts = values.split(separator) if separator else [values]
        for value in {part.strip() for part in parts}:
            counts[value or _UNKNOWN] += count
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _shown(db: sqlite3.Connection, id_: int) -> ShownPassage | None:
    """Return the passage with this id; None when there is none."""
    row = db.execute(
        "SELECT id, cord_uid, title, section, text FROM passages JOIN papers USING (cord_uid)"
        " WHERE id = ?",
        (id_,),
    ).fetchone()
    if row is None:
        return None
    number, cord_uid, title, section, text = row
    return ShownPassage(number, cord_uid, title, section, text, count_words(text))
