"""Writes the answers that people found good as training data for a reader, in the SQuAD format.

Only thumbs up are exported. A thumb down says that this answer is a bad one, and not that its
passage has none: as an unanswerable question it would teach the reader to find nothing where there
may be an answer (docs/decisions/0018-feedback.md).
"""

import argparse
import hashlib
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from files.writing import write_durably
from index.passages import digest
from scripts.arguments import command, some_path
from scripts.outputs import refusal
from service.feedback import FeedbackError

_WAIT = 10.0  # seconds for another process to finish writing
_BEGINNING = '{\n "version": "v2.0",\n "data": ['
_ALTERED = "the answer does not stand in the passage where it should"
_DOUBTED = "no more people found the answer good than bad"
# Texts are compared by their checksums: a file may be larger than the memory there is for it.
_VOTES = """
CREATE TEMP TABLE given AS
    SELECT id, verdict, key(folded(question), context, "start", "end") AS answer FROM feedback
    WHERE stands(context, "start", "end", answer);
CREATE TEMP TABLE judged AS
    SELECT min(id) AS id, sum(iif(verdict = 'up', 1, -1)) AS votes FROM given GROUP BY answer;
CREATE TEMP TABLE good AS
    SELECT id, cord_uid, key(context) AS passage, key(folded(question), context) AS asked
    FROM judged JOIN feedback USING (id) WHERE votes > 0;
CREATE TEMP TABLE placed AS
    SELECT id, passage, min(id) OVER (PARTITION BY asked) AS asked,
        first_value(cord_uid) OVER (PARTITION BY asked ORDER BY id) AS paper
    FROM good;
CREATE TEMP TABLE ordered AS
    SELECT id, paper, passage, asked FROM placed ORDER BY
        min(id) OVER (PARTITION BY paper), min(id) OVER (PARTITION BY paper, passage), asked, id;
"""
# CROSS JOIN: feedback is looked up row by row, and no passage is sorted.
_IN_ORDER = """
SELECT paper, passage, asked, question, context, "start", answer
FROM ordered CROSS JOIN feedback USING (id) ORDER BY ordered.rowid
"""

_Row = tuple[str, bytes, int, str, str, int, str]


class Votes:
    """The answers that more people found good than bad, each once, and what was left out, and why.

    Several of one question to one passage are gold answers of one entry.

    Format: Rajpurkar et al., "Know What You Don't Know: Unanswerable Questions for SQuAD" (2018).
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        """Count the votes of a file of feedback."""
        self._db = db
        db.create_function("key", -1, _key, deterministic=True)
        db.create_function("folded", 1, _folded, deterministic=True)
        db.create_function("stands", 4, _stands, deterministic=True)
        db.execute("BEGIN")  # what is given meanwhile counts next time
        for statement in _VOTES.split(";"):
            db.execute(statement)
        self.answers = self._count("good")
        self.left_out = {
            _ALTERED: self._count("feedback") - self._count("given"),
            _DOUBTED: self._count("judged") - self.answers,
        }

    def _count(self, table: str) -> int:
        (count,) = self._db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - ours
        return int(count)

    def squad(self) -> Iterator[str]:
        """Yield the pieces of a data set in JSON, passage by passage."""
        yield _BEGINNING
        papers = 0
        for paper, of_paper in groupby(self._db.execute(_IN_ORDER), itemgetter(0)):
            yield ",\n" if papers else "\n"
            papers += 1
            yield f'  {{\n   "title": {_json(paper)},\n   "paragraphs": ['
            between = "\n    "
            for _, of_passage in groupby(of_paper, itemgetter(1)):
                yield between + _json(_paragraph(paper, list(of_passage))).replace("\n", "\n    ")
                between = ",\n    "
            yield "\n   ]\n  }"
        yield "\n ]\n}\n" if papers else "]\n}\n"


def _paragraph(paper: str, rows: list[_Row]) -> dict[str, object]:
    """Return a passage with its questions, each with its answers."""
    context = rows[0][4]
    questions = []
    for _, of_question in groupby(rows, itemgetter(2)):
        some = list(of_question)
        question = some[0][3]
        questions.append(
            {
                "id": f"feedback-{digest(f'{_folded(question)} {context}') % 2**64:016x}",
                "question": question,
                "answers": [{"text": row[6], "answer_start": row[5]} for row in some],
                "is_impossible": False,
            }
        )
    return {"context": context, "cord_uid": paper, "qas": questions}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def _key(*parts: object) -> bytes:
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()


def _folded(question: str) -> str:
    return " ".join(question.casefold().split())


def _stands(context: str, start: int, end: int, answer: str) -> bool:
    return context[start:end] == answer and bool(answer.strip())


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file of feedback for reading. Raises FeedbackError where it turns out to be none."""
    try:
        uri = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT, isolation_level=None)) as db:
            yield db
    except sqlite3.Error as error:
        raise FeedbackError(f"{path} is not a file of feedback ({error})") from error


def expect_to_export(feedback: Path, output: Path) -> None:
    """Raise FeedbackError where the output would replace the feedback, or what is no export."""
    source = feedback.resolve()
    inputs = [feedback, *(source.with_name(source.name + end) for end in ("-wal", "-shm"))]
    if wrong := refusal(output, inputs, made=_is_export, what="exported feedback"):
        raise FeedbackError(wrong)


def _is_export(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_BEGINNING)) == _BEGINNING.encode()


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command("export_feedback", __doc__)
    arguments.add_argument(
        "feedback",
        type=some_path,
        help="the file that COVIDQUEST_FEEDBACK names, also while it serves",
    )
    arguments.add_argument("output", type=some_path, help="the JSON file to write")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    try:
        expect_to_export(options.feedback, options.output)
        with opened(options.feedback) as db:
            votes = Votes(db)
            write_durably(options.output, votes.squad())
    except FeedbackError as error:
        print(f"export_feedback: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"export_feedback: {options.output}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{votes.answers} answers written to {options.output}")
    for reason, count in votes.left_out.items():
        if count:
            print(f"{count} left out: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
