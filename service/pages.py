"""The page: `GET /` and `GET|POST /top_k_results`, rendered here and working without JavaScript."""

from concurrent.futures import Future

from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import UnsupportedMediaType

from service.background import NotReadyError, answerer_of
from service.cards import Card
from service.errors import Problem, problem_of
from service.forms import FIELD_NAMES, Form
from service.questions import questions_by_topic
from service.settings import Settings
from service.types import AnswererProtocol, AnswerList, BusyError
from service.validation import QUESTION_LENGTH, InvalidQueryError

_FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data"}


def create_pages(settings: Settings, answerer: Future[AnswererProtocol]) -> Blueprint:
    """Build the routes that people see."""
    pages = Blueprint("pages", __name__)

    @pages.get("/")
    def home() -> Response:
        return render_page(settings, Form.empty(settings))

    @pages.route("/top_k_results", methods=["GET", "POST"])
    def top_k_results() -> Response:
        entered = _entered()
        form = Form.entered(entered, settings)
        if request.method == "GET" and not {"question", "question_select"} & entered.keys():
            return render_page(settings, form)
        unknown = {name: entered[name] for name in entered.keys() - FIELD_NAMES}
        try:
            query = form.query(settings, unknown)
            found = answerer_of(answerer).answer(query)
        except (BusyError, InvalidQueryError, NotReadyError) as error:
            return render_page(settings, form, problem=problem_of(error))
        return render_page(settings, form, found=found)

    return pages


def render_page(
    settings: Settings,
    form: Form,
    *,
    found: AnswerList | None = None,
    problem: Problem | None = None,
) -> Response:
    """Render the page: the form, and below it the answers or above it what went wrong."""
    html = render_template(
        "page.html",
        form=form,
        form_fields=FIELD_NAMES,
        topics=questions_by_topic(),
        question_length=QUESTION_LENGTH,
        found=found,
        cards=[Card.of(rank, a) for rank, a in enumerate(found.answers, 1)] if found else [],
        unreliable=found is not None and found.no_answer_probability > settings.no_answer_threshold,
        problem=problem,
        problem_of_field={p.field: p.detail for p in problem.fields} if problem else {},
    )
    response = make_response(html, problem.status if problem else 200)
    response.headers.update(problem.headers if problem else {})
    return response


def _entered() -> MultiDict[str, str]:
    if request.method != "POST":
        return request.args
    if request.mimetype not in _FORM_TYPES:
        raise UnsupportedMediaType("This address takes the page's form.")
    return request.form
