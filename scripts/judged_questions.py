"""Has a reader judge the passages that are retrieved for questions: lessons for an encoder."""

import json
import random
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from index.corpora.squad import read_squad
from index.embedding import embedding_text
from index.hybrid import FEATURES
from index.types import Passage
from models.contracts import ModelError, Reader
from scripts.made_questions import read_made_questions
from scripts.pairs import gold_passages
from scripts.training_plan import body
from scripts.training_runs import Source
from service.answering import Answerer

_DEPTH = 40  # passages that are retrieved for a question
_BEST = 10  # of these are always judged; others are drawn
_LEAST, _MOST = -8.0, 12.0  # judgements are clipped here: beyond, they only look like noise
_TRIES, _AT_ONCE = 20, 500  # passages that are looked at, for each broad question and at once
_WORDS = range(3, 13)
_MARKS = re.compile(r"[:?.\u2013\u2014](?:\s|$)")
_BROAD_DEPTH = 60  # passages of a broad question, the late interaction's best, that are drawn from
_ASKED_BY_PEOPLE, _MADE_UP = 4.0, 1.5
"""What is added to the judgement of a right passage, in logits: how sure it is to be right."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the passages that answer it as the encoder is shown them.

    A broad one is part of the title of `paper` and has none.
    """

    question: str
    right: tuple[str, ...]
    sure: float
    paper: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A question, its passages as the encoder sees them, and how well the reader likes each.

    `judgements` are in logits, the right passage's the first. `rarity` has an entry a word of
    the question. With `kept` the judgements are those of the late interaction that the index
    found them with, and none is known to be right.
    """

    question: str
    rarity: tuple[float, ...]
    passages: tuple[str, ...]
    judgements: tuple[float, ...]
    kept: bool = False


def questions_of(answerer: Answerer, source: Source, held_out: Collection[str]) -> list[Asked]:
    """Return a source's questions, but for those about papers that are held out.

    Raises CorpusError where the file can't be read.
    """
    if source.made:
        return [
            Asked(question, (embedding_text(one.title, one.section, one.text),), _MADE_UP)
            for one in read_made_questions(source.path)
            if one.cord_uid not in held_out
            for question in one.questions
        ]
    asked = []
    for gold in read_squad(source.path):
        if gold.cord_uid and gold.cord_uid not in held_out:
            passages = answerer.index.passages(gold_passages(answerer, gold))
            texts = tuple(_shown(answerer, passages))
            if texts:
                asked.append(Asked(gold.question, texts, _ASKED_BY_PEOPLE))
    return asked


def broad_questions(answerer: Answerer, count: int, seed: int) -> list[Asked]:
    """Return up to `count` questions that are parts of papers' titles, drawn at random.

    The parts are between marks such as colons, and have 3 to 12 words.
    """
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    most = answerer.source.passages
    drawn = chance.sample(range(most), min(most, count * _TRIES))
    asked: dict[str, Asked] = {}
    for at in range(0, len(drawn), _AT_ONCE):
        if len(asked) >= count:
            break
        found = answerer.index.passages(sorted(drawn[at : at + _AT_ONCE]))
        papers = {one.cord_uid for one in found}
        for cord_uid, paper in sorted(answerer.index.papers(sorted(papers)).items()):
            parts = [part.strip() for part in _MARKS.split(paper.title)]
            fitting = [part for part in parts if len(part.split()) in _WORDS]
            if fitting:
                asked[cord_uid] = Asked(chance.choice(fitting), (), 0.0, cord_uid)
    return list(asked.values())[:count]


def mixed(sources: Sequence[tuple[Sequence[Asked], float]], seed: int) -> list[Asked]:
    """Return all sources' questions in one order, a share of each as its passes say.

    >>> a, b = Asked("a", ("x",), 1.0), Asked("b", ("y",), 1.0)
    >>> [one.question for one in mixed([([a, a], 0.5), ([b], 1.0)], 0)]
    ['b', 'a']
    """
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    every: list[Asked] = []
    for asked, passes in sources:
        drawn = list(asked)
        chance.shuffle(drawn)
        whole, part = divmod(round(passes * len(drawn)), max(len(drawn), 1))
        every += drawn * whole + drawn[:part]
    chance.shuffle(every)
    return every


def judge(
    answerer: Answerer, reader: Reader, asked: Sequence[Asked], path: Path, *, most: int, seed: int
) -> None:
    """Have up to `most` passages of each question judged, and keep that in `path`, a line each.

    What is there already is not judged again. Raises ModelError where that is of other questions.
    """
    done = _whole_lines(path)
    kept = read_judged(path) if done else []
    if [one.question for one in kept] != [one.question for one in asked[:done]]:
        raise ModelError(f"{path} holds judgements of other questions: remove it to judge anew")
    with path.open("a", encoding="utf-8") as file:
        for place in tqdm(
            range(done, len(asked)), desc="judging", unit=" questions", mininterval=5
        ):
            chance = random.Random(seed + place)  # noqa: S311 - nothing secret
            one = asked[place]
            made = (
                _kept(answerer, one, most, chance)
                if one.paper
                else _judged(answerer, reader, one, most, chance)
            )
            file.write(json.dumps(asdict(made)) + "\n")
            file.flush()


def read_judged(path: Path) -> list[Judged]:
    """Return what was judged. Raises ModelError where the file is damaged.

    A broad question has no passage where all that were found are of its own paper.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return [_parsed(json.loads(line)) for line in file]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ModelError(f"{path} is damaged ({error}): remove it") from error


def _parsed(row: dict[str, Any]) -> Judged:
    one = Judged(
        str(row["question"]),
        tuple(map(float, row["rarity"])),
        tuple(map(str, row["passages"])),
        tuple(map(float, row["judgements"])),
        bool(row.get("kept")),
    )
    if len(one.passages) != len(one.judgements) or not (one.passages or one.kept):
        raise ValueError("a passage lacks its judgement")
    return one


def _judged(
    answerer: Answerer, reader: Reader, asked: Asked, most: int, chance: random.Random
) -> Judged:
    question = answerer.encode(asked.question)
    found = [one for one, _ in answerer.best(answerer.index.candidates(question), _DEPTH)]
    shown = [
        embedding_text(one.paper.title, one.passage.section, one.passage.text) for one in found
    ]
    # of several right passages the one that the search likes best, for it is to be found
    right = next((text for text in shown if text in asked.right), asked.right[0])
    others = [text for text in shown if text not in asked.right]
    rest = others[_BEST:]
    chosen = [right, *others[:_BEST], *chance.sample(rest, len(rest))][:most]
    spans = reader.read(asked.question, [body(text) for text in chosen])
    judgements = np.clip(np.nan_to_num([one.score for one in spans]), _LEAST, _MOST)
    judgements[0] += asked.sure
    rarity = answerer.index.rarities(question)
    return Judged(
        asked.question,
        tuple(np.round(rarity, 4).tolist()),
        tuple(chosen),
        tuple(np.round(judgements, 3).tolist()),
    )


def _kept(answerer: Answerer, asked: Asked, most: int, chance: random.Random) -> Judged:
    """Return the order that the late interaction of the index has, without the title's own paper.

    Half of the passages are those that it likes best, the others drawn from what follows.
    """
    from models.contrastive import LATE_SCALE  # noqa: PLC0415 - torch takes seconds to import

    question = answerer.encode(asked.question)
    found = answerer.index.candidates(question)
    likeness = found.features[:, FEATURES.index("late interaction")]
    passages = answerer.index.passages(found.ids.tolist())
    others = np.flatnonzero([passage.cord_uid != asked.paper for passage in passages])
    best = others[np.argsort(-likeness[others], kind="stable")][:_BROAD_DEPTH]
    texts = _shown(answerer, [passages[place] for place in best])
    shown = [
        (text, LATE_SCALE * float(likeness[place])) for place, text in zip(best, texts, strict=True)
    ]
    rest = shown[most // 2 :]
    chosen = [*shown[: most // 2], *chance.sample(rest, min(most - most // 2, len(rest)))]
    return Judged(
        asked.question,
        tuple(np.round(answerer.index.rarities(question), 4).tolist()),
        tuple(text for text, _ in chosen),
        tuple(round(judgement, 3) for _, judgement in chosen),
        kept=True,
    )


def _shown(answerer: Answerer, passages: Sequence[Passage]) -> Iterator[str]:
    papers = answerer.index.papers(sorted({one.cord_uid for one in passages}))
    for one in passages:
        yield embedding_text(papers[one.cord_uid].title, one.section, one.text)


def _whole_lines(path: Path) -> int:
    """Return how many lines a file has, after cutting off one that was not written to its end."""
    if not path.is_file():
        return 0
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)
    return content.count(b"\n")
