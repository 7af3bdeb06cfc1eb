"""Reads the files of questions that a reader is trained on, and mines their wrong passages."""

import argparse
from collections.abc import Sequence

from files.checksums import sha256
from index.corpora.squad import GoldQuestion
from index.manifest import current_version
from index.types import CorpusError
from scripts.gold_questions import learnable
from scripts.mined_passages import Mined, kept
from scripts.pairs import context_pairs, right_passages, wrong_passages
from scripts.passage_files import read_made_questions
from scripts.reader_examples import Asked
from scripts.training_runs import Source

_NEAR = 3  # passages on either side


def asked_of(sources: Sequence[Source], options: argparse.Namespace) -> list[Asked]:
    """Read each file and mine its wrong passages. Raises CorpusError, IndexingError."""
    found = []
    for one in sources:
        asked = made_up(one, options.mined) if one.made else _of_answers(one, options)
        print(
            f"{one.path.name}: {len(asked.questions):,} questions, {one.passes:g} passes",
            flush=True,
        )
        found.append(asked)
    return found


def made_up(one: Source, mined: float) -> Asked:
    """Return made-up questions; what looks right and isn't are passages near a question's own.

    Those are of the same paper; of each question `mined` are read. Raises CorpusError.
    """
    passages = list(read_made_questions(one.path))
    questions, near = [], []
    for place, passage in enumerate(passages):
        around = [
            other.text
            for other in passages[max(0, place - _NEAR) : place + _NEAR + 1]
            if other.cord_uid == passage.cord_uid and other is not passage
        ]
        for text in passage.questions:
            questions.append(GoldQuestion("", text, passage.text, (), (), passage.cord_uid))
            near.append(around)
    if not questions:
        raise CorpusError(f"{one.path} has no question")
    return Asked(questions, near, one.passes, own=0.0, mined=mined)


def _of_answers(one: Source, options: argparse.Namespace) -> Asked:
    questions = learnable(one.path)
    digest = sha256(one.path)
    folder = options.mined_passages or options.work / "mined"
    path = folder / f"{one.path.name.split('.')[0]}-{one.kind}-{digest[:12]}.json.gz"

    def mine() -> Mined:
        if not one.corpus:
            return Mined([list(pair.negatives) for pair in context_pairs(questions)])
        if options.index is None:
            raise CorpusError(f"{path} is not there: give --index to mine {one.path.name}")
        version = current_version(options.index)
        wrong = wrong_passages(questions, version)
        return Mined(wrong, right_passages(questions, version) if options.together else ())

    together = options.together if one.corpus else 0
    index = current_version(options.index).name if one.corpus and options.index else ""
    mined = kept(path, f"{one.kind} {digest}", mine, index=index, right=bool(together))
    return Asked(
        questions,
        mined.wrong,
        one.passes,
        own=options.own if one.corpus else 0.0,
        mined=options.mined if one.corpus else options.mined_elsewhere,
        right=mined.right,
        together=together if mined.right else 0,
    )
