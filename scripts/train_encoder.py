"""Trains the encoder on questions and passages of the field, and gives its words vectors too.

The passages that look right and are not come from the index's own BM25, so build an index first,
with the stock encoder. Training can be stopped at any time: the same command goes on.
"""

import argparse
import json
import random
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from index.corpora.squad import read_squad
from index.keywords import STOPWORDS
from index.manifest import current_version
from index.types import CorpusError, IndexingError
from models.contracts import ModelError
from models.loading import STOCK, encoder_folder, pick_device
from scripts.arguments import at_least
from scripts.pairs import Pair, context_pairs, corpus_pairs
from scripts.training_plan import drawn, planned, rate_at
from scripts.training_runs import Source, replacing, same_run, share, source

if TYPE_CHECKING:
    from models.contrastive import TrainedEncoder

_HELD_OUT = "held_out.json"
_HEAD_TEXTS = 256
_CHECKPOINT_SECONDS = 300
_LOG_STEPS = 10
_LEFT_BEHIND = ("*.bin", "*.onnx", "*.md", ".git*", "data_config.json", "vocab.txt")


def train(
    model: "TrainedEncoder",
    sets: Sequence[tuple[Sequence[Pair], float]],
    folder: Path,
    *,
    size: int,
    rate: float,
    seed: int,
    anchor: "tuple[TrainedEncoder, float] | None" = None,
) -> None:
    """Train to the end of the plan, from the checkpoint in `folder` where there is one.

    `anchor` is an encoder whose vectors are to be stayed near to, and how much that counts.
    """
    import torch  # noqa: PLC0415 - seconds that --help need not wait

    from models import contrastive  # noqa: PLC0415 - likewise
    from models.checkpoints import load_checkpoint, save_checkpoint  # noqa: PLC0415 - likewise

    batches = planned(sets, size, seed)
    optimizer = contrastive.optimizer_of(model, rate)
    rates = [group["lr"] for group in optimizer.param_groups]
    done = int(load_checkpoint(folder, model, optimizer).get("step", 0))
    model.train()
    saved = started = time.monotonic()
    kept, weight = anchor or (None, 0.0)
    losses: list[tuple[float, ...]] = []
    for step in range(done, len(batches)):
        number, places = batches[step]
        batch = drawn(sets[number][0], places, seed + step)
        for group, highest in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = highest * rate_at(step, len(batches))
        excluded = torch.tensor(batch.excluded, device=model.cosine_scale.device)
        some = contrastive.batch_loss(model, batch.questions, batch.passages, excluded, kept)
        (some[0] + some[1] + weight * some[2]).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(tuple(loss.item() for loss in some))
        if (step + 1) % _LOG_STEPS == 0 or step + 1 == len(batches):
            _log(folder, step + 1, len(batches), _means(losses), started)
            losses = []
        if time.monotonic() - saved > _CHECKPOINT_SECONDS:
            save_checkpoint(folder, model, optimizer, {"step": step + 1})
            saved = time.monotonic()
    save_checkpoint(folder, model, optimizer, {"step": len(batches)})


def _means(losses: Sequence[tuple[float, ...]]) -> list[float]:
    return [fmean(column) for column in zip(*losses, strict=True)]


def _log(folder: Path, step: int, steps: int, losses: Sequence[float], started: float) -> None:
    row = {
        "step": step,
        "of": steps,
        "loss of vectors": round(losses[0], 4),
        "loss of words": round(losses[1], 4),
        "distance from the anchor": round(losses[2], 4),
        "seconds": round(time.monotonic() - started),
    }
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(
        f"step {step:,} of {steps:,}  vectors {losses[0]:.3f}  words {losses[1]:.3f}  "
        f"anchor {losses[2]:.3f}",
        flush=True,
    )


def publish(
    model: "TrainedEncoder", base: Path, output: Path, held_out: Sequence[str], share: float
) -> None:
    """Write the trained encoder as a sentence-transformers folder, in half precision.

    Each weight is the mean of the trained one and the base's, which counts `share` (Wortsman et
    al., "Robust fine-tuning of zero-shot models", 2022); the head is as it was trained.
    """
    model.move_towards(base, share)
    with replacing(output) as folder:
        shutil.copytree(
            base, folder, ignore=shutil.ignore_patterns(*_LEFT_BEHIND), dirs_exist_ok=True
        )
        model.transformer.half().save_pretrained(folder)
        model.head.save(folder)
        (folder / _HELD_OUT).write_text(json.dumps(held_out) + "\n", encoding="utf-8")


def mined(
    sources: Sequence[Source], version: Path, held_out: set[str]
) -> list[tuple[list[Pair], float]]:
    """Return the pairs of each source, and how often a run goes through them.

    Raises CorpusError for a file that cannot be read, or where there is no pair at all.
    """
    sets = []
    for one in sources:
        questions = [
            gold for gold in read_squad(one.path) if gold.answers and gold.cord_uid not in held_out
        ]
        pairs = corpus_pairs(questions, version) if one.corpus else context_pairs(questions)
        print(f"{one.path.name}: {len(questions):,} questions, {len(pairs):,} pairs")
        sets.append((pairs, one.passes))
    if not any(pairs for pairs, _ in sets):
        raise CorpusError(
            "no question has a passage that answers it: is the index one of the papers that the "
            "questions are about?"
        )
    return sets


def left_out(base: Path, sources: Sequence[Source], count: int, seed: int) -> list[str]:
    """Return the cord_uids of the papers that the training leaves out.

    They are those that the training of the base left out, if it did: it has learnt of all others,
    and scores that are calibrated on what an encoder has learnt of are too good. Else `count` are
    drawn. Raises ModelError where the base's list is damaged.
    """
    path = base / _HELD_OUT
    if not path.is_file():
        return drawn_papers(sources, count, seed)
    try:
        papers = sorted(map(str, json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path} is not a list of papers ({error}): restore it") from error
    print(f"left out: the {len(papers)} papers that the base was not trained on", flush=True)
    return papers


def drawn_papers(sources: Sequence[Source], count: int, seed: int) -> list[str]:
    """Return the cord_uids of `count` papers of the sources, to be left out of the training."""
    papers = sorted({gold.cord_uid for one in sources for gold in read_squad(one.path)} - {""})
    return sorted(random.Random(seed).sample(papers, min(count, len(papers))))  # noqa: S311


def _dimension(text: str) -> int:
    """Return a length that `index.word_vectors` can store: four coordinates to a byte."""
    value = at_least(8)(text)
    if value % 4:
        raise argparse.ArgumentTypeError(f"{text!r} is not divisible by 4")
    return value


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = argparse.ArgumentParser(
        prog="python -m scripts.train_encoder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = arguments.add_argument
    add(
        "--index",
        type=Path,
        required=True,
        metavar="DIR",
        help="an index of the corpus; wrong passages come from its BM25",
    )
    add(
        "--corpus-questions",
        dest="sources",
        action="append",
        type=source(corpus=True),
        metavar="FILE[=PASSES]",
        help="SQuAD format; wrong passages from the corpus, and right ones too where a paragraph "
        "has a cord_uid; PASSES is how often the run goes through the file (default: 1)",
    )
    add(
        "--questions",
        dest="sources",
        action="append",
        type=source(corpus=False),
        metavar="FILE[=PASSES]",
        help="likewise; right and wrong passages from the file's own contexts",
    )
    add(
        "--base-share",
        type=share(1),
        default=0.0,
        metavar="S",
        help="publish the mean of the trained weights and the base's, which count S (default: 0)",
    )
    add(
        "--anchor",
        metavar="DIR_OR_ID",
        help="an encoder that the vectors stay near to, for it knows more than the questions teach",
    )
    add(
        "--anchor-weight",
        type=share(10**6),
        default=10.0,
        metavar="W",
        help="how much the distance from it counts, beside the two losses (default: 10)",
    )
    add("--output", type=Path, required=True, metavar="DIR", help="where to write the encoder")
    add("--work", type=Path, required=True, metavar="DIR", help="folder of checkpoint and log")
    add("--base", default=STOCK, metavar="DIR_OR_ID", help="the encoder to begin with")
    add(
        "--hold-out",
        type=at_least(0),
        default=0,
        metavar="N",
        help="leave N papers out, named in its held_out.json: scores are calibrated on them; those "
        "that a base names in its own stay left out",
    )
    add("--dimension", type=_dimension, default=64, metavar="N", help="length of a word's vector")
    add("--batch", type=at_least(2), default=32, metavar="N", help="questions in a batch")
    add("--rate", type=float, default=5e-5, help="greatest learning rate (default: 5e-5)")
    add("--seed", type=at_least(0), default=0, metavar="N")
    add("--device", choices=["auto", "cpu", "cuda"], default="auto")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    commands = parser()
    options = commands.parse_args(argv)
    if not options.sources:
        commands.error("give at least one --corpus-questions or --questions")
    try:
        import torch  # noqa: PLC0415 - seconds that --help need not wait

        from models.contrastive import TrainedEncoder  # noqa: PLC0415 - likewise

        torch.manual_seed(options.seed)
        same_run(options)
        base = encoder_folder(options.base)
        held_out = left_out(base, options.sources, options.hold_out, options.seed)
        sets = mined(options.sources, current_version(options.index), set(held_out))
        passages = [pair.positive for pairs, _ in sets for pair in pairs]
        model = TrainedEncoder(base, options.dimension, sorted(STOPWORDS))
        device = pick_device(options.device)
        model.to(device)
        chance = random.Random(options.seed)  # noqa: S311 - nothing secret
        if not model.has_trained_head:
            model.start_head(chance.sample(passages, min(_HEAD_TEXTS, len(passages))))
        anchor = None
        if options.anchor:
            kept = TrainedEncoder(encoder_folder(options.anchor), options.dimension, ()).to(device)
            anchor = kept.eval(), options.anchor_weight
        train(
            model,
            sets,
            options.work,
            size=options.batch,
            rate=options.rate,
            seed=options.seed,
            anchor=anchor,
        )
        publish(model, base, options.output, held_out, options.base_share)
    except (CorpusError, IndexingError, ModelError) as error:
        print(f"train_encoder: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("train_encoder: stopped; the same command goes on", file=sys.stderr)
        return 130
    print(f"written to {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
