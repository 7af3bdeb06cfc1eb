"""Fits what chooses among a reader's best spans to which of them are right.

A linear model of some two hundred features and of the reader's last hidden states, by a softmax
over the spans of each question. The figures are of questions whose texts were left out of the fit.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize  # type: ignore[import-untyped] # it has none
from tqdm import tqdm

from index.types import CorpusError
from models.contracts import ModelError
from models.loading import DEFAULT, reader_folder
from models.onnx.files import AGAIN
from models.onnx.reader import OnnxReader
from models.span_choice import CANDIDATES, STATES, SpanChoice
from models.span_features import FEATURES, span_features
from models.spans import SpanCandidate
from scripts.arguments import at_least, command
from scripts.export_onnx import near_answer
from scripts.gold_questions import readable
from scripts.metrics import exact_match, f1
from scripts.training_runs import Source, source

_FOLDS = 5
_PENALTY = 0.03  # on the squared weights of features in units of their deviation
_SHRUNK = 2.2  # deviations of the states, which are many, that weigh as much as one of a feature
_ALIKE = 0.3  # what F1 counts beside an exact match
_AT_ONCE = 64  # questions

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lists:
    """The spans of n questions, m of each at most: what they are like, and how right.

    `values` has shape (n, m, features), those of FEATURES and then the states', first, last and
    mean; `exact` and `f1` have (n, m), `there` tells which are spans.
    `texts`, shape (n,), numbers the questions' texts, and `weights`, shape (n,), says what each
    question counts.
    """

    values: NDArray[np.float32]
    exact: FloatArray
    f1: FloatArray
    there: NDArray[np.bool_]
    texts: NDArray[np.int64]
    weights: FloatArray

    def of(self, rows: NDArray[np.bool_]) -> "Lists":
        """Return some of the questions."""
        return Lists(*(getattr(self, name)[rows] for name in self.__slots__))

    def figures(self, places: NDArray[np.int64]) -> tuple[float, float]:
        """Return exact match and F1 in percent when these spans are taken, shape (n,)."""
        rows = np.arange(len(places))
        return (
            100 * float(self.exact[rows, places].mean()),
            100 * float(self.f1[rows, places].mean()),
        )

    def chosen(self, weights: FloatArray) -> NDArray[np.int64]:
        """Return the place of each question's best span, by weights of features."""
        scores = np.where(self.there, self.values @ weights, -np.inf)
        places: NDArray[np.int64] = scores.argmax(1)
        return places


def lists_of(reader: OnnxReader, one: Source, limit: int | None, numbers: dict[str, int]) -> Lists:
    """Have a reader mark the best spans of each question's own text, near its answer if it is long.

    `numbers` are those of the texts of all files, to which new ones are added.

    Raises CorpusError where a file can't be read or has no question with an answer, and ModelError
    where the reader gives no states.
    """
    asked = readable(one.path, limit)
    values, exact, likeness, texts = [], [], [], []
    for begin in tqdm(range(0, len(asked), _AT_ONCE), desc=one.path.name, mininterval=1):
        some = asked[begin : begin + _AT_ONCE]
        contexts = [near_answer(gold) for gold in some]
        pairs = [(gold.question, text) for gold, text in zip(some, contexts, strict=True)]
        for gold, text, spans in zip(some, contexts, reader.candidates(pairs), strict=True):
            if not spans:
                continue
            answers = [text[span.start : span.end] for span in spans]
            values.append(_values(gold.question, text, spans))
            exact.append([float(exact_match(answer, gold.answers)) for answer in answers])
            likeness.append([f1(answer, gold.answers) for answer in answers])
            texts.append(numbers.setdefault(gold.context, len(numbers)))
    if not values:
        raise CorpusError(f"{one.path} has no text in which the reader marks a span")
    there = np.array([[n < len(rows) for n in range(CANDIDATES)] for rows in values])
    padded = np.zeros((len(values), CANDIDATES, values[0].shape[1]), np.float32)
    right, alike = np.zeros(there.shape), np.zeros(there.shape)
    for row, (some_values, some_exact, some_f1) in enumerate(
        zip(values, exact, likeness, strict=True)
    ):
        padded[row, : len(some_values)] = some_values
        right[row, : len(some_exact)] = some_exact
        alike[row, : len(some_f1)] = some_f1
    weights = np.full(len(values), one.passes)
    return Lists(padded, right, alike, there, np.array(texts), weights)


def _values(question: str, text: str, spans: Sequence[SpanCandidate]) -> NDArray[np.float32]:
    """Return what a fit sees of some spans, shape (spans, features and states)."""
    states = [span.states.ravel() for span in spans if span.states is not None]
    if len(states) < len(spans):
        raise ModelError(f"the reader's graph gives no states to choose by: {AGAIN}")
    return np.hstack([span_features(question, text, spans), np.stack(states)]).astype(np.float32)


def joined(sets: Sequence[Lists]) -> Lists:
    """Return all questions of several sets."""
    return Lists(
        *(np.concatenate([getattr(one, name) for one in sets]) for name in Lists.__slots__)
    )


def fit(lists: Lists) -> FloatArray:
    """Return the weight of each feature and state, shape (features,).

    They maximise the likelihood of the right spans, each as far as it is right; questions of which
    none is right tell nothing. Raises CorpusError where none is right at all.
    """
    wanted = (lists.exact + _ALIKE * lists.f1) * lists.there
    known = wanted.sum(1) > 0
    if not known.any():
        raise CorpusError("no span that the reader marks is right: give other questions, or more")
    wanted = wanted[known] / wanted[known].sum(1, keepdims=True)
    there, counted = lists.there[known], lists.weights[known] / lists.weights[known].sum()
    values = lists.values[known][there]
    unit = values.std(0) + 1e-3
    if len(unit) > len(FEATURES):
        unit[len(FEATURES) :] = _SHRUNK * unit[len(FEATURES) :].mean()
    values /= unit

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        scores = np.full(there.shape, -np.inf)
        scores[there] = values @ weights.astype(np.float32)
        logs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        lost = -(wanted * np.where(there, logs, 0)).sum(1) @ counted
        away = ((np.exp(logs) - wanted) * counted[:, None])[there]
        gradient = away.astype(np.float32) @ values + 2 * _PENALTY * weights
        return float(lost + _PENALTY * weights @ weights), gradient

    found = minimize(
        loss, np.zeros(len(unit)), jac=True, method="L-BFGS-B", options={"maxiter": 500}
    )
    weights: FloatArray = found.x / unit
    return weights


def choice(model: str, weights: FloatArray) -> SpanChoice:
    """Return the choice that a fit's weights make, for the reader of a name."""
    states = weights[len(FEATURES) :].reshape(len(STATES), -1)
    return SpanChoice(
        model, tuple(weights[: len(FEATURES)].tolist()), tuple(map(tuple, states.tolist()))
    )


def held_out(sets: Sequence[Lists]) -> list[tuple[float, float]]:
    """Return exact match and F1 of each set, each question chosen for without its text's fold.

    Raises CorpusError where there are fewer texts than folds.
    """
    if len(np.unique(joined(sets).texts)) < _FOLDS:
        raise CorpusError(
            f"give questions of {_FOLDS} texts at least, to fit to some and test on others"
        )
    places = [np.zeros(len(one.texts), np.int64) for one in sets]
    for fold in range(_FOLDS):
        weights = fit(joined([one.of(one.texts % _FOLDS != fold) for one in sets]))
        for one, chosen in zip(sets, places, strict=True):
            rows = one.texts % _FOLDS == fold
            chosen[rows] = one.of(rows).chosen(weights)
    return [one.figures(chosen) for one, chosen in zip(sets, places, strict=True)]


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command("fit_spans", __doc__)
    add = arguments.add_argument
    add(
        "--questions",
        type=source(),
        action="append",
        required=True,
        metavar="FILE[=WEIGHT]",
        help="SQuAD format; each question counts WEIGHT (default: 1). Give it again for more files",
    )
    add("--reader", default=DEFAULT, metavar="DIR_OR_ID", help="the reader (default: the shipped)")
    add("--limit", type=at_least(10), metavar="N", help="only the first N questions of each file")
    add("--write", action="store_true", help="write the choice into the reader's folder")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    try:
        folder = reader_folder(options.reader)
        reader = OnnxReader(folder, choosing=False)  # what was fitted before may be outdated
        numbers: dict[str, int] = {}
        sets = [lists_of(reader, one, options.limit, numbers) for one in options.questions]
        figures = held_out(sets)
    except (CorpusError, ModelError) as error:
        print(f"fit_spans: {error}", file=sys.stderr)
        return 1
    print(f"{'':<28}{'questions':>10}{'best: EM':>10}{'F1':>7}{'chosen: EM':>12}{'F1':>7}")
    for one, lists, after in zip(options.questions, sets, figures, strict=True):
        before = lists.figures(np.zeros(len(lists.texts), np.int64))
        columns = f"{before[0]:>10.1f}{before[1]:>7.1f}{after[0]:>12.1f}{after[1]:>7.1f}"
        print(f"{one.path.name:<28}{len(lists.texts):>10,}{columns}")
    if options.write:
        try:
            choice(reader.name, fit(joined(sets))).save(folder)
        except (ModelError, OSError) as error:
            print(f"fit_spans: nothing was written: {error}", file=sys.stderr)
            return 1
        print(f"written to {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
