"""The loop that teaches an encoder from judged passages: with checkpoints and a log (torch)."""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from models import contrastive, listwise
from models.checkpoints import load_checkpoint, save_checkpoint
from models.contrastive import TrainedEncoder
from models.finite import finite_loss
from models.listwise import JudgedLists
from models.token_table import TokenTable
from scripts.judged_questions import Judged
from scripts.training_plan import rate_at

_CHECKPOINT_SECONDS = 300
_LOG_SECONDS = 30
_HARD, _HARD_OF = 2, 3  # so many of so many passages that the reader likes best besides the right


@dataclass(frozen=True, slots=True)
class Learning:
    """How an encoder is taught.

    `rate` is the greatest learning rate. A run goes `passes` times through all questions, `batch`
    in a step with up to `passages` of each, or ends after `minutes`, its rate at 0.
    """

    rate: float
    temperature: float
    passes: float
    minutes: float | None
    batch: int
    passages: int
    seed: int

    def share(self, step: int, steps: int, seconds: float) -> float | None:
        """Return the share of the rate that a step has, or None where the run is over."""
        done = step / steps
        if self.minutes is not None:
            done = max(done, seconds / (60 * self.minutes))
        return rate_at(round(1000 * done), 1000) if done < 1 else None


def chosen(one: Judged, most: int, chance: random.Random) -> list[int]:
    """Return the places of up to `most` passages of a question.

    The right one is the first. Two of the three that the reader likes best come with it, and others
    at random. Where the base's own order is to be kept all are drawn at random.
    """
    if one.kept:
        return chance.sample(range(len(one.passages)), min(most, len(one.passages)))
    others = sorted(range(1, len(one.passages)), key=lambda place: -one.judgements[place])
    hard = chance.sample(others[:_HARD_OF], min(_HARD, most - 1, len(others)))
    rest = [place for place in others if place not in hard]
    return [0, *hard, *chance.sample(rest, min(most - 1 - len(hard), len(rest)))]


def lists_of(
    some: Sequence[Judged],
    learning: Learning,
    tables: tuple[TokenTable, TokenTable],
    chance: random.Random,
    device: torch.device,
) -> JudgedLists:
    """Return a batch of these questions."""
    most = learning.passages
    some = sorted(some, key=lambda one: one.kept)
    places = [chosen(one, most, chance) for one in some]
    texts = [one.passages[kept[0]] for one, kept in zip(some, places, strict=True)]
    own = np.tile(np.arange(len(some))[:, None], (1, most))
    judgements = np.full(own.shape, -np.inf, np.float32)
    for row, (one, kept) in enumerate(zip(some, places, strict=True)):
        judgements[row, : len(kept)] = [one.judgements[place] for place in kept]
        judgements[row] /= 1.0 if one.kept else learning.temperature
        own[row, 1 : len(kept)] = np.arange(len(texts), len(texts) + len(kept) - 1)
        texts += [one.passages[place] for place in kept[1:]]
    excluded = np.array([[text in one.passages for text in texts] for one in some])
    excluded[np.diag_indices(len(some))] = False
    rarity = np.zeros((len(some), max((len(one.rarity) for one in some), default=0)), np.float32)
    for row, one in enumerate(some):
        rarity[row, : len(one.rarity)] = one.rarity
    return JudgedLists(
        tables[0].of([one.question for one in some]),
        tables[1].of(texts),
        torch.from_numpy(rarity).to(device),
        torch.from_numpy(own).to(device),
        torch.from_numpy(judgements).to(device),
        torch.from_numpy(excluded).to(device),
        sum(not one.kept for one in some),
    )


def train(
    model: TrainedEncoder,
    base: TrainedEncoder,
    judged: Sequence[Judged],
    folder: Path,
    learning: Learning,
) -> None:
    """Teach to the end of the passes or of the time, from the checkpoint in `folder` if any.

    Raises ModelError where a loss overflows.
    """
    optimizer = contrastive.optimizer_of(model, learning.rate)
    rates = [group["lr"] for group in optimizer.param_groups]
    progress = load_checkpoint(folder, model, optimizer)
    at = int(progress.get("step", 0))
    began = time.monotonic() - progress.get("seconds", 0.0)
    each = max(1, len(judged) // learning.batch)  # steps of one pass
    steps = max(1, round(learning.passes * each))
    tables, device = model.tables(), model.cosine_scale.device
    model.train()
    saved = written = time.monotonic()
    parts: list[torch.Tensor] = []
    while (share := learning.share(at, steps, time.monotonic() - began)) is not None:
        for group, highest in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = highest * share
        chance = random.Random(learning.seed + at)  # noqa: S311 - nothing secret
        some = _batch(judged, at, each, learning)
        lists = lists_of(some, learning, tables, chance, device)
        parts.append(listwise.step(model, base, optimizer, lists))
        at += 1
        now = time.monotonic()
        if now - written > _LOG_SECONDS:
            _log(folder, at, steps, now - began, parts)
            written, parts = now, []
        if now - saved > _CHECKPOINT_SECONDS:
            save_checkpoint(folder, model, optimizer, {"step": at, "seconds": now - began})
            saved = now
    seconds = time.monotonic() - began
    if parts:
        _log(folder, at, steps, seconds, parts)
    save_checkpoint(folder, model, optimizer, {"step": at, "seconds": seconds})


def _batch(judged: Sequence[Judged], at: int, each: int, learning: Learning) -> list[Judged]:
    """Return the questions of a step: each pass has an order of its own."""
    order = list(range(len(judged)))
    random.Random(f"{learning.seed} {at // each}").shuffle(order)  # noqa: S311 - nothing secret
    begin = at % each * learning.batch
    return [judged[place] for place in order[begin : begin + learning.batch]]


def _log(folder: Path, at: int, steps: int, seconds: float, parts: list[torch.Tensor]) -> None:
    means = finite_loss(torch.stack(parts).mean(0)).tolist()
    order, kept, easy, away = (round(mean, 4) for mean in means)
    row = {
        "step": at,
        "of": steps,
        "loss of order": order,
        "loss of kept order": kept,
        "loss of easy ones": easy,
        "distance from the base": away,
        "seconds": round(seconds),
    }
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(
        f"step {at:,} of {steps:,}  order {order:.3f}  kept {kept:.3f}  easy {easy:.3f}  "
        f"away {away:.4f}  {row['seconds']:,} s",
        flush=True,
    )
