"""Reads, merges and cuts a corpus as a build does, and tells what would become of it."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from index.corpora.records import Oddities, RecordPlan
from index.passages import PASSAGES, PassageStore
from index.reading import read_corpus
from index.types import IndexingError, Watched
from index.unfinished import PLAN


@dataclass(frozen=True, slots=True)
class Survey:
    """What a build makes of a corpus. Every record is indexed, merged into another, or skipped.

    `skipped` and `unreadable` count records and parses by reason.
    """

    records: int
    papers: int
    passages: int
    skipped: dict[str, int]
    unreadable: dict[str, int]
    oddities: Oddities


def survey_of(folder: Path) -> Survey:
    """Return what was made of a corpus in `folder`, which has the plan and the passages of it."""
    plan = RecordPlan(folder / PLAN)
    with closing(PassageStore(folder / PASSAGES)) as store:
        return Survey(
            records=plan.counts()[0],
            papers=store.papers,
            passages=store.passages,
            skipped=store.skips(),
            unreadable=store.unreadable(),
            oddities=plan.oddities(),
        )


def survey(
    corpus: Path, scratch: Path, progress: Watched, *, limit: int | None = None, workers: int = 0
) -> Survey:
    """Read the CORD-19 release in `corpus` to its passages, which go to the empty folder `scratch`.

    Raises CorpusError for a corpus that cannot be read and IndexingError for a scratch folder that
    cannot be written.
    """
    passages = scratch / PASSAGES
    try:
        read_corpus(corpus, scratch, passages, progress, limit=limit, workers=workers)
        return survey_of(scratch)
    except (OSError, sqlite3.Error) as error:
        raise IndexingError(
            f"{scratch} cannot be written: {getattr(error, 'strerror', None) or error}; free space "
            "there, or name another folder"
        ) from error
