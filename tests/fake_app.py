"""The real web application with an answerer that needs no models: `tests.fake_app:application`.

Its answers are fixed; a question that contains "nothing" finds nothing, and one that contains
"unsure" is unlikely to have an answer.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from zlib import crc32

import numpy as np

from index.filters import Facet, Facets
from index.types import Paper, Passage
from models.contracts import FloatArray
from service.app import create_app
from service.fusion import reweighed, without_repeats
from service.settings import Settings
from service.types import Answer, AnswerList, Query, Source, Timings

log = logging.getLogger(__name__)


def make_paper(**changes: str) -> Paper:
    fields = {
        "cord_uid": "ug7v899j",
        "title": "How long COVID-19 incubates (Lauer et al., 2020)",
        "authors": "Lauer, Stephen A.; Grantz, Kyra H.; Bi, Qifang; Jones, Forrest K.; Zheng, Qulu",
        "journal": "Annals of Internal Medicine",
        "publish_time": "2020-03-10",
        "doi": "10.7326/M20-0504",
        "pmcid": "",
        "pubmed_id": "",
        "url": "https://example.org/paper",
        "license": "cc-by",
        "source": "PMC",
    }
    return Paper(**(fields | changes))


def make_answer(
    paper: Paper, section: str, marked: str, reader: float = 0.5, retrieval: float = 0.5
) -> Answer:
    """Build the answer that `[[` and `]]` enclose in a passage's text, for weight 0.5."""
    before, rest = marked.split("[[")
    text, after = rest.split("]]")
    passage_text = before + text + after
    return Answer(
        text=text,
        passage=Passage(
            id=crc32(passage_text.encode()) % 1_000_000,
            cord_uid=paper.cord_uid,
            section=section,
            text=passage_text,
            start=0,
            end=len(passage_text),
        ),
        paper=paper,
        start=len(before),
        end=len(before) + len(text),
        reader_score=reader,
        retrieval_score=retrieval,
        final_score=(reader + retrieval) / 2,
    )


ANSWERS = (
    make_answer(
        make_paper(),
        "Findings",
        "The analysis pooled 181 confirmed cases with an identifiable window of exposure and of "
        "symptom onset, reported outside Hubei before the end of February 2020. The median "
        "incubation period of COVID-19 was estimated to be [[5.1 days (95% CI, 4.5 to 5.8 days)]], "
        "and 97.5% of those who develop symptoms do so within 11.5 days of infection. Under "
        "conservative assumptions about 101 of every 10,000 cases would develop symptoms after 14 "
        "days of active monitoring or quarantine, which supports the length of the quarantine "
        "that health authorities then recommended.",
        0.94,
        0.81,
    ),
    make_answer(
        make_paper(
            cord_uid="li425aaa",
            title="Early transmission dynamics of a novel coronavirus in Wuhan: incubation, serial "
            "interval and doubling time of the first 425 patients (Li et al., 2020)",
            authors="Li, Qun; Guan, Xuhua",
            journal="New England Journal of Medicine",
            publish_time="2020-01-29",
            doi="10.1056/NEJMoa2001316",
            license="no-cc",
        ),
        "Abstract",
        "Among the first 425 patients with confirmed infection the median age was 59 years and 56% "
        "were male. The [[mean incubation period was 5.2 days]] with a 95th percentile of 12.5 "
        "days. In its early stages the epidemic doubled in size every 7.4 days.",
        0.88,
        0.74,
    ),
    make_answer(
        make_paper(
            cord_uid="backer88",
            title="Incubation of travellers from Wuhan",
            authors="Backer, Jantien A.",
            journal="",
            publish_time="2020-02",
            doi="",
            license="",
        ),
        "",
        "Using the travel history and symptom onset of 88 confirmed cases the mean incubation "
        "period was estimated at [[6.4 days]], ranging from 2.1 to 11.1 days.",
        0.71,
        0.7,
    ),
    make_answer(
        make_paper(
            cord_uid="little00",
            title="A record that says little",
            authors="",
            journal="",
            publish_time="",
            doi="not a doi",
            url="javascript:alert(1)",
            license="",
        ),
        "Discussion",
        "[[Fourteen days]] of quarantine were usual.",
        0.12,
        0.33,
    ),
)


SOURCE = Source("2021-01-05T10:00Z", 62, 1204, "all-MiniLM-L6-v2", "covidquest", "cpu")
FACETS = Facets(
    sources=(Facet("Medline", 7_846), Facet("PMC", 5_451), Facet("WHO", 19)),
    journals=(Facet("PLoS One", 524), Facet("Annals of Internal Medicine", 2)),
)


@dataclass
class FakeAnswerer:
    """Answers every question with the same answers, or with `error` if there is one.

    Each takes so many `seconds`, and is logged.

    No paper is in the journal "Nowhere"; whatever else is filtered by changes nothing. Sentences
    are alike when they begin with the same letter, unless there is a `busy` error.
    """

    answers: tuple[Answer, ...] = ANSWERS
    error: Exception | None = None
    facets: Facets = FACETS
    unread: float | None = None
    seconds: float = 0.0
    busy: Exception | None = None

    def answer(self, query: Query) -> AnswerList:
        log.info("asked %s", query.question)
        time.sleep(self.seconds)
        if self.error:
            raise self.error
        searched = 0 if "Nowhere" in query.filters.journals else 1204
        nothing = "nothing" in query.question or not searched
        read = () if nothing else tuple(reweighed(self.answers, query.weight))
        return AnswerList(
            query=query,
            answers=tuple(islice(without_repeats(read), query.top_k)),
            no_answer_probability=0.9 if "unsure" in query.question else 0.1,
            passages_searched=searched,
            source=SOURCE,
            took_ms=Timings(encode=9.1, retrieve=3.2, read=310.4, total=324.0),
            read=read,
            unread=self.unread,
            did_you_mean=query.question.replace("peroid", "period")
            if "peroid" in query.question
            else None,
            unknown_words=tuple(word for word in ("xylitol", "yttrium") if word in query.question),
        )

    def passage(self, passage_id: int) -> tuple[Passage, Source]:
        passages = {answer.passage.id: answer.passage for answer in self.answers}
        return passages[passage_id], SOURCE

    def sentence_vectors(self, texts: Sequence[str]) -> FloatArray:
        if self.busy:
            raise self.busy
        vectors = np.zeros((len(texts), 256), np.float32)
        vectors[range(len(texts)), [ord(text[0]) % 256 for text in texts]] = 1
        return vectors


application = create_app(Settings(), FakeAnswerer())
