"""Finds passages that look right to the encoder itself, before it is trained (torch).

Xiong et al., "Approximate Nearest Neighbor Negative Contrastive Learning for Dense Text Retrieval"
(2021). The search is exact, over the passages that questions were made up about.
"""

import hashlib
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from files.writing import whole_file
from models.contrastive import TrainedEncoder
from models.token_table import TokenTable
from scripts.encoder_pairs import PairSet
from scripts.encoder_plan import body
from scripts.pairs import Pair, normalised

DENSE = "dense.npz"
"""The file in a run's folder that holds what was found, and of which texts."""

SKIPPED = 5
"""The first passages that are found, and not taken: they may be right ones too."""

_MORE = 16  # passages found beyond those to be taken, for some are left out
_QUESTIONS = 1024  # searched for at a time
_NONE = -1
_BROKEN = (
    *(OSError, EOFError, ValueError, TypeError, AttributeError, KeyError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)


def with_dense_negatives(
    model: TrainedEncoder,
    sets: Sequence[PairSet],
    tables: tuple[TokenTable, TokenTable],
    folder: Path,
    *,
    count: int,
    workers: int,
) -> list[PairSet]:
    """Return the sets with up to `count` more wrong passages for each question.

    Not so the questions of sets with contexts of their own. What is found is kept in `folder`.
    `tables` cut questions and passages, in `workers` processes.
    """
    pool = list(
        dict.fromkeys(pair.positive for some in sets if some.kind == "made" for pair in some.pairs)
    )
    asked = [pair for some in sets if some.kind != "contexts" for pair in some.pairs]
    texts = _sum(asked, pool)
    places = _kept(folder / DENSE, texts, (len(asked), count))
    if places is None:
        began = time.monotonic()
        tables[1].add(pool, workers)
        tables[0].add([pair.question for pair in asked], workers)
        print(f"tokens of {len(pool):,} passages: {time.monotonic() - began:.1f} s", flush=True)
        places = _chosen(asked, pool, _ranks(model, asked, pool, tables, count), count)
        print(
            f"{int((places != _NONE).sum()):,} wrong passages for {len(asked):,} questions, after "
            f"{time.monotonic() - began:.1f} s",
            flush=True,
        )
        with whole_file(folder / DENSE) as file:
            np.savez(file, places=places, texts=texts)
    rows = iter(places)
    return [
        some
        if some.kind == "contexts"
        else replace(some, pairs=[_with(pair, next(rows), pool) for pair in some.pairs])
        for some in sets
    ]


def _sum(asked: Sequence[Pair], pool: Sequence[str]) -> str:
    """Return a checksum of all that passages are chosen by, but for the model."""
    digest = hashlib.sha256(f"{len(pool)}".encode())
    for text in pool:
        digest.update(b"\0" + text.encode("utf-8", "surrogatepass"))
    for pair in asked:
        texts = "\0".join(["", pair.question, pair.positive, *pair.answers, ""])
        digest.update(texts.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _kept(path: Path, texts: str, shape: tuple[int, int]) -> NDArray[np.int32] | None:
    """Return what was found for the same texts; None where there is nothing, or it is damaged."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            places: NDArray[np.int32] = file["places"]
            same = str(file["texts"]) == texts and places.shape == shape
    except _BROKEN:
        return None
    return places if same else None


def _with(pair: Pair, places: NDArray[np.int32], pool: Sequence[str]) -> Pair:
    more = tuple(pool[place] for place in places.tolist() if place != _NONE)
    return replace(pair, negatives=pair.negatives + more)


@torch.no_grad()
def _ranks(
    model: TrainedEncoder,
    asked: Sequence[Pair],
    pool: Sequence[str],
    tables: tuple[TokenTable, TokenTable],
    count: int,
) -> Iterator[NDArray[np.int64]]:
    """Yield for each question the places of the passages most like it, best first."""
    questions = model.vectors(tables[0].of([pair.question for pair in asked]))
    passages = model.vectors(tables[1].of(pool))
    for some in torch.split(questions, _QUESTIONS):
        yield from nearest(some, passages, SKIPPED + count + _MORE).cpu().numpy()


def nearest(questions: Tensor, passages: Tensor, count: int) -> Tensor:
    """Return the places, shape (q, at most count), of the passages with the greatest products.

    `questions` has shape (q, hidden), `passages` (p, hidden); the best are first.
    """
    return (questions @ passages.T).topk(min(count, len(passages))).indices


def _chosen(
    asked: Sequence[Pair], pool: Sequence[str], ranks: Iterator[NDArray[np.int64]], count: int
) -> NDArray[np.int32]:
    """Return places of wrong passages, shape (questions, count), filled up with `_NONE`.

    Left out are the right passage, under any heading, and those that hold an answer; of the rest,
    the first `SKIPPED`.
    """
    bodies = [body(text) for text in pool]
    words = lru_cache(maxsize=None)(lambda place: normalised(pool[place]))
    chosen = np.full((len(asked), count), _NONE, np.int32)
    for row, (pair, places) in enumerate(zip(asked, ranks, strict=True)):
        own = body(pair.positive)
        answers = [answer for answer in pair.answers if answer.strip()]
        wrong: list[int] = []
        for place in places.tolist():
            if len(wrong) == SKIPPED + count:
                break
            if bodies[place] != own and not any(answer in words(place) for answer in answers):
                wrong.append(place)
        taken = wrong[SKIPPED:]
        chosen[row, : len(taken)] = taken
    return chosen
