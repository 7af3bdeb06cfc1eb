"""Asks questions in the terminal: the same answers as the page and the API give."""

import argparse
import sys
import textwrap
from collections.abc import Callable
from dataclasses import fields

from index.filters import Filters
from scripts.arguments import command, some_path
from scripts.printing import printable
from scripts.served import add_served_index, settings_with
from service.batch import Outcome, outcomes
from service.cards import Card
from service.errors import problem_of
from service.lists import UnreadableListError, read_file
from service.loading import load_answerer
from service.replies import batch_line
from service.schemas import AnswersBody
from service.settings import Settings, StartError
from service.types import AnswerList, Query
from service.validation import InvalidQueryError, parse_query

_BOLD, _DIM, _MARK, _END = "\x1b[1m", "\x1b[2m", "\x1b[1;7m", "\x1b[0m"
_WIDTH = 88


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command("ask", __doc__, example='"How long is the incubation period of COVID-19?"')
    add = arguments.add_argument
    add("question", nargs="?", help="any question, at most 500 characters")
    add(
        "--file",
        type=some_path,
        metavar="FILE",
        help="ask all questions of a file, one a line or a CSV with a column named question",
    )
    add_served_index(arguments)
    add(
        "--weight",
        type=_number(float),
        metavar="W",
        help="the reader's share in the final score, 0 to 1 (default: COVIDQUEST_DEFAULT_WEIGHT)",
    )
    add(
        "--top-k",
        type=_number(int),
        metavar="K",
        help="how many answers to show, 1 to 50 (default: COVIDQUEST_DEFAULT_TOP_K)",
    )
    among = arguments.add_argument_group(
        "filters", "search only the papers that fulfil all of these"
    )
    add_filter = among.add_argument
    add_filter(
        "--from",
        dest="published_from",
        metavar="DATE",
        help="published on or after this date: 2020, 2020-03 or 2020-03-13",
    )
    add_filter(
        "--to",
        dest="published_to",
        metavar="DATE",
        help="published on or before this date; a paper dated only 2020 may be of any day of it",
    )
    add_filter(
        "--source",
        dest="sources",
        action="append",
        metavar="NAME",
        help="from this source, such as PMC; give it again for any of several",
    )
    add_filter(
        "--journal",
        dest="journals",
        action="append",
        metavar="NAME",
        help="in the journal of this whole name, however spelled; give it again for any of several",
    )
    add_filter(
        "--full-text",
        action="store_true",
        default=None,
        help="with more than title and abstract in the index",
    )
    add(
        "--json",
        action="store_true",
        help="print what the API would return, a line of JSON for each question of a file",
    )
    return arguments


def _number(kind: Callable[[str], float]) -> Callable[[str], object]:
    """Return an argparse type for numbers; a text that writes none stays one, to be refused."""

    def parse(text: str) -> object:
        try:
            return kind(text)
        except ValueError:
            return text

    return parse


def rendered(found: AnswerList, *, threshold: float, colour: bool) -> str:
    """Return the answers as text for a terminal, the answer itself marked."""
    bold, dim, mark, end = (_BOLD, _DIM, _MARK, _END) if colour else ("", "", "[", "]")
    plain = end if colour else ""
    blocks = []
    if said := found.nothing or found.warning(threshold):
        blocks.append(f"{bold}{said}{plain}")
    if found.did_you_mean:
        blocks.append(f"Did you mean: {found.did_you_mean}")
    if found.unknown:
        blocks.append(f"{bold}{found.unknown}{plain} The answers leave it out.")
    for rank, answer in enumerate(found.answers, start=1):
        card = Card.of(rank, answer, found.query.weight, question=found.query.question)
        facts = (card.authors, card.paper.journal, card.published, card.section, card.link)
        chance = found.chance(answer, threshold)
        told = [f"{name.lower()} {value:.2f}" for name, value in card.scores]
        scores = "  ".join([chance, *told] if chance else told)
        before, text, after = map(printable, (card.before, card.answer, card.after))
        marks = textwrap.fill(printable(" · ".join(map(str, card.cautions))), _WIDTH)
        marked = "\n".join(textwrap.wrap(f"{before}\x02{text}\x03{after}", _WIDTH))
        blocks.append(
            f"{bold}{rank}. {printable(card.paper.title)}{plain}\n"
            f"{dim}{printable(' · '.join(fact for fact in facts if fact))}{plain}\n"
            f"{marked.replace(chr(2), mark).replace(chr(3), end)}\n"
            + (f"{bold}{marks}{plain}\n" if marks else "")
            + f"{dim}{scores}{plain}"
        )
    source, took = found.source, found.took_ms
    among = f"{found.passages_searched:,} of " if found.query.filters else ""
    blocks.append(
        f"{dim}{among}{source.passages:,} passages of {source.papers:,} papers, "
        f"{took.total:,.0f} ms (encode {took.encode:,.0f}, retrieve {took.retrieve:,.0f}, "
        f"read {took.read:,.0f}){plain}"
    )
    return "\n\n".join(blocks)


_TABLE = "{:>4}  {:<5}  {:<40.40}  {}"
_BEST = "{:<40.40}  {:<40.40}"  # what an answer is, and its paper


def table_row(outcome: Outcome, *, threshold: float) -> str:
    """Return what became of a question of a file as a line: its best answer, and from where.

    The score of an answer that is likelier than `threshold` to be none has a question mark.
    """
    found = outcome.found
    if isinstance(found, Exception):
        score, said = "–", f"! {problem_of(found).detail}"
    elif not found.answers:
        score, said = "–", f"! {found.nothing}"
    else:
        best = found.answers[0]
        mark = "?" if found.unreliable(threshold) else ""
        score = f"{best.final_score:.2f}{mark}"
        said = _BEST.format(best.text, best.paper.title)
    cells = (score, outcome.question, said)
    return _TABLE.format(outcome.number, *map(printable, cells)).rstrip()


def ask_all(options: argparse.Namespace, settings: Settings, values: dict[str, object]) -> int:
    """Answer all questions of a file; return 0 where each could be asked, else 1.

    `values` are the fields of a query but for the question. Raises UnreadableListError,
    InvalidQueryError for an option that is wrong, and StartError.
    """
    try:
        listed = read_file(options.file.read_bytes(), options.file.name)
    except OSError as error:
        raise UnreadableListError(f"{options.file}: {error.strerror}") from None
    if listed.notice:
        print(f"ask: {listed.notice}", file=sys.stderr)

    def query_of(question: str) -> Query:
        return _query(settings, values | {"question": question})

    query_of("Are the options right?")
    answerer = load_answerer(settings)
    if not options.json:
        print(
            _TABLE.format("No.", "Score", "Question", _BEST.format("Best answer", "Paper")).rstrip()
        )
    failed, threshold = 0, settings.no_answer_threshold
    for outcome in outcomes(listed.questions, lambda asked: answerer.answer(query_of(asked))):
        failed += isinstance(outcome.found, Exception)
        line = batch_line(outcome, threshold).model_dump_json() if options.json else None
        print(line or table_row(outcome, threshold=threshold), flush=True)
    return 1 if failed else 0


def _query(settings: Settings, values: dict[str, object]) -> Query:
    return parse_query(values, weight=settings.default_weight, top_k=settings.default_top_k)


def _given(options: argparse.Namespace, *names: str) -> dict[str, object]:
    """Return those of the options that were given."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    if (options.question is None) == (options.file is None):
        print("ask: give either a question or --file", file=sys.stderr)
        return 2
    given = _given(options, "weight", "top_k") | {
        "filters": _given(options, *(field.name for field in fields(Filters)))
    }
    try:
        settings = settings_with(options.index)
        if options.file:
            return ask_all(options, settings, given)
        query = _query(settings, given | {"question": options.question})
        found = load_answerer(settings).answer(query)
    except (InvalidQueryError, UnreadableListError) as error:
        print(f"ask: {error}", file=sys.stderr)
        return 2
    except StartError as error:
        print(f"ask: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(AnswersBody.of(found, settings.no_answer_threshold).model_dump_json(indent=2))
    else:
        print(rendered(found, threshold=settings.no_answer_threshold, colour=sys.stdout.isatty()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
