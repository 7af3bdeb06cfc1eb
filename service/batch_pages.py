"""`/batch`: many questions at once, on a page that fills with answers as they come."""

from collections.abc import Generator, Iterable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from typing import Self

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    render_template,
    request,
    stream_template,
    url_for,
)
from pydantic_core import to_json
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from service.api import problem_response, streamed
from service.background import NotReadyError, answerer_of
from service.batch import MOST_QUESTIONS, Batches, Outcome, outcomes
from service.batch_rows import Row, row_of
from service.errors import Problem, problem_of
from service.forms import Form
from service.lists import MOST_BYTES, QuestionList, UnreadableListError, read_file, read_text
from service.replies import NDJSON
from service.settings import Settings
from service.tables import BOM, HEADER, csv_text
from service.types import AnswererProtocol, BusyError, Query
from service.validation import QUESTION_LENGTH, FieldProblem, InvalidQueryError

FILE_NAME = "covidquest-answers.csv"

_OPTIONS = ("weight", "top_k", "published_from", "published_to", "full_text")


@dataclass(frozen=True, slots=True)
class BatchForm:
    """What was entered: a pasted list, and the options, which are those of the page's form."""

    questions: str
    options: Form

    @classmethod
    def entered(cls, values: MultiDict[str, str], settings: Settings) -> Self:
        """Return what was entered."""
        chosen = MultiDict((name, text) for name in _OPTIONS for text in values.getlist(name))
        return cls(values.get("questions", ""), Form.entered(chosen, settings))


def create_batch_pages(
    settings: Settings, answerer: Future[AnswererProtocol], batches: Batches
) -> Blueprint:
    """Build the routes of the page."""
    pages = Blueprint("batch", __name__, url_prefix="/batch")

    @pages.get("")
    def home() -> Response:
        return make_response(render_template("batch.html", **_context(_empty(settings))))

    @pages.post("")
    def post() -> Response:
        form = BatchForm.entered(request.form, settings)

        def query_of(question: str) -> Query:
            return replace(form.options, question=question).query(settings)

        try:
            listed = _listed(form)
            query_of("Are the options right?")  # or it would be said at every question
            ready = answerer_of(answerer)
            batch = outcomes(listed.questions, lambda question: ready.answer(query_of(question)))
            return _answered(form, listed, batch, settings, batches)
        except (BusyError, InvalidQueryError, NotReadyError) as error:
            return _refused(form, problem_of(error))

    @pages.errorhandler(RequestEntityTooLarge)
    def too_large(error: RequestEntityTooLarge) -> Response:
        error.description = (
            f"This is more than can be read at once. Paste at most {MOST_QUESTIONS} questions, or "
            f"choose a file of at most {MOST_BYTES // 2**20} MB. Go back to what you typed."
        )
        return _refused(_empty(settings), problem_of(error))

    return pages


def _empty(settings: Settings) -> BatchForm:
    return BatchForm.entered(MultiDict(), settings)


def _listed(form: BatchForm) -> QuestionList:
    """Return the questions that were pasted, then those of the file. Raises InvalidQueryError."""
    field = "questions"
    pasted: tuple[str, ...] = ()
    uploaded = QuestionList(())
    try:
        pasted = read_text(form.questions)
        file = request.files.get("file")
        if file and file.filename:
            field = "file"
            with closing(file):
                uploaded = read_file(file.read(), file.filename)
    except UnreadableListError as error:
        raise InvalidQueryError((FieldProblem(field, str(error)),)) from None
    listed = QuestionList(pasted + uploaded.questions, uploaded.notice)
    if not listed.questions:
        said = "There is no question. Paste some, one a line, or choose a file."
        raise InvalidQueryError((FieldProblem("questions", said),))
    if (count := len(listed.questions)) > MOST_QUESTIONS:
        said = (
            f"There are {count} questions; at most {MOST_QUESTIONS} are possible. Ask the others "
            "in a second batch."
        )
        raise InvalidQueryError((FieldProblem(field, said),))
    return listed


def _answered(
    form: BatchForm,
    listed: QuestionList,
    batch: Generator[Outcome, None, None],
    settings: Settings,
    batches: Batches,
) -> Response:
    """Stream the answers: as lines to the page's script, as a CSV file, or as the page itself."""
    page = url_for("pages.top_k_results", _external=True)
    rows = (row_of(outcome, page, settings.no_answer_threshold) for outcome in batch)
    header = BOM + csv_text([HEADER])
    if _for_script():
        first = {"of": len(listed.questions), "notice": listed.notice, "csv": header}
        template = current_app.jinja_env.get_template("_batch_row.html")
        others = (
            {"of": row.of, "number": row.number, "html": template.render(row=row), "csv": row.csv}
            for row in rows
        )
        lines = (to_json(line).decode() + "\n" for line in chain([first], others))
        return streamed(batch, lines, NDJSON, batches)
    if request.form.get("as") == "csv":
        parts = chain([header], (row.csv for row in rows))
        response = streamed(batch, parts, "text/csv; charset=utf-8", batches)
        response.headers["Content-Disposition"] = f'attachment; filename="{FILE_NAME}"'
        return response
    context = _context(form, rows=rows, of=len(listed.questions), notice=listed.notice)
    html = stream_template("batch.html", **context)
    return streamed(batch, html, "text/html; charset=utf-8", batches)


def _refused(form: BatchForm, problem: Problem) -> Response:
    if _for_script():
        return problem_response(problem)
    response = make_response(
        render_template("batch.html", **_context(form, problem=problem)), problem.status
    )
    response.headers.update(problem.headers)
    return response


def _for_script() -> bool:
    return request.accept_mimetypes.best == NDJSON


def _context(
    form: BatchForm,
    *,
    rows: Iterable[Row] | None = None,
    of: int = 0,
    notice: str = "",
    problem: Problem | None = None,
) -> dict[str, object]:
    """Return what the template shows."""
    return {
        "form": form,
        "rows": rows,
        "of": of,
        "notice": notice,
        "problem": problem,
        "problem_of_field": {p.field: p.said for p in problem.fields} if problem else {},
        "most_questions": MOST_QUESTIONS,
        "question_length": QUESTION_LENGTH,
        "most_bytes": MOST_BYTES,
        "file_name": FILE_NAME,
    }
