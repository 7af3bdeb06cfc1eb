"""Finds the pairs that an encoder is trained on, and keeps them for where there is no index."""

import argparse
import gzip
import json
import random
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from files.checksums import sha256
from files.writing import whole_file
from index.corpora.squad import read_squad
from index.embedding import embedding_text
from index.manifest import current_version
from index.types import CorpusError
from models.contracts import ModelError
from scripts.pairs import Pair, context_pairs, corpus_pairs
from scripts.passage_files import read_made_questions
from scripts.training_runs import Kind, Source

HELD_OUT = "held_out.json"
"""The file in an encoder's folder that names the papers which its training left out."""

MINED = "mined.json.gz"
"""The file in a run's folder that holds its pairs."""


@dataclass(frozen=True, slots=True)
class PairSet:
    """The pairs of a source, and how often a run goes through them."""

    pairs: list[Pair]
    passes: float
    kind: Kind


def left_out(base: Path, sources: Sequence[Source], count: int, seed: int) -> list[str]:
    """Return the cord_uids of the papers that the training leaves out.

    They are those that the training of the base left out, if it did: it has learnt of all others,
    and scores that are calibrated on what an encoder has learnt of are too good. Else `count` are
    drawn. Raises ModelError where the base's list is damaged.
    """
    path = base / HELD_OUT
    if not path.is_file():
        return drawn_papers(sources, count, seed)
    try:
        papers = sorted(map(str, json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path} is not a list of papers ({error}): restore it") from error
    print(f"left out: the {len(papers)} papers that the base was not trained on", flush=True)
    return papers


def drawn_papers(sources: Sequence[Source], count: int, seed: int) -> list[str]:
    """Return the cord_uids of `count` papers of the sources, to be left out of the training.

    They are papers that people have asked about.
    """
    asked = (one for one in sources if not one.made)
    papers = sorted({gold.cord_uid for one in asked for gold in read_squad(one.path)} - {""})
    return sorted(random.Random(seed).sample(papers, min(count, len(papers))))  # noqa: S311


def made_pairs(path: Path, held_out: Collection[str]) -> list[Pair]:
    """Return a pair for each question that was made up about a passage, without wrong passages.

    Those about papers that are held out are left out. Raises CorpusError where it can't be read.
    """
    return [
        Pair(question, embedding_text(one.title, one.section, one.text), (), ())
        for one in read_made_questions(path)
        if one.cord_uid not in held_out
        for question in one.questions
    ]


def mined(options: argparse.Namespace, base: Path) -> tuple[list[str], list[PairSet]]:
    """Return the papers that are left out, and the pairs of each source.

    They are those in the run's folder where it has them, and are put there where it has not:
    then neither the index nor the files of questions need be where the training goes on.
    Raises CorpusError for a file that cannot be read, or where there is no pair at all, and
    ModelError where the folder's are of other sources.
    """
    sources: list[Source] = options.sources
    path: Path = options.work / MINED
    if path.is_file():
        held_out, sets = _read(path, sources, options.hold_out)
        if (base / HELD_OUT).is_file() and left_out(base, sources, 0, 0) != held_out:
            raise ModelError(f"{path} was made for a base that left out other papers: remove it")
    else:
        held_out = left_out(base, sources, options.hold_out, options.seed)
        version = _version(options.index, sources)
        sets = [_mined(one, version, set(held_out)) for one in sources]
    if not any(some.pairs for some in sets):
        raise CorpusError(
            "no question has a passage that answers it: is the index one of the papers that the "
            "questions are about?"
        )
    if not path.is_file():
        _write(path, sources, options.hold_out, held_out, sets)
    return held_out, sets


def _version(index: Path | None, sources: Sequence[Source]) -> Path:
    if index is None and any(one.corpus for one in sources):
        raise CorpusError(f"--corpus-questions need --index, or a folder --work with a {MINED}")
    return current_version(index) if index else Path()


def _mined(one: Source, version: Path, held_out: set[str]) -> PairSet:
    if one.made:
        pairs = made_pairs(one.path, held_out)
        count = len(pairs)
    else:
        questions = [
            gold for gold in read_squad(one.path) if gold.answers and gold.cord_uid not in held_out
        ]
        pairs = corpus_pairs(questions, version) if one.corpus else context_pairs(questions)
        count = len(questions)
    print(f"{one.path.name}: {count:,} questions, {len(pairs):,} pairs", flush=True)
    return PairSet(pairs, one.passes, one.kind)


def _write(
    path: Path,
    sources: Sequence[Source],
    hold_out: int,
    held_out: Sequence[str],
    sets: Sequence[PairSet],
) -> None:
    """Write pairs, complete or not at all; each text of a passage once."""
    texts: dict[str, int] = {}
    rows = [
        [
            [
                pair.question,
                texts.setdefault(pair.positive, len(texts)),
                [texts.setdefault(text, len(texts)) for text in pair.negatives],
                list(pair.answers),
            ]
            for pair in some.pairs
        ]
        for some in sets
    ]
    named = [
        {"name": one.path.name, "kind": one.kind, "sha256": sha256(one.path)} for one in sources
    ]
    content = {
        "sources": named,
        "hold_out": hold_out,
        "held_out": held_out,
        "texts": list(texts),
        "sets": rows,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as raw, gzip.open(raw, "wt", encoding="utf-8", compresslevel=6) as file:
        file.write(json.dumps(content))  # at once: json.dump is many times slower


def _read(path: Path, sources: Sequence[Source], hold_out: int) -> tuple[list[str], list[PairSet]]:
    """Return the papers left out, and the pairs; a file of questions that is not here is trusted.

    Raises ModelError where they are of other sources or another --hold-out, or damaged.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            content = json.load(file)
        named = content["sources"]
        ours = [
            (one.path.name, one.kind, sha256(one.path) if one.path.is_file() else kept["sha256"])
            for one, kept in zip(sources, named, strict=False)
        ]
        if len(named) != len(sources) or ours != [
            (kept["name"], kept["kind"], kept["sha256"]) for kept in named
        ]:
            raise ModelError(f"{path} holds the pairs of other files: remove it to find them anew")
        if content.get("hold_out", hold_out) != hold_out:
            raise ModelError(
                f"{path} was made with --hold-out {content['hold_out']}: give the same, or remove "
                "the file"
            )
        texts: list[str] = content["texts"]
        sets = [
            PairSet(
                [
                    Pair(asked, texts[own], tuple(texts[n] for n in wrong), tuple(answers))
                    for asked, own, wrong, answers in rows
                ],
                one.passes,
                one.kind,
            )
            for one, rows in zip(sources, content["sets"], strict=True)
        ]
        held_out = list(map(str, content["held_out"]))
    except (OSError, EOFError, ValueError, LookupError, TypeError, zlib.error) as error:
        raise ModelError(f"{path} is damaged ({error}): remove it") from error
    print(f"{sum(len(some.pairs) for some in sets):,} pairs as found before", flush=True)
    return held_out, sets
