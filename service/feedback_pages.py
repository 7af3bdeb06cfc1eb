"""`/feedback`: what the thumbs below an answer send, and the page where there is no script."""

from collections.abc import Mapping
from concurrent.futures import Future

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response as Redirection

from service.api import FEEDBACK_OFF
from service.background import NotReadyError, answerer_of
from service.errors import Problem, problem_of
from service.feedback import (
    FeedbackFullError,
    FeedbackLostError,
    FeedbackOffError,
    FeedbackStore,
    OutdatedAnswerError,
    feedback_on,
)
from service.forms import number_of
from service.origins import parts_of, refuse_other_sites
from service.requests import NOTE_LENGTH, FeedbackRequest
from service.types import AnswererProtocol, BusyError
from service.validation import InvalidQueryError, checked

_NUMBERS = {"passage_id", "start", "end", "weight", "reader_score", "retrieval_score"}
_LONGEST_ADDRESS = 8000  # gunicorn.conf.py limits the line that asks for it


def create_feedback_pages(
    answerer: Future[AnswererProtocol], store: FeedbackStore | None
) -> Blueprint:
    """Build the routes. Without a store no feedback is taken."""
    pages = Blueprint("feedback", __name__, url_prefix="/feedback")

    @pages.post("")
    def post() -> Response | Redirection:
        if store is None:
            raise FeedbackOffError(FEEDBACK_OFF)
        entered = {name: value for name, value in request.form.items() if name != "back"}
        try:
            refuse_other_sites(request)
            given = checked(FeedbackRequest, _typed(entered))
            store.add(feedback_on(given, answerer_of(answerer)))
        except (
            BusyError,
            FeedbackFullError,
            FeedbackLostError,
            Forbidden,
            InvalidQueryError,
            NotReadyError,
            OutdatedAnswerError,
        ) as error:
            return _refused(entered, problem_of(error))
        address = url_for("feedback.thanks", back=_back())
        if len(address) > _LONGEST_ADDRESS:
            address = url_for("feedback.thanks")
        return redirect(address, 303)

    @pages.get("/thanks")
    def thanks() -> str:
        return _render({})

    return pages


def _typed(entered: Mapping[str, str]) -> dict[str, object]:
    """Return the fields with numbers where they are due; what is none is left to be refused."""
    return {name: number_of(text) if name in _NUMBERS else text for name, text in entered.items()}


def _refused(entered: Mapping[str, str], problem: Problem) -> Response:
    response = make_response(_render(entered, problem), problem.status)
    response.headers.update(problem.headers)
    return response


def _render(entered: Mapping[str, str], problem: Problem | None = None) -> str:
    return render_template(
        "feedback.html", problem=problem, entered=entered, back=_back(), note_length=NOTE_LENGTH
    )


def _back() -> str:
    """Return where the answers are: nothing but this service's own page of them.

    It is in the field `back`, or is the page that sent the form.
    """
    page = url_for("pages.top_k_results")
    sent_by = parts_of(request.referrer or "")
    asked = f"{sent_by.path}?{sent_by.query}" if sent_by.netloc == request.host else ""
    back = request.values.get("back") or asked
    return back if back.startswith(f"{page}?") else page
