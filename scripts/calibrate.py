"""Fits what turns raw scores into probabilities, on questions with known answers.

Three calibrations, each a logistic regression: of a candidate's features to the probability that it
answers (retrieval), of a span's score and its passage's to the probability that the span is right
(reader), and of a whole question's passages to the probability that these papers hold no answer.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from index.corpora.squad import GoldQuestion, answered, read_squad
from index.types import CorpusError, IndexingError
from models.contracts import ModelError
from models.loading import reader_folder
from scripts.arguments import at_least, command, some_path
from scripts.calibration_samples import (
    no_answer_samples,
    read_all,
    reader_samples,
    retrieval_samples,
    span_range,
)
from scripts.samples import FOLDS, Samples
from scripts.served import add_served_index, settings_with
from scripts.training_runs import replacing
from service.answering import Answerer
from service.calibrations import Calibrations, ReaderCalibration
from service.fitted import (
    BESIDE,
    FITTED_WITH,
    NO_ANSWER_CALIBRATION,
    READER_CALIBRATION,
    READER_ON_INDEX,
    RETRIEVAL_CALIBRATION,
    shipped_calibrations,
)
from service.loading import load_models, snapshot
from service.settings import Settings, StartError
from service.types import Source

_SEED = 0


@dataclass(frozen=True, slots=True)
class CalibrationQuestions:
    """What is asked: questions to fit the retrieval and the reader to, and others of no paper here.

    The last two are also what the probability of no answer is fitted to.
    """

    of_retrieval: Sequence[GoldQuestion]
    not_of_retrieval: Sequence[GoldQuestion]
    of_reader: Sequence[GoldQuestion]
    off_topic: Sequence[GoldQuestion]


def flagged(samples: Samples, threshold: float) -> str:
    """Say how many questions of held-out folds are said to have no answer at a threshold."""
    above = samples.held_out > threshold
    on_topic, off_topic = above[samples.outcomes == 0].mean(), above[samples.outcomes == 1].mean()
    return f"flagged above {threshold:g}: {off_topic:.1%} off topic, {on_topic:.1%} on topic"


def _expect_both(samples: Samples, what: str, option: str) -> None:
    """Raise CorpusError where all are right, or all wrong: there is nothing to tell them by."""
    right = int(samples.outcomes.sum())
    if not 0 < right < len(samples.outcomes):
        raise CorpusError(
            f"{'every' if right else 'no'} {what} that was found for the questions of {option} is "
            "right: give more of them, and an index of the papers that they are about"
        )


def _papers(path: Path) -> frozenset[str]:
    """Return the cord_uids of a JSON list. Raises CorpusError."""
    try:
        return frozenset(map(str, json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, TypeError) as error:
        raise CorpusError(f"{path} is not a JSON list of cord_uids: {error}") from error


def _drawn(questions: Iterable[GoldQuestion], count: int) -> list[GoldQuestion]:
    """Return at most `count` questions, drawn at random but every time the same."""
    every = list(questions)
    places = np.random.default_rng(_SEED).permutation(len(every))[:count]
    return [every[place] for place in places]


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command("calibrate", __doc__, as_written=True)
    add = arguments.add_argument
    add_served_index(arguments)
    add(
        "--retrieval-questions",
        type=some_path,
        required=True,
        metavar="FILE",
        help="SQuAD format with cord_uid: questions that the retrieval is fitted to",
    )
    add(
        "--papers",
        type=some_path,
        metavar="FILE",
        help="a JSON list of cord_uids: of the retrieval's questions only those about these "
        "papers, which the encoder was not trained on (scripts/train_encoder.py --hold-out)",
    )
    add(
        "--questions",
        type=some_path,
        required=True,
        metavar="FILE",
        help="likewise: questions that the reader is fitted to; it must not be trained on them",
    )
    add(
        "--off-topic",
        type=some_path,
        required=True,
        metavar="FILE",
        help="SQuAD format: as many questions are drawn from it that these papers cannot answer",
    )
    add(
        "--retrieval-off-topic",
        type=some_path,
        required=True,
        metavar="FILE",
        help="SQuAD format: a quarter as many as the retrieval's questions are drawn from it",
    )
    add("--limit", type=at_least(10), metavar="N", help="only the first N questions of each file")
    add(
        "--write",
        choices=["index", "shipped"],
        help="store the calibrations beside the index, for this index and these models alone, or "
        "where the shipped ones lie, the reader's in its own folder",
    )
    return arguments


def calibration_questions(options: argparse.Namespace) -> CalibrationQuestions:
    """Return all questions that are asked.

    Raises CorpusError where a file can't be read or has too few.
    """
    papers = _papers(options.papers) if options.papers else None
    of_retrieval = [
        gold
        for gold in read_squad(options.retrieval_questions)
        if gold.answers and (papers is None or gold.cord_uid in papers)
    ][: options.limit]
    if not of_retrieval:
        about = f" about the papers of {options.papers}" if options.papers else ""
        raise CorpusError(f"{options.retrieval_questions} has no question with an answer{about}")
    questions = answered(options.questions, options.limit)
    off_topic = _drawn(read_squad(options.off_topic), len(questions))
    for few, file in (
        (of_retrieval, options.retrieval_questions),
        (questions, options.questions),
        (off_topic, options.off_topic),
    ):
        if len(few) < FOLDS:
            raise CorpusError(f"{file} has {len(few)} questions to use: {FOLDS} are the fewest")
    others = _drawn(read_squad(options.retrieval_off_topic), len(of_retrieval) // 4)
    return CalibrationQuestions(of_retrieval, others, questions, off_topic)


def fit_all(answerer: Answerer, asked: CalibrationQuestions, threshold: float) -> Calibrations:
    """Fit the three calibrations, each with those before it, and print how good they are.

    Raises CorpusError where the questions are too few, or too much alike, to fit one.
    """
    retrieval = retrieval_samples(answerer, asked.of_retrieval, asked.not_of_retrieval)
    _expect_both(retrieval, "passage", "--retrieval-questions")
    print(retrieval.report("retrieval"))
    answerer = answerer.recalibrated(replace(answerer.calibrations, retrieval=retrieval.fit()))

    on_topic_read = read_all(answerer, asked.of_reader)
    off_topic_read = read_all(answerer, asked.off_topic)
    within = span_range(on_topic_read)
    reader = reader_samples(asked.of_reader, on_topic_read, within)
    _expect_both(reader, "answer", "--questions")
    print(reader.report("reader"))
    print(reader.reliability())
    no_answer = no_answer_samples(on_topic_read, off_topic_read)
    print(no_answer.report("no answer"))
    print(flagged(no_answer, threshold))
    return Calibrations(retrieval.fit(), ReaderCalibration(reader.fit(), within), no_answer.fit())


def _targets(where: str, settings: Settings, answerer: Answerer) -> tuple[Path, Path]:
    """Return the folder of two calibrations, and the file of the reader's.

    Raises CorpusError where they cannot be written: now, not after minutes of fitting.
    """
    if where == "index":
        folder = settings.index / BESIDE
        of_reader, written = folder / READER_ON_INDEX, [settings.index]
    else:
        folder = shipped_calibrations(answerer.index.features)
        of_reader = reader_folder(settings.reader) / READER_CALIBRATION
        written = [folder, of_reader.parent]
    for one in written:
        if not os.access(one, os.W_OK):
            raise CorpusError(
                f"{one} cannot be written to: copy it to where it can, or change that"
            )
    return folder, of_reader


def _save(fitted: Calibrations, folder: Path, of_reader: Path) -> None:
    fitted.retrieval.save(folder / RETRIEVAL_CALIBRATION)
    fitted.no_answer.save(folder / NO_ANSWER_CALIBRATION)
    fitted.reader.save(of_reader)


def _save_beside(fitted: Calibrations, beside: Path, source: Source) -> None:
    """Write all three into a folder beside the index, and for which models they are."""
    with replacing(beside) as folder:
        _save(fitted, folder, folder / READER_ON_INDEX)
        named = json.dumps({"encoder": source.encoder, "reader": source.reader}, indent=2)
        (folder / FITTED_WITH).write_text(named + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    try:
        settings = settings_with(options.index)
        asked = calibration_questions(options)
        answerer = snapshot(settings, load_models(settings), None)
        if options.write:
            folder, of_reader = _targets(options.write, settings, answerer)
        fitted = fit_all(answerer, asked, settings.no_answer_threshold)
    except (CorpusError, IndexingError, ModelError, OSError, StartError) as error:
        print(f"calibrate: {error}", file=sys.stderr)
        return 1
    if not options.write:
        return 0
    try:
        if options.write == "index":
            _save_beside(fitted, folder, answerer.source)
            print(f"written to {folder}")
        else:
            _save(fitted, folder, of_reader)
            print(f"written to {folder} and {of_reader}")
    except OSError as error:
        print(f"calibrate: not all was written: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
