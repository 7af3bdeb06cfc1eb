"""Evidence across papers: which answers say the same, and how far numbers differ. No HTML here.

docs/decisions/0017-evidence.md tells why these rules, and what they were measured on.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from index.types import Paper
from models.contracts import FloatArray
from service.citations import doi_of
from service.diseases import OTHER_DISEASE
from service.fusion import LONG, ranges_touched, sentence_of
from service.quantities import Quantity
from service.statements import (
    SETTINGS,
    Statement,
    asked_by,
    normalised,
    share_words,
    shortened_by,
    statement_of,
)
from service.types import Answer
from service.units import Unit

SAME = 0.80
"""Sentences with words in common whose vectors have at least this cosine say the same."""
COMPARED = 20
"""How many answers are compared by the vectors of their sentences, at most: that takes time."""

_MOST_TIMES = {"length": 1000.0, "time": 50.0}
"""How many times as great as the one before a number on a scale is, at most, by kind."""

_AGE = re.compile(r"\b(?:ages?|aged|old(?:er|est)?)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Group:
    """Answers that say the same, each of another paper, by descending final score.

    `marks` are those of `Statement`, which all of them have.
    """

    label: str
    quantity: Quantity | None
    answers: tuple[Answer, ...]
    marks: tuple[str, ...] = ()

    @property
    def setting(self) -> tuple[str, ...]:
        """The marks that tell that it was not found in people."""
        return tuple(mark for mark in self.marks if mark in SETTINGS)

    @property
    def period(self) -> str:
        """When the papers appeared, by month: `2020-03 to 2021-07`; empty where no date is known.

        A date of less precision stands as it is.
        """
        dates = sorted(a.paper.publish_time[:7] for a in self.answers if a.paper.publish_time)
        if not dates:
            return ""
        return dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"


@dataclass(frozen=True, slots=True)
class Point:
    """A group on the scale of a spread: where its ends lie, from 0 to 100."""

    group: Group
    low: float
    high: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Spread:
    """Numbers of one kind that differ, by size, on a scale from the least to the greatest.

    `setting` is that of all its groups.
    """

    kind: str
    setting: tuple[str, ...]
    least: str
    greatest: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The groups that two papers or more are in, and the numbers that differ between papers."""

    agreeing: tuple[Group, ...]
    spreads: tuple[Spread, ...]

    def __bool__(self) -> bool:
        """Tell whether there is anything to show."""
        return bool(self.agreeing or self.spreads)


def evidence_of(
    answers: Sequence[Answer],
    vectors: Callable[[Sequence[str]], FloatArray],
    question: str = "",
) -> Evidence:
    """Group the answers to a question. `vectors` gives unit vectors of texts, as an encoder does.

    It is called at most once, with at most `COMPARED` sentences.
    """
    groups = _groups(answers, vectors, question)
    agreeing = tuple(group for group in groups if len(group.answers) > 1)
    kinds: dict[tuple[str, tuple[str, ...]], list[Group]] = {}
    for group in sorted(groups, key=lambda group: bool(group.setting)):  # people first
        if group.quantity and OTHER_DISEASE not in group.marks:
            kind = _kind(group, group.quantity.unit, question)
            kinds.setdefault((kind, group.setting), []).append(group)
    numbers = ((key, _counted(mine, answers)) for key, mine in kinds.items())
    scales = ((key, scale) for key, found in numbers for scale in _scales(key[0], found))
    spreads = (_spread(*key, scale) for key, scale in scales if _differ(scale))
    return Evidence(agreeing, tuple(spreads))


def one_a_paper(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """Keep the first answer of each paper.

    Records with a DOI or a title in common are one, and so are those with the same long sentence:
    a preprint and what became of it.
    """
    seen: set[str] = set()
    kept = []
    for answer in answers:
        keys = _identities(answer.paper) | _long_sentences(answer)
        if seen.isdisjoint(keys):
            kept.append(answer)
        seen |= keys  # also of one that is left out: a preprint may share its DOI with a third
    return tuple(kept)


_SHORTEST_TITLE = 20  # characters; "Editorial" identifies nothing
_OF_VERSION = re.compile(r"[(\[](?:pre-?print|version \d+)[)\]]", re.IGNORECASE)
_HEADING = re.compile(
    r"^(?:Aims?|Background|Conclusions?|Findings|Interpretation|Introduction|Methods|Objectives?"
    r"|Purpose|Results?|Significance): ?",
    re.IGNORECASE,
)


def _identities(paper: Paper) -> set[str]:
    title, doi = normalised(_OF_VERSION.sub(" ", paper.title)), doi_of(paper)
    return {
        f"uid {paper.cord_uid}",
        *([f"doi {doi.casefold()}"] if doi else []),
        *([f"title {title}"] if len(title) >= _SHORTEST_TITLE else []),
    }


def _long_sentences(answer: Answer) -> set[str]:
    text = answer.passage.text
    sentences = (text[start:end] for start, end in ranges_touched(answer))
    plain = (normalised(_HEADING.sub("", sentence)) for sentence in sentences)
    return {f"sentence {sentence}" for sentence in plain if len(sentence.split()) >= LONG}


def _groups(
    answers: Sequence[Answer], vectors: Callable[[Sequence[str]], FloatArray], question: str
) -> list[Group]:
    """Put each answer to the first group whose best answer says the same, best answers first."""
    asked = asked_by(question)
    short_for = shortened_by((answer.passage.text for answer in answers), asked)
    statements = [statement_of(answer, asked, question, short_for) for answer in answers]
    compared = _to_compare(statements)
    vector_of = {}
    if len(compared) > 1:
        rows = vectors([one.sentence for one in compared])
        vector_of = {one.answer.passage.id: rows[at] for at, one in enumerate(compared)}

    def alike(one: Statement, other: Statement) -> bool:
        if (one.marks, one.disease) != (other.marks, other.disease):
            return False
        if one.quantity or other.quantity or one.numbers != other.numbers:
            return _same_quantity(one, other)
        if not share_words(one, other):
            return False
        if one.words == other.words:
            return True
        first, second = (vector_of.get(s.answer.passage.id) for s in (one, other))
        return first is not None and second is not None and float(first @ second) >= SAME

    groups: list[list[Statement]] = []
    for statement in statements:
        home = next((group for group in groups if alike(group[0], statement)), None)
        if home is None:
            groups.append([statement])
        else:
            home.append(statement)
    return [_group(group) for group in groups]


def _same_quantity(one: Statement, other: Statement) -> bool:
    """Tell whether both give the same number: vectors of sentences hardly tell numbers apart."""
    return bool(one.quantity and other.quantity and one.quantity.key == other.quantity.key)


def _to_compare(statements: Sequence[Statement]) -> list[Statement]:
    """Return what the vectors may tell the likeness of: long answers that are no quantity."""
    return [one for one in statements if not (one.quantity or one.short)][:COMPARED]


def _group(statements: Sequence[Statement]) -> Group:
    first = statements[0]
    label = str(first.quantity) if first.quantity else first.answer.text
    answers = one_a_paper(one.answer for one in statements)
    return Group(label, first.quantity, answers, first.marks)


def _kind(group: Group, unit: Unit, question: str) -> str:
    """Return what a number is of: years are an age where question or sentence speak of one."""
    years = unit.name == "years"
    aged = years and (_AGE.search(question) or _AGE.search(sentence_of(group.answers[0])))
    return "age" if aged else unit.kind


def _counted(mine: Sequence[Group], answers: Sequence[Answer]) -> list[Group]:
    """Return the groups of a kind of quantity, with the best number of each paper only."""
    members = {answer.passage.id for group in mine for answer in group.answers}
    counted = one_a_paper(answer for answer in answers if answer.passage.id in members)
    ids = {answer.passage.id for answer in counted}
    rest = [replace(g, answers=tuple(a for a in g.answers if a.passage.id in ids)) for g in mine]
    return [group for group in rest if group.answers]


def _scales(kind: str, groups: Sequence[Group]) -> list[list[Group]]:
    """Cut numbers of a kind, by size, where the next is so much greater that both say other things.

    What floats is not told in the metres that people keep apart, nor days in years.
    """
    most = _MOST_TIMES.get(kind)
    scales: list[list[Group]] = []
    end = 0.0
    for low, high, group in sorted(_extents(groups), key=lambda extent: extent[:2]):
        if not scales or (most and 0 < end * most < low):
            scales.append([])
        scales[-1].append(group)
        end = max(end, high)
    return scales


def _extents(groups: Sequence[Group]) -> Iterator[tuple[float, float, Group]]:
    """Yield the ends of each number in its kind's base unit, and its group."""
    for group in groups:
        if quantity := group.quantity:
            to_base = quantity.unit.to_base
            yield to_base(quantity.low), to_base(quantity.high), group


def _differ(groups: Sequence[Group]) -> bool:
    """Tell whether there are different numbers, not only one that is a bound here, or denied."""
    return len({group.quantity.key[2:] for group in groups if group.quantity}) > 1


def _spread(kind: str, setting: tuple[str, ...], groups: Sequence[Group]) -> Spread:
    """Lay numbers of one kind, and their intervals, on a common scale."""
    measured = [(group, group.quantity) for group in groups if group.quantity]
    values = [
        q.unit.to_base(value) for _, q in measured for value in (q.low, q.high, *(q.interval or ()))
    ]
    low, length = min(values), max(values) - min(values)

    def place(value: float, unit: Unit) -> float:
        return round(100 * (unit.to_base(value) - low) / length, 1)

    points = [
        Point(
            group,
            place(q.low, q.unit),
            place(q.high, q.unit),
            (place(q.interval[0], q.unit), place(q.interval[1], q.unit)) if q.interval else None,
        )
        for group, q in measured
    ]
    points.sort(key=lambda point: (point.low, point.high))
    least = min(measured, key=lambda one: one[1].unit.to_base(one[1].low))[1]
    greatest = max(measured, key=lambda one: one[1].unit.to_base(one[1].high))[1]
    return Spread(kind, setting, str(least.least), str(greatest.greatest), tuple(points))
