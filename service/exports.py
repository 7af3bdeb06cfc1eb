"""`GET /export.ris|bib|csv|json`: the answers that the page shows, to take away."""

import re
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future
from urllib.parse import urlencode

from flask import Blueprint, Response, request, url_for
from werkzeug.exceptions import NotFound

from service.api import problem_response
from service.background import NotReadyError, answerer_of
from service.cards import cautions_of, paper_link
from service.chips import fields_of
from service.citations import bibtex, ris
from service.errors import NothingToExportError, problem_of
from service.forms import Form
from service.fusion import sentence_of
from service.pages import render_page
from service.schemas import AnswersBody
from service.settings import Settings
from service.tables import BOM, HEADER, answer_rows, csv_text
from service.types import Answer, AnswererProtocol, AnswerList, BusyError, Query
from service.validation import InvalidQueryError

_FORMATS = {
    "ris": "application/x-research-info-systems; charset=utf-8",
    "bib": "application/x-bibtex; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
}


def create_exports(settings: Settings, answerer: Future[AnswererProtocol]) -> Blueprint:
    """Build the routes that files are downloaded from."""
    exports = Blueprint("exports", __name__)

    @exports.get("/export.<kind>")
    def export(kind: str) -> Response:
        if kind not in _FORMATS:
            raise NotFound
        form = Form.entered(request.args, settings)
        try:
            found = _found(answerer_of(answerer), form.query(settings))
        except (BusyError, InvalidQueryError, NotReadyError, NothingToExportError) as error:
            problem = problem_of(error)
            if kind == "json":
                return problem_response(problem)
            return render_page(settings, answerer, form, problem=problem)
        address = permalink(found.query, url_for(_PAGE, _external=True))
        text = exported(kind, found, address, settings.no_answer_threshold)
        return attachment(text, _FORMATS[kind], f"{_slug(found.query.question)}.{kind}")

    return exports


_PAGE = "pages.top_k_results"


def permalink(query: Query, page: str) -> str:
    """Return the address that asks a query; `page` is that of the page of results."""
    return f"{page}?{urlencode(fields_of(query), doseq=True)}"


def attachment(text: str, content_type: str, name: str) -> Response:
    """Send a text as a file to be saved under a name of ASCII letters."""
    response = Response(text.encode(), content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def exported(kind: str, found: AnswerList, address: str, threshold: float) -> str:
    """Return the answers in one of the formats; there is at least one. `address` shows them.

    A warning goes with them where one is due by `threshold` (see `AnswerList.warning`).
    """
    warning = found.warning(threshold)
    match kind:
        case "ris":
            return _cited(found, address, warning, ris, "")
        case "bib":
            return _cited(found, address, warning, bibtex, "\n")
        case "csv":
            return BOM + csv_text([HEADER, *answer_rows(found, address, threshold)])
        case _:
            return AnswersBody.of(found, threshold).model_dump_json(indent=2) + "\n"


def _cited(
    found: AnswerList,
    address: str,
    warning: str,
    entry: Callable[..., str],
    between: str,
) -> str:
    """Return an entry a paper, in the order of their best answers, with these as its notes."""
    by_paper: dict[str, list[Answer]] = {}
    for answer in found.answers:
        by_paper.setdefault(answer.paper.cord_uid, []).append(answer)
    return between.join(
        entry(
            answers[0].paper,
            paper_link(answers[0].paper),
            [_note(found.query.question, answer, warning) for answer in answers]
            + [f"CovidQuest, index {found.source.index_version}: {address}"],
        )
        for answers in by_paper.values()
    )


def _note(question: str, answer: Answer, warning: str) -> str:
    """Return an answer as a note, behind what warns of it."""
    marks = ", ".join(caution.name for caution in cautions_of(answer, question))
    said = f"Answer to “{question}”: “{answer.text}” in: {sentence_of(answer)}"
    return " ".join(filter(None, [warning, marks and f"Marked {marks}.", said]))


def _found(answerer: AnswererProtocol, query: Query) -> AnswerList:
    """Return what there is to export. Raises NothingToExportError."""
    found = answerer.answer(query)
    if not found.answers:
        raise NothingToExportError(f"There is no answer to export. {found.nothing}")
    return found


def _slug(question: str) -> str:
    """Return a question as part of a file's name.

    >>> _slug("How long is COVID-19's incubation?")
    'covidquest-how-long-is-covid-19-s-incubation'
    """
    plain = unicodedata.normalize("NFKD", question).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    return "-".join(["covidquest", *words])[:60].rstrip("-")
