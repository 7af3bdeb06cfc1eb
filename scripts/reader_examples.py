"""Which windows a reader is trained on, and in which order. Pure but for reading text."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from index.corpora.squad import GoldQuestion

Kind: TypeAlias = Literal["answer", "own", "mined", "together"]
"""What a draw stands for; "answer" is the question's own text also where its answer is unknown."""

KINDS: tuple[Kind, ...] = get_args(Kind)

SHORTEST, LONGEST = 60, 240
"""Words of a part of a long text: a short passage, and what a window of 384 tokens holds."""

_TRIES = 8
_CODE_POINTS = 10  # so many hold more than a word


@dataclass(frozen=True, slots=True)
class Example:
    """A question and a text, with the answer's half-open range in it; an empty one is no answer.

    Whether there is an answer is not `known` of a question that was made up: a teacher has to say.
    """

    question: str
    context: str
    start: int
    end: int
    known: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """The questions of one file, and for each the passages that look right and don't answer it.

    A run goes through the questions `passes` times. Each time a question comes once with its
    answer, `own` times with another part of its own text and `mined` times with a wrong passage;
    a share such as 0.15 means so often in the mean. A question that has `right` passages comes
    once more with one of them and `together` wrong ones, which are learnt as one (see
    `models.finetuning.shared_loss`).
    """

    questions: Sequence[GoldQuestion]
    wrong: Sequence[Sequence[str]]
    passes: float
    own: float
    mined: float
    right: Sequence[Sequence[Example]] = ()
    together: int = 0


@dataclass(frozen=True, slots=True)
class Draw:
    """One example to be made: of which set and question, of which kind, with what chance."""

    set: int
    question: int
    kind: Kind
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The examples of a whole run in their order, as arrays: it is sent to other processes.

    `sets`, `questions`, `kinds` (places in `KINDS`) and `seeds` have shape (draws,).
    """

    sets: NDArray[np.int64]
    questions: NDArray[np.int64]
    kinds: NDArray[np.int64]
    seeds: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of draws."""
        return len(self.seeds)

    def part(self, start: int, stop: int) -> list[Draw]:
        """Return the draws from `start` on, up to `stop` or the end."""
        some = slice(start, stop)
        columns = (self.sets[some], self.questions[some], self.kinds[some], self.seeds[some])
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [Draw(one, question, KINDS[kind], seed) for one, question, kind, seed in rows]


def planned(sets: Sequence[Asked], seed: int, rounds: int = 1) -> Plan:
    """Return the examples of a whole run, shuffled; the same arguments give the same ones.

    They come in so many `rounds`: the same examples each time, shuffled anew.
    """
    chance = np.random.default_rng(seed)
    of_sets, of_questions, of_kinds = [], [], []
    for number, asked in enumerate(sets):
        places = _places(len(asked.questions), asked.passes, chance)
        together = np.zeros(len(places), np.int64)
        if asked.together:
            whole = [
                bool(right and wrong) for right, wrong in zip(asked.right, asked.wrong, strict=True)
            ]
            together = np.array(whole, np.int64)[places]
        times = {
            "answer": np.ones(len(places), np.int64),
            "own": _times(asked.own, len(places), chance),
            "mined": _times(asked.mined, len(places), chance),
            "together": together,
        }
        for kind, count in times.items():
            some = np.repeat(places, count)
            of_questions.append(some)
            of_sets.append(np.full(len(some), number))
            of_kinds.append(np.full(len(some), KINDS.index(kind)))
    questions = np.concatenate(of_questions)
    order = chance.permutation(len(questions))
    seeds = chance.integers(2**32, size=len(questions))
    columns = np.concatenate(of_sets)[order], questions[order], np.concatenate(of_kinds)[order]
    again = [chance.permutation(len(questions)) for _ in range(1, rounds)]
    places = np.concatenate([np.arange(len(questions)), *again])
    return Plan(*(column[places] for column in (*columns, seeds)))


def drawn(asked: Asked, draw: Draw) -> list[Example]:
    """Return the examples that a draw stands for, which belong together, the right one first.

    That is one, and none where there is no such text, but for what is learnt together.
    """
    if draw.kind != "together":
        one = _one(asked, draw)
        return [one] if one else []
    chance = random.Random(draw.seed)  # noqa: S311 - nothing secret
    question = asked.questions[draw.question].question
    passages = asked.wrong[draw.question]
    wrong = chance.sample(passages, min(asked.together, len(passages)))
    right = chance.choice(asked.right[draw.question])
    return [right, *(Example(question, passage, 0, 0) for passage in wrong)]


def _one(asked: Asked, draw: Draw) -> Example | None:
    chance = random.Random(draw.seed)  # noqa: S311 - nothing secret
    gold = asked.questions[draw.question]
    known = bool(gold.answers)
    if draw.kind == "mined":
        passages = asked.wrong[draw.question]
        return Example(gold.question, chance.choice(passages), 0, 0, known) if passages else None
    if not known:
        return Example(gold.question, gold.context, 0, 0, known)
    if draw.kind == "own":
        words = [word.span() for word in re.finditer(r"\S+", gold.context)]
        part = _part_without(words, gold, chance.randint(SHORTEST, LONGEST), chance)
        return Example(gold.question, gold.context[slice(*part)], 0, 0) if part else None
    return with_answer(gold, SHORTEST, LONGEST, chance)


def with_answer(gold: GoldQuestion, shortest: int, longest: int, chance: random.Random) -> Example:
    """Return `shortest` to `longest` words of a question's text around one of its answers."""
    chosen = chance.randrange(len(gold.answers))
    start = gold.starts[chosen]
    end = start + len(gold.answers[chosen])
    begin, stop = around(
        gold.context, start, end, shortest=shortest, longest=longest, chance=chance
    )
    return Example(gold.question, gold.context[begin:stop], start - begin, end - begin)


def thinned(example: Example, share: float, seed: int) -> Example:
    """Return an example of which `share` of the words are left out, in the mean; the answer stays.

    So a teacher that reads the same text has more to tell than what it says of the whole one
    (Beyer et al., "Knowledge distillation: A good teacher is patient and consistent", 2022).
    """
    if not share:
        return example
    # the question first: those of a group that is learnt together lose the same words of it
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    question = _thinned(example.question, share, chance)
    before = _thinned(example.context[: example.start], share, chance)
    after = _thinned(example.context[example.end :], share, chance)
    answer = example.context[example.start : example.end]
    return Example(
        question or example.question,
        before + answer + after,
        len(before),
        len(before) + len(answer),
        example.known,
    )


def _thinned(text: str, share: float, chance: random.Random) -> str:
    """Return a text without some of its words, each with the space behind it.

    Its first and its last word stay: they may be parts of a word that stands across its edge.
    """
    words = re.findall(r"\S+\s*|^\s+", text)
    kept = [word for word in words[1:-1] if chance.random() >= share]
    return "".join([*words[:1], *kept, *words[1:][-1:]])


def around(
    context: str, start: int, end: int, *, shortest: int, longest: int, chance: random.Random
) -> tuple[int, int]:
    """Return a range of `shortest` to `longest` whole words that holds an answer anywhere.

    All of the text where it is shorter, and the answer alone where that is longer. Only what is
    near the answer is looked at: a context may be a whole paper.
    """
    reach = _CODE_POINTS * longest
    near = context[max(0, start - reach) : start]
    before = [start - len(near) + word.start() for word in re.finditer(r"\S+", near)]
    after = [end + word.end() for word in re.finditer(r"\S+", context[end : end + reach])]
    if re.fullmatch(r"\S\S", context[max(0, start - 1) : start + 1]):  # within a word
        start = before.pop()
    if re.fullmatch(r"\S\S", context[max(0, end - 1) : end + 1]):
        end = after.pop(0)
    room = max(0, chance.randint(shortest, longest) - len(context[start:end].split()))
    most = min(room, len(before))
    count = chance.randint(min(most, max(0, room - len(after))), most)
    rest = min(room - count, len(after))
    return before[-count] if count else start, after[rest - 1] if rest else end


def _part_without(
    words: Sequence[tuple[int, int]], gold: GoldQuestion, count: int, chance: random.Random
) -> tuple[int, int] | None:
    """Return a range of `count` words that holds no answer; None where the text is too short."""
    if len(words) < 2 * count:
        return None
    for _ in range(_TRIES):
        first = chance.randint(0, len(words) - count)
        begin, stop = words[first][0], words[first + count - 1][1]
        part = gold.context[begin:stop]
        if not any(answer.lower() in part.lower() for answer in gold.answers):
            return begin, stop
    return None


def _places(count: int, passes: float, chance: np.random.Generator) -> NDArray[np.int64]:
    """Return each of `count` places `passes` times, or some of them once more."""
    wanted = round(passes * count)
    rounds = [chance.permutation(count) for _ in range(0, wanted, max(count, 1))]
    return np.concatenate([np.zeros(0, np.int64), *rounds])[:wanted]


def _times(mean: float, count: int, chance: np.random.Generator) -> NDArray[np.int64]:
    """Return `count` whole numbers of times that are `mean` in the mean."""
    whole = int(mean)
    return whole + (chance.random(count) < mean - whole)
