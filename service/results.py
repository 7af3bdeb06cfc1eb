"""What the page shows of the answers to a question. No HTML here."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode

import numpy as np

from index.keywords import STOPWORDS
from models.contracts import FloatArray
from service.cards import Card
from service.chips import Chip, Fields, chips, exact, fields_of, unknown_names, without_filters
from service.evidence import Evidence, evidence_of
from service.standing import STEADY, Standing
from service.types import NO_MATCH, WIDEN, AnswererProtocol, AnswerList, BusyError

STEADY_NAME = f"Top {STEADY} at any weight"
_FEWEST_WORDS = 5  # of a question, from which on an English one has one such as "the"


@dataclass(frozen=True, slots=True)
class Results:
    """The answers, the cards that other weights may bring up, and what stands around them.

    `complete` are the weights at which the page can rank the cards by itself (see `Standing`).
    `permalink` asks the same again. `made_with` is the version of the index that the link was made
    with which is looked at, if that is not the one that answered; else it is empty. `meant` asks
    the question as it seems to be meant, if words of it are misspelt.
    """

    found: AnswerList
    cards: list[Card]
    more: list[Card]
    complete: str
    evidence: Evidence
    chips: list[Chip]
    without_filters: Fields
    permalink: Fields
    asked: Fields
    notice: str
    made_with: str
    meant: Fields | None

    @property
    def is_hard_to_read(self) -> bool:
        """Tell whether the question's words seem to be misspelt, or of another language."""
        found, words = self.found, re.findall(r"[^\W\d_]+", self.found.query.question.lower())
        foreign = len(words) >= _FEWEST_WORDS and STOPWORDS.isdisjoint(words)
        return bool(found.did_you_mean or found.unknown_words or foreign)

    @property
    def query_string(self) -> str:
        """The fields that ask the same again, as an address takes them."""
        return urlencode(self.asked, doseq=True)

    @classmethod
    def of(
        cls, found: AnswerList, answerer: AnswererProtocol, *, version: str, threshold: float
    ) -> Self:
        """Prepare what was found by `answerer`. `version` is that of a permalink, or empty.

        Only likely answers are evidence, and none where no answer is likelier than `threshold`.
        """
        standing = Standing.of(found)
        served = found.source.index_version
        cards = [
            Card.of(
                rank,
                answer,
                found.query.weight,
                question=found.query.question,
                steady=answer.passage.id in standing.steady,
                told=standing.told[answer.passage.id],
            )
            for rank, answer in enumerate((*found.answers, *standing.more), start=1)
        ]
        shown = len(found.answers)
        reliable = () if found.unreliable(threshold) else found.likely
        asked = fields_of(found.query)
        return cls(
            found=found,
            cards=cards[:shown],
            more=cards[shown:],
            complete=" ".join(map(exact, standing.complete)),
            evidence=evidence_of(reliable, _vectors_of(answerer), found.query.question),
            chips=chips(found.query),
            without_filters=without_filters(found.query),
            permalink=asked | {"index": served},
            asked=asked,
            notice=_notice(found, answerer),
            made_with=version if version != served else "",
            meant=asked | {"question": found.did_you_mean} if found.did_you_mean else None,
        )


def _vectors_of(answerer: AnswererProtocol) -> Callable[[Sequence[str]], FloatArray]:
    def vectors(texts: Sequence[str]) -> FloatArray:
        try:
            return answerer.sentence_vectors(texts)
        except BusyError:  # the answers are there: they are shown, grouped by their words alone
            return np.zeros((len(texts), 1), np.float32)

    return vectors


def _notice(found: AnswerList, answerer: AnswererProtocol) -> str:
    """Return what to say where there is no answer: why, and the way on."""
    if found.passages_searched:
        return found.nothing
    filters, facets = found.query.filters, answerer.facets
    among = _not_among("sources", "list", unknown_names(filters.sources, facets.sources))
    among += _not_among("journals", "suggest", unknown_names(filters.journals, facets.journals))
    return f"{NO_MATCH}{among} {WIDEN}"


def _not_among(names: str, offer: str, unknown: list[str]) -> str:
    quoted = " and ".join(f"“{name}”" for name in unknown)
    return f" The {names} that the filters {offer} do not include {quoted}." if unknown else ""
