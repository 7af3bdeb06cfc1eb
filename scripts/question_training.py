"""The loop that trains a question generator; windows are cut and tokenised meanwhile (torch)."""

import argparse
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from index.corpora.squad import GoldQuestion
from index.types import CorpusError
from models.contracts import IntArray
from models.question_generation import QUESTION_TOKENS, QuestionGenerator, columns_for
from models.question_learning import QuestionBatch, batch_of, question_loss
from models.training import Training, adamw, expect_finite
from scripts.gold_questions import learnable
from scripts.reader_examples import Asked, Draw, planned, with_answer
from scripts.training_course import RunLog, rate_after, share_done
from scripts.training_runs import Source

_Made = TypeVar("_Made")

SHORTEST, LONGEST = 60, 150
"""Words of a window: those of an index's passages, and some more."""

_POOL = 4096  # windows that are cut and sorted by length together
_AHEAD = 3  # pools


def asked_of(sources: Sequence[Source]) -> list[Asked]:
    """Read each file's questions that have an answer. Raises CorpusError where there is none."""
    found = []
    for one in sources:
        questions = [gold for gold in learnable(one.path) if gold.question]
        if not questions:
            raise CorpusError(f"{one.path} has no question with a text")
        print(f"{one.path.name}: {len(questions):,} questions, {one.passes:g} passes", flush=True)
        found.append(Asked(questions, wrong=(), passes=one.passes, own=0.0, mined=0.0))
    return found


def window_of(gold: GoldQuestion, seed: int) -> str:
    """Return 60 to 150 words of a question's context that hold an answer."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    return with_answer(gold, SHORTEST, LONGEST, chance).context


def batches_of(
    passages: Sequence[IntArray], questions: Sequence[IntArray], tokens: int, seed: int
) -> list[QuestionBatch]:
    """Return batches of like lengths, of at most `tokens` columns in all, in a random order."""
    sizes = [
        (columns_for(len(passage) + 2), columns_for(len(question) + 1))
        for passage, question in zip(passages, questions, strict=True)
    ]
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    groups: list[list[int]] = []
    widest = 0  # columns of a question
    for place in order:
        widest = max(widest, sizes[place][1])
        if not groups or (len(groups[-1]) + 1) * (sizes[place][0] + widest) > tokens:
            groups.append([])
            widest = sizes[place][1]
        groups[-1].append(place)
    random.Random(seed).shuffle(groups)  # noqa: S311 - nothing secret
    return [
        batch_of([passages[place] for place in group], [questions[place] for place in group])
        for group in groups
    ]


def ahead(tasks: Sequence[Callable[[], _Made]], count: int) -> Iterator[_Made]:
    """Yield what tasks make, in their order; up to `count` of them are done beforehand."""
    waiting: deque[Future[_Made]] = deque()
    with ThreadPoolExecutor(1) as pool:
        try:
            for number in range(len(tasks) + count):
                if number < len(tasks):
                    waiting.append(pool.submit(tasks[number]))
                if number >= count and waiting:
                    yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def pool_of(
    model: QuestionGenerator, asked: Sequence[Asked], draws: Sequence[Draw], tokens: int
) -> list[QuestionBatch]:
    """Return the batches of some draws. Those with too long a question are left out."""
    golds = [asked[draw.set].questions[draw.question] for draw in draws]
    texts = [window_of(gold, draw.seed) for gold, draw in zip(golds, draws, strict=True)]
    passages = model.tokens_of(texts, model.passage_tokens)
    questions = model.tokens_of([gold.question for gold in golds], QUESTION_TOKENS)
    kept = [place for place, one in enumerate(questions) if 0 < len(one) < QUESTION_TOKENS]
    return batches_of(
        [passages[place] for place in kept],
        [questions[place] for place in kept],
        tokens,
        draws[0].seed,
    )


def train(model: QuestionGenerator, asked: Sequence[Asked], options: argparse.Namespace) -> None:
    """Train to the end of the plan or of the time.

    Raises CorpusError where no question can be learnt, and ModelError where the loss overflows.
    """
    plan = planned(asked, options.seed)
    pools = [plan.part(at, at + _POOL) for at in range(0, len(plan), _POOL)]
    tasks = [lambda some=some: pool_of(model, asked, some, options.batch_tokens) for some in pools]
    training = Training(model, adamw(model, options.rate, body="backbone."))
    log = RunLog()
    for behind, batch in _steps(model, tasks):
        done = share_done(behind, log.seconds, options.minutes)
        if done >= 1:
            break
        loss = question_loss(model, batch)
        training.learn(loss, rate_after(done))
        log.add(len(batch.ids), loss)
        if log.is_due():
            _tell(log, done)
    if log.losses:
        _tell(log, 1.0)
    expect_finite(model)
    model.has_trained_head = True


def _steps(
    model: QuestionGenerator, tasks: Sequence[Callable[[], list[QuestionBatch]]]
) -> Iterator[tuple[float, QuestionBatch]]:
    """Yield each batch of a run, and which share of the run is behind it.

    Raises CorpusError where there is none.
    """
    begun = False
    for number, batches in enumerate(ahead(tasks, _AHEAD)):
        if batches and not begun:
            begun = True
            if not model.has_trained_head:
                model.start_head(np.concatenate([batch.labels for batch in batches]))
        for place, batch in enumerate(batches):
            yield (number + place / len(batches)) / len(tasks), batch
    if not begun:
        raise CorpusError(
            "there is no question to learn from: those of more than 31 tokens are left out; give "
            "other --questions, or more PASSES"
        )


def _tell(log: RunLog, done: float) -> None:
    log.tell_pace("train", done, "windows", f"loss {log.mean():.3f} over {len(log.losses)} steps")
