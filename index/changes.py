"""What differs between two versions of a corpus, counted in their passage stores.

All counting is done by SQLite, from file to file, so memory does not grow with the stores.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path

from index.databases import read_only
from index.types import Paper

_PAPER = (*(field.name for field in fields(Paper)), "full_text", "passages")
_PASSAGE = ("section", "text", '"start"', '"end"')


def _row(table: str, columns: tuple[str, ...]) -> str:
    return f"({', '.join(f'{table}.{name}' for name in columns)})"


# The papers of `new` that `old` does not hold just so. Passage by passage is compared last.
_DIFFERING = f"""
CREATE TEMP TABLE differing AS
SELECT n.first_passage AS first, n.passages AS count, o.cord_uid IS NOT NULL AS known
FROM new.papers n LEFT JOIN old.papers o USING (cord_uid)
WHERE {_row("n", _PAPER)} IS NOT {_row("o", _PAPER)}
OR EXISTS (
    SELECT 1 FROM new.passages p
    LEFT JOIN old.passages q ON q.id = p.id - n.first_passage + o.first_passage
    WHERE p.id >= n.first_passage AND p.id < n.first_passage + n.passages
    AND {_row("p", _PASSAGE)} IS NOT {_row("q", _PASSAGE)}
)
"""  # noqa: S608 - our columns

# Of their passages: how many texts `old` holds at all, and how many of these just so.
_TEXTS = """
SELECT COUNT(*), COALESCE(SUM((n.title, p.section, p.text) IS (o.title, q.section, q.text)), 0)
FROM differing d
JOIN new.passages p ON p.id >= d.first AND p.id < d.first + d.count
JOIN new.papers n USING (cord_uid)
JOIN old.passages q USING (digest)
JOIN old.papers o ON o.cord_uid = q.cord_uid
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of the new version are added, changed and kept, and how many of the old dropped."""

    added: int
    changed: int
    kept: int
    dropped: int

    @property
    def now(self) -> int:
        """How many the new version has."""
        return self.added + self.changed + self.kept

    @property
    def any_change(self) -> bool:
        """Whether anything is not kept."""
        return self.added + self.changed + self.dropped > 0


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two versions.

    A paper is known by its cord_uid, and changed when any of its metadata or its passages is. A
    passage is known by its text, letter case and white space aside. It is changed when its text,
    its section or its paper's title differs, and so its vector; it may have another paper.
    """

    papers: Counts
    passages: Counts

    @property
    def any_change(self) -> bool:
        """Whether anything is not kept."""
        return self.papers.any_change or self.passages.any_change


def changes(old: Path, new: Path) -> Changes:
    """Count what differs between the passage stores `old` and `new`.

    Raises sqlite3.Error when one of them is not a passage store.
    """
    with closing(sqlite3.connect("file::memory:", uri=True)) as db:
        for name, path in (("old", old), ("new", new)):
            db.execute(f"ATTACH ? AS {name}", (read_only(path),))
        db.execute(_DIFFERING)
        papers_old, papers_new, passages_old, passages_new = (
            _number(db, f"SELECT COUNT(*) FROM {name}")  # noqa: S608 - our tables
            for name in ("old.papers", "new.papers", "old.passages", "new.passages")
        )
        known = _number(db, "SELECT COUNT(*) FROM differing WHERE known")
        unknown = _number(db, "SELECT COUNT(*) FROM differing WHERE NOT known")
        in_others = passages_new - _number(db, "SELECT COALESCE(SUM(count), 0) FROM differing")
        held, same = db.execute(_TEXTS).fetchone()
    kept = in_others + same
    return Changes(
        papers=Counts(
            added=unknown,
            changed=known,
            kept=papers_new - unknown - known,
            dropped=papers_old - (papers_new - unknown),
        ),
        passages=Counts(
            added=passages_new - in_others - held,
            changed=held - same,
            kept=kept,
            dropped=passages_old - in_others - held,
        ),
    )


def _number(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])
