"""Answers as rows of a table that a spreadsheet opens. No HTML here."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

from service.cards import cautions_of, paper_link
from service.citations import authors_of, cite
from service.fusion import sentence_of
from service.types import Answer, AnswerList

BOM = "\ufeff"
"""At the start of a CSV file: without it Excel takes UTF-8 for the machine's old encoding."""

HEADER = (
    "question",
    "rank",
    "answer",
    "sentence",
    "chance",
    "cautions",
    "warning",
    "did_you_mean",
    "unknown_words",
    "final_score",
    "reader_score",
    "retrieval_score",
    "weight",
    "no_answer_probability",
    "title",
    "authors",
    "journal",
    "publish_time",
    "doi",
    "pmcid",
    "pubmed_id",
    "link",
    "license",
    "source",
    "citation",
    "section",
    "passage_id",
    "start",
    "end",
    "cord_uid",
    "index_version",
    "encoder",
    "reader",
    "permalink",
    "problem",
)
"""The columns. `problem` tells why a question has no answer, and is empty where it has one.

`warning`, `did_you_mean` and `unknown_words` are of all answers to a question; `cautions` are the
names of an answer's marks, `chance` is how likely it is right (see `AnswerList.chance`).
"""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_FORMULA_WITHIN = re.compile(
    r"([;\t\r\n][ \"]*)"
    r"([=@＝＠]|[+\-＋－](?=[^;\t\r\n]*[(|!]))"  # a number calls nothing: "5; -2", "5; +3"
)


def answer_rows(
    found: AnswerList, permalink: str, threshold: float, problem: str = ""
) -> list[list[object]]:
    """Return a row for each answer; one with the question and the `problem` where there is none.

    `threshold` is that of `AnswerList.warning`.
    """
    if not found.answers:
        return [problem_row(found.query.question, permalink, problem)]
    return [
        _row(found, rank, answer, threshold, permalink)
        for rank, answer in enumerate(found.answers, start=1)
    ]


def problem_row(question: str, permalink: str, problem: str) -> list[object]:
    """Return the row of a question without an answer."""
    blanks = [""] * (len(HEADER) - 3)
    return [question, *blanks, permalink, problem]


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Write rows as CSV (RFC 4180); no cell begins as a formula does.

    Spreadsheets run a cell that begins with one of `= + - @`, so that such a text gets an
    apostrophe before it (OWASP, "CSV Injection"). So does one within a cell, where a spreadsheet
    that is set to another language splits it: at a semicolon, or a tab. Numbers stay as they are.
    """
    file = io.StringIO()
    csv.writer(file).writerows([_safe(cell) for cell in row] for row in rows)
    return file.getvalue()


def _safe(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    text = cell.encode("utf-8", "replace").decode()  # a lone surrogate cannot be written
    text = _FORMULA_WITHIN.sub(r"\1'\2", text)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _row(
    found: AnswerList, rank: int, answer: Answer, threshold: float, permalink: str
) -> list[object]:
    paper, source = answer.paper, found.source
    return [
        found.query.question,
        rank,
        answer.text,
        sentence_of(answer),
        found.chance(answer, threshold),
        "; ".join(caution.name for caution in cautions_of(answer, found.query.question)),
        found.warning(threshold),
        found.did_you_mean or "",
        "; ".join(found.unknown_words),
        round(answer.final_score, 6),
        round(answer.reader_score, 6),
        round(answer.retrieval_score, 6),
        found.query.weight,
        round(found.no_answer_probability, 6),
        paper.title,
        "; ".join(authors_of(paper.authors)),
        paper.journal,
        paper.publish_time,
        paper.doi,
        paper.pmcid,
        paper.pubmed_id,
        paper_link(paper) or "",
        paper.license,
        paper.source,
        cite(paper),
        answer.passage.section,
        answer.passage.id,
        answer.start,
        answer.end,
        paper.cord_uid,
        source.index_version,
        source.encoder,
        source.reader,
        permalink,
        "",
    ]
