"""A question of a batch and its best answer, as one row of a table. No HTML here."""

from dataclasses import dataclass, replace

from service.batch import Outcome
from service.cards import cautions_of, paper_link
from service.errors import problem_of
from service.exports import permalink
from service.fusion import answer_sentence
from service.tables import answer_rows, csv_text, problem_row
from service.types import AnswerList


@dataclass(frozen=True, slots=True)
class Row:
    """One question in the table; `lead + answer + tail` is the sentence of its best answer.

    `address` shows all its answers, `link` its best paper; `said` is what there is to say beside
    an answer, or in its place; `chance` and `marks` are the best answer's. `csv` has the rows of
    all its answers.
    """

    number: int
    of: int
    question: str
    address: str
    said: str
    csv: str
    lead: str = ""
    answer: str = ""
    tail: str = ""
    title: str = ""
    link: str = ""
    published: str = ""
    score: str = ""
    chance: str = ""
    marks: str = ""


def row_of(outcome: Outcome, page: str, threshold: float) -> Row:
    """Present what became of a question; `page` is the address of the page of results.

    A warning stands beside the answer where one is due (see `AnswerList.warning`).
    """
    found = outcome.found
    if isinstance(found, Exception):
        said = problem_of(found).detail
        address = ""
        rows = [problem_row(outcome.question, address, said)]
    else:
        address = permalink(found.query, page)
        said = _said(found, threshold)
        rows = answer_rows(found, address, threshold, said)
    row = Row(
        number=outcome.number,
        of=outcome.of,
        question=outcome.question,
        address=address,
        said=said,
        csv=csv_text(rows),
    )
    if isinstance(found, Exception) or not found.answers:
        return row
    best = found.answers[0]
    start, end = answer_sentence(best)
    return replace(
        row,
        lead=best.passage.text[start : best.start],
        answer=best.text,
        tail=best.passage.text[best.end : end],
        title=best.paper.title or "Untitled paper",
        link=paper_link(best.paper) or "",
        published=best.paper.publish_time[:4],
        score=f"{best.final_score:.2f}",
        chance=found.chance(best, threshold),
        marks=" · ".join(map(str, cautions_of(best, outcome.question))),
    )


def _said(found: AnswerList, threshold: float) -> str:
    warning = found.warning(threshold)
    verdict = found.nothing or (f"{warning} This comes closest." if warning else "")
    meant = f"Did you mean “{found.did_you_mean}”?" if found.did_you_mean else ""
    return " ".join(filter(None, [found.unknown, verdict, meant]))
