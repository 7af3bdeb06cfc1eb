"""Measures the searches alone: does a passage that answers come back, and how far up."""

import argparse
import csv
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import ir_measures
from ir_measures import Judged, Measure, Qrel, R, ScoredDoc, Success, nDCG
from tqdm import tqdm

from index.corpora.squad import GoldQuestion, answered
from index.hybrid import Question
from index.types import CorpusError
from scripts.arguments import some_path
from scripts.pairs import gold_passages
from service.answering import Answerer
from service.loading import load_answerer
from service.settings import Settings

DEPTHS = (1, 5, 10, 20, 50, 100)
_NOWHERE = -1  # no passage's id: a question without a right passage waits for it, in vain
_PER_PAPER = 10  # passages that are looked at for each paper of a ranking of papers

Search = Callable[[Question, int], list[int]]
"""A question and a number of passages to the ids of the best, best first."""


@dataclass(frozen=True, slots=True)
class RetrievalFigures:
    """Quality of each search over `n` questions or topics, by mode and then by measure, in [0, 1].

    For questions, "recall@k" is the share of them for which one of the first k passages is of the
    right paper and holds a gold answer, word for word. For topics it is the mean share of the
    relevant papers that are among the first k, each paper standing where its best passage does.
    "judged@10" is the share of the first 10 papers that somebody judged at all; "nDCG@10" counts
    the others as irrelevant, and "nDCG'@10" leaves them out before it counts to 10 (Sakai, 2007).
    `answerable` of them have a right passage in the index, or a relevant paper among the judged.
    """

    n: int
    answerable: int
    what: str
    index_version: str
    encoder: str
    modes: dict[str, dict[str, float]]
    median_ms: dict[str, float]


def of_questions(answerer: Answerer, questions: Sequence[GoldQuestion]) -> RetrievalFigures:
    """Measure whether the passage that holds the gold answer is found."""
    gold = [
        Qrel(str(number), str(id_), 1)
        for number, question in enumerate(questions)
        for id_ in gold_passages(answerer, question) or [_NOWHERE]
    ]
    measures = {**{f"recall@{k}": Success @ k for k in DEPTHS}, "nDCG@10": nDCG @ 10}
    asked = [question.question for question in questions]
    return _figures(answerer, "questions", asked, gold, measures)


def of_topics(
    answerer: Answerer, topics: Sequence[tuple[str, str]], judged: Sequence[Qrel]
) -> RetrievalFigures:
    """Measure the ranking of papers for topics, (number, question) each, against judgments."""
    place = {topic: str(number) for number, (topic, _) in enumerate(topics)}
    gold = [Qrel(place[q.query_id], q.doc_id, q.relevance) for q in judged if q.query_id in place]
    measures = {
        **{f"recall@{k}": R @ k for k in DEPTHS},
        "nDCG@10": nDCG @ 10,
        "judged@10": Judged @ 10,
        "nDCG'@10": nDCG(judged_only=True) @ 10,
    }
    asked = [question for _, question in topics]
    return _figures(answerer, "topics", asked, gold, measures, papers=True)


def searches(answerer: Answerer) -> dict[str, Search]:
    """Return the ways to search: each of the two searches alone, and both by retrieval score."""
    index = answerer.index

    def hybrid(question: Question, k: int) -> list[int]:
        found = index.candidates(question)
        places, _ = answerer.best(question, found, k)
        return list(found.ids[places].tolist())

    return {
        "dense": lambda question, k: [hit.passage_id for hit in index.by_meaning(question, k)],
        "bm25": lambda question, k: [hit.passage_id for hit in index.by_words(question, k)],
        "hybrid": hybrid,
    }


def _figures(
    answerer: Answerer,
    what: str,
    questions: Sequence[str],
    gold: Sequence[Qrel],
    measures: dict[str, Measure],
    *,
    papers: bool = False,
) -> RetrievalFigures:
    modes: dict[str, dict[str, float]] = {}
    took: dict[str, float] = {}
    encoded = [answerer.encode(question) for question in tqdm(questions, desc="encoding")]
    for mode, search in searches(answerer).items():
        run: list[ScoredDoc] = []
        times = []
        for number, question in enumerate(encoded):
            started = time.perf_counter()
            ids = search(question, max(DEPTHS) * (_PER_PAPER if papers else 1))
            times.append(1000 * (time.perf_counter() - started))
            found = _papers(answerer, ids) if papers else [str(id_) for id_ in ids]
            run += [
                ScoredDoc(str(number), document, -float(rank))
                for rank, document in enumerate(found[: max(DEPTHS)], 1)
            ]
        values = ir_measures.calc_aggregate(list(measures.values()), gold, run)
        modes[mode] = {name: round(float(values[m]), 4) for name, m in measures.items()}
        took[mode] = round(statistics.median(times), 2)
    asked = set(map(str, range(len(questions))))
    right = {one.query_id for one in gold if one.relevance > 0 and one.doc_id != str(_NOWHERE)}
    source = answerer.source
    return RetrievalFigures(
        len(questions),
        len(asked & right),
        what,
        source.index_version,
        source.encoder,
        modes,
        took,
    )


def _papers(answerer: Answerer, ids: Sequence[int]) -> list[str]:
    return list(dict.fromkeys(passage.cord_uid for passage in answerer.index.passages(ids)))


def table(figures: RetrievalFigures) -> str:
    """Return the figures for people to read, a line a mode."""
    names = list(next(iter(figures.modes.values())))
    head = f"{figures.n} {figures.what}"
    lines = [f"{head:<16}" + "".join(f"{name:>12}" for name in names) + f"{'ms':>8}"]
    lines += [
        f"{mode:<16}"
        + "".join(f"{values[name]:>12.3f}" for name in names)
        + f"{figures.median_ms[mode]:>8.1f}"
        for mode, values in figures.modes.items()
    ]
    right = "passage in the index" if figures.what == "questions" else "paper among the judged"
    lines.append(f"{figures.answerable} of them have a right {right}")
    return "\n".join(lines)


def read_topics(path: Path) -> list[tuple[str, str]]:
    """Return the topics, (number, question) each, of a tab-separated file with these columns.

    Raises CorpusError where it cannot be read or has no such columns.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        return [(row["topic"].strip(), row["question"].strip()) for row in rows]
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}") from error
    except (KeyError, AttributeError, ValueError, csv.Error) as error:  # None: a line too short
        raise CorpusError(
            f"{path} is not a file of topics: a tab-separated file with the columns topic and "
            "question is expected"
        ) from error


def read_judgments(path: Path) -> list[Qrel]:
    """Return TREC judgments: "topic 0 cord_uid grade" a line. Raises CorpusError."""
    try:
        return list(ir_measures.read_trec_qrels(str(path)))  # type: ignore[no-untyped-call] # not typed
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CorpusError(f"{path} is not a file of TREC judgments: {error}") from error


def add_arguments(arguments: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = arguments.add_argument
    add("--questions", type=some_path, metavar="FILE", help="SQuAD format, with cord_uid")
    add("--topics", type=some_path, metavar="FILE", help="TREC-COVID topics, tab-separated")
    add("--qrels", type=some_path, metavar="FILE", help="the judgments of these topics")


def run(options: argparse.Namespace, settings: Settings) -> str:
    """Measure, and return what to print. Raises CorpusError and StartError."""
    if bool(options.topics) != bool(options.qrels) or bool(options.topics) == bool(
        options.questions
    ):
        raise CorpusError("give --questions, or --topics together with --qrels")
    if options.questions:
        questions = answered(options.questions, options.limit)
        answerer = load_answerer(settings)
        figures = of_questions(answerer, questions)
        if not figures.answerable:
            raise CorpusError(
                f"no question of {options.questions} has a right passage in the index: they need "
                "the cord_uid of their paper, and an index that holds these papers"
            )
    else:
        judged = read_judgments(options.qrels)
        named = {judgment.query_id for judgment in judged}
        topics = [topic for topic in read_topics(options.topics) if topic[0] in named]
        if not topics:
            raise CorpusError(f"{options.qrels} judges none of the topics in {options.topics}")
        figures = of_topics(load_answerer(settings), topics[: options.limit], judged)
    return json.dumps(asdict(figures), indent=2) if options.json else table(figures)
