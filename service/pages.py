"""The page: `GET /` and `GET|POST /top_k_results`, rendered here and working without JavaScript."""

from concurrent.futures import Future
from dataclasses import fields
from functools import partial

from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import UnsupportedMediaType

from index.filters import Facets, Filters
from service.api import problem_response
from service.background import NotReadyError, answerer_of
from service.chances import UNLIKELY
from service.errors import Problem, problem_of
from service.forms import FIELD_NAMES, Form
from service.questions import questions_by_topic
from service.requests import NOTE_LENGTH
from service.results import STEADY_NAME, Results
from service.settings import Settings
from service.types import NONE_LIKELY, UNRELIABLE, AnswererProtocol, BusyError
from service.validation import NAME_LENGTH, NAMES, QUESTION_LENGTH, InvalidQueryError

EXPORTS = {"ris": "RIS", "bib": "BibTeX", "csv": "CSV", "json": "JSON"}
"""The kinds of files that the answers can be taken away in, and their names."""
FILTER_NAMES = {field.name for field in fields(Filters)}
_FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data"}


def create_pages(settings: Settings, answerer: Future[AnswererProtocol]) -> Blueprint:
    """Build the routes that people see."""
    pages = Blueprint("pages", __name__)
    show = partial(render_page, settings, answerer)

    @pages.get("/")
    def home() -> Response:
        return show(Form.empty(settings))

    @pages.route("/top_k_results", methods=["GET", "POST"])
    def top_k_results() -> Response:
        entered = _entered()
        form = Form.entered(entered, settings)
        asks = request.method == "POST" or {"question", "question_select"} & entered.keys()
        if not asks and not form.unknown:
            return show(form)
        try:
            query = form.query(settings)
            ready = answerer_of(answerer)
            results = Results.of(
                ready.answer(query),
                ready,
                version=form.index,
                threshold=settings.no_answer_threshold,
            )
        except (BusyError, InvalidQueryError, NotReadyError) as error:
            return show(form, problem=problem_of(error))
        return show(form, results=results)

    return pages


def render_page(
    settings: Settings,
    answerer: Future[AnswererProtocol],
    form: Form,
    *,
    results: Results | None = None,
    problem: Problem | None = None,
) -> Response:
    """Render the page: the form, and below it the answers or above it what went wrong.

    That goes to a program as a problem document instead.
    """
    if problem and _is_for_program():
        return problem_response(problem)
    problem_of_field = {p.field: p.said for p in problem.fields} if problem else {}
    facets = _facets(answerer)
    found = results.found if results else None
    html = render_template(
        "page.html",
        form=form,
        form_fields=FIELD_NAMES - {"index"},  # which the address alone has
        topics=questions_by_topic(),
        question_length=QUESTION_LENGTH,
        name_length=NAME_LENGTH,
        most_names=NAMES,
        facets=facets,
        sources=form.source_choices(facets),
        filters_open=form.has_filters or not FILTER_NAMES.isdisjoint(problem_of_field),
        results=results,
        unlikely_below=UNLIKELY,
        unreliable_said=UNRELIABLE,
        unlikely_said=NONE_LIKELY,
        unreliable=found is not None and found.unreliable(settings.no_answer_threshold),
        found=found,
        exports=EXPORTS,
        steady_name=STEADY_NAME,
        note_length=NOTE_LENGTH,
        problem=problem,
        problem_of_field=problem_of_field,
    )
    response = make_response(html, problem.status if problem else 200)
    response.headers.update(problem.headers if problem else {})
    return response


def _is_for_program() -> bool:
    """Tell whether the API is asked, or for a file by a client that does not take pages."""
    if request.path.startswith("/export."):
        return "text/html" not in request.accept_mimetypes.values()
    return request.path == "/api" or request.path.startswith("/api/")


def _facets(answerer: Future[AnswererProtocol]) -> Facets:
    """Return the names to filter by; none are known while the index is being loaded."""
    try:
        return answerer_of(answerer).facets
    except NotReadyError:
        return Facets()


def _entered() -> MultiDict[str, str]:
    if request.method != "POST":
        return request.args
    if request.mimetype not in _FORM_TYPES:
        raise UnsupportedMediaType("This address takes the page's form.")
    return request.form
