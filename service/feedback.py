"""What people think of answers: one SQLite file. Nothing about the person. No Flask here.

docs/decisions/0018-feedback.md tells what is stored, and what for.
"""

import errno
import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from service.requests import FeedbackRequest
from service.types import AnswererProtocol, BusyError

log = logging.getLogger(__name__)

MOST_BYTES = 256 * 1024 * 1024
"""The largest that the file may grow: about 100,000 answers, each with its passage."""

_PAGE = 4096  # bytes, as SQLite makes files
_ROOM = 100_000  # bytes; SQLite maps 32 KB beside the file, and says no more than that it cannot
_WAIT = 10.0  # seconds for another process to finish writing


class FeedbackError(Exception):
    """The file of feedback cannot be used. One line: why, and how to mend it."""


class FeedbackOffError(Exception):
    """The service takes no feedback."""


class FeedbackFullError(Exception):
    """There is no room for more feedback."""


class FeedbackLostError(Exception):
    """The file of feedback, which could be used when the service started, no longer can."""


class OutdatedAnswerError(Exception):
    """The answer is not one of the index that is served now."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """One verdict on one answer: `context[start:end] == answer`, in Unicode code points.

    `context` is the passage's text. `time` is in UTC and tells the hour only: with the second, a
    web server's log could tell who it was.
    """

    time: str
    verdict: Literal["up", "down"]
    note: str
    question: str
    passage_id: int
    cord_uid: str
    section: str
    context: str
    start: int
    end: int
    answer: str
    weight: float
    reader_score: float
    retrieval_score: float
    index_version: str
    encoder: str
    reader: str


_NAMES = tuple(field.name for field in fields(Feedback))
_KINDS: dict[object, str] = {int: "INTEGER", float: "REAL"}
_COLUMNS = ", ".join(
    f'"{field.name}" {_KINDS.get(field.type, "TEXT")} NOT NULL' for field in fields(Feedback)
)
_SCHEMA = f"CREATE TABLE IF NOT EXISTS feedback (id INTEGER PRIMARY KEY, {_COLUMNS})"
_INSERT = f"INSERT INTO feedback VALUES (NULL, {', '.join('?' * len(_NAMES))})"  # noqa: S608 - placeholders only


class FeedbackStore:
    """The file. Several threads and processes may write it at once."""

    def __init__(self, path: Path) -> None:
        """Take the path of the file, which `prepare` makes; or the first feedback, if it is gone.

        So a worker that begins while the file cannot be used answers questions all the same.
        """
        self._path = path

    def prepare(self) -> None:
        """Make the file if there is none, but no folder; see that it can be written.

        Raises FeedbackError.
        """
        try:
            with self._opened() as db:
                db.execute("BEGIN IMMEDIATE")  # fails on a file that can be read only
                db.execute("ROLLBACK")
        except (OSError, sqlite3.Error) as error:
            said = (isinstance(error, OSError) and error.strerror) or str(error)
            raise FeedbackError(
                f"feedback cannot be stored in {self._path} ({said}): set COVIDQUEST_FEEDBACK to a "
                "file in a folder that is there and can be written, or leave it unset for no "
                "feedback"
            ) from error

    def add(self, feedback: Feedback) -> int:
        """Store feedback; return its number, from 1.

        A file that was moved away since is made anew. Raises FeedbackFullError, BusyError where
        another process keeps it for too long, and FeedbackLostError where it cannot be used.
        """
        try:
            with self._opened() as db:
                return int(db.execute(_INSERT, astuple(feedback)).lastrowid or 0)
        except (FeedbackError, OSError) as error:
            raise self._lost(error) from error
        except sqlite3.Error as error:
            kind = error.sqlite_errorcode & 0xFF  # without what tells its kinds apart
            if kind == sqlite3.SQLITE_BUSY:
                raise BusyError("The file of feedback is in use. Try again soon.") from error
            if kind != sqlite3.SQLITE_FULL and not (kind == sqlite3.SQLITE_IOERR and self._tight()):
                raise self._lost(error) from error
            raise FeedbackFullError(
                "There is no room for more feedback here. Tell whoever runs this service."
            ) from error

    def _lost(self, error: Exception) -> FeedbackLostError:
        """Log why the file cannot be used; return what whoever sent feedback is told."""
        log.error("feedback cannot be stored in %s (%s): mend or move the file", self._path, error)
        return FeedbackLostError(
            "Feedback cannot be stored at the moment. Tell whoever runs this service."
        )

    def _tight(self) -> bool:
        """Tell whether there may be no room for the small files that SQLite makes beside it."""
        try:
            return shutil.disk_usage(self._path.parent).free < _ROOM
        except OSError:
            return False

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one thing to do, made if it is not there, and seen to be ours.

        Feedback is rare, and threads need not share.
        """
        path = self._path
        if not path.exists():
            path.touch(mode=0o600)  # notes are for nobody else on the machine
        if not path.is_file():
            raise FileExistsError(errno.EEXIST, "it is no file")
        db = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
        try:
            _expect_ours(db, path)
            db.execute(f"PRAGMA max_page_count={MOST_BYTES // _PAGE}")
            db.execute("PRAGMA synchronous=FULL")
            if not _columns(db):  # another thread may be making it
                db.execute("PRAGMA journal_mode=WAL")
                db.execute(_SCHEMA)
            if _columns(db) != ["id", *_NAMES]:
                raise FeedbackError(
                    f"{path} is a file of another version: move it away, and start again"
                )
            yield db
        finally:
            db.close()


def _columns(db: sqlite3.Connection) -> list[str]:
    """Return the names of the columns of the table, none where there is no table."""
    return [row[1] for row in db.execute("PRAGMA table_info(feedback)")]


def _expect_ours(db: sqlite3.Connection, path: Path) -> None:
    """Raise FeedbackError for a database of something else, before anything in it is changed."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "feedback" not in tables:
        raise FeedbackError(
            f"{path} is a database of something else: set COVIDQUEST_FEEDBACK to another file"
        )


def feedback_on(given: FeedbackRequest, answerer: AnswererProtocol) -> Feedback:
    """Return the feedback that was given, with the passage that it is about.

    Raises OutdatedAnswerError where the index that is served now has no such answer: only what
    stands in a passage is stored, whatever was sent.
    """
    try:
        passage, source = answerer.passage(given.passage_id)
    except KeyError:
        raise OutdatedAnswerError(_OUTDATED) from None
    same = (
        source.index_version == given.index_version
        and passage.cord_uid == given.cord_uid
        and given.start < given.end
        # a browser sends other line ends than it was given
        and passage.text[given.start : given.end].split() == given.answer.split()
    )
    if not same:
        raise OutdatedAnswerError(_OUTDATED)
    return Feedback(
        time=_this_hour(),
        verdict=given.verdict,
        note=given.note,
        question=given.question,
        passage_id=passage.id,
        cord_uid=passage.cord_uid,
        section=passage.section,
        context=passage.text,
        start=given.start,
        end=given.end,
        answer=passage.text[given.start : given.end],
        weight=given.weight,
        reader_score=given.reader_score,
        retrieval_score=given.retrieval_score,
        index_version=source.index_version,
        encoder=source.encoder,
        reader=source.reader,
    )


_OUTDATED = (
    "The index that is served now does not have this answer: it has changed since, or the answer "
    "was altered. Ask the question again, and judge the answer that it has now."
)


def _this_hour() -> str:
    """Return the hour that it is: `2026-11-26T01Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%HZ")
