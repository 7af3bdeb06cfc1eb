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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from index.corpora.squad import read_squad
from index.keywords import STOPWORDS
from index.manifest import current_version, write_durably
from index.types import CorpusError, IndexingError
from models.contracts import ModelError
from models.loading import STOCK, encoder_folder, pick_device
from scripts.arguments import at_least
from scripts.pairs import Pair, context_pairs, corpus_pairs
from scripts.training_plan import drawn, planned, rate_at

if TYPE_CHECKING:
    from models.contrastive import TrainedEncoder

_HELD_OUT = "held_out.json"
_HEAD_TEXTS = 256
_CHECKPOINT_SECONDS = 300
_LOG_STEPS = 10
_MOST_PASSES = 100
_LEFT_BEHIND = ("*.bin", "*.onnx", "*.md", ".git*", "data_config.json", "vocab.txt")


@dataclass(frozen=True, slots=True)
class Source:
    """A file of questions, how often a run goes through it, and where its passages come from."""

    path: Path
    passes: float
    corpus: bool


def train(
    model: "TrainedEncoder",
    sets: Sequence[tuple[Sequence[Pair], float]],
    folder: Path,
    *,
    size: int,
    rate: float,
    seed: int,
) -> None:
    """Train to the end of the plan, from the checkpoint in `folder` where there is one."""
    import torch  # noqa: PLC0415 - seconds that --help need not wait

    from models import contrastive  # noqa: PLC0415 - likewise

    batches = planned(sets, size, seed)
    optimizer = contrastive.optimizer_of(model, rate)
    rates = [group["lr"] for group in optimizer.param_groups]
    done = contrastive.load_checkpoint(folder, model, optimizer)
    model.train()
    saved = started = time.monotonic()
    losses: list[tuple[float, float]] = []
    for step in range(done, len(batches)):
        number, places = batches[step]
        batch = drawn(sets[number][0], places, seed + step)
        for group, highest in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = highest * rate_at(step, len(batches))
        excluded = torch.tensor(batch.excluded, device=model.cosine_scale.device)
        cosine, late = contrastive.batch_loss(model, batch.questions, batch.passages, excluded)
        (cosine + late).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append((cosine.item(), late.item()))
        if (step + 1) % _LOG_STEPS == 0 or step + 1 == len(batches):
            _log(folder, step + 1, len(batches), _means(losses), started)
            losses = []
        if time.monotonic() - saved > _CHECKPOINT_SECONDS:
            contrastive.save_checkpoint(folder, model, optimizer, step + 1)
            saved = time.monotonic()
    contrastive.save_checkpoint(folder, model, optimizer, len(batches))


def _means(losses: Sequence[tuple[float, float]]) -> list[float]:
    return [fmean(column) for column in zip(*losses, strict=True)]


def _log(folder: Path, step: int, steps: int, losses: Sequence[float], started: float) -> None:
    row = {
        "step": step,
        "of": steps,
        "loss of vectors": round(losses[0], 4),
        "loss of words": round(losses[1], 4),
        "seconds": round(time.monotonic() - started),
    }
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(f"step {step:,} of {steps:,}  vectors {losses[0]:.3f}  words {losses[1]:.3f}", flush=True)


def publish(model: "TrainedEncoder", base: Path, output: Path, held_out: Sequence[str]) -> None:
    """Write the trained encoder as a sentence-transformers folder, in half precision.

    What `output` held before stays, beside it, until the new one is in its place.
    """
    temporary, before = (output.with_name(output.name + end) for end in (".tmp", ".before"))
    for folder in (temporary, before):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(base, temporary, ignore=shutil.ignore_patterns(*_LEFT_BEHIND))
    model.transformer.half().save_pretrained(temporary)
    model.head.save(temporary)
    (temporary / _HELD_OUT).write_text(json.dumps(held_out) + "\n", encoding="utf-8")
    if output.is_dir():
        output.rename(before)
    temporary.rename(output)
    shutil.rmtree(before, ignore_errors=True)


def mined(
    sources: Sequence[Source], version: Path, held_out: set[str]
) -> list[tuple[list[Pair], float]]:
    """Return the pairs of each source, and how often a run goes through them.

    Raises CorpusError for a file that cannot be read, or where there is no pair at all.
    """
    sets = []
    for source in sources:
        questions = [
            gold
            for gold in read_squad(source.path)
            if gold.answers and gold.cord_uid not in held_out
        ]
        pairs = corpus_pairs(questions, version) if source.corpus else context_pairs(questions)
        print(f"{source.path.name}: {len(questions):,} questions, {len(pairs):,} pairs")
        sets.append((pairs, source.passes))
    if not any(pairs for pairs, _ in sets):
        raise CorpusError(
            "no question has a passage that answers it: is the index one of the papers that the "
            "questions are about?"
        )
    return sets


def drawn_papers(sources: Sequence[Source], count: int, seed: int) -> list[str]:
    """Return the cord_uids of `count` papers of the sources, to be left out of the training."""
    papers = sorted(
        {gold.cord_uid for source in sources for gold in read_squad(source.path)} - {""}
    )
    return sorted(random.Random(seed).sample(papers, min(count, len(papers))))  # noqa: S311


def same_run(options: argparse.Namespace) -> None:
    """Note the arguments of a run in its folder, or see that they are those of the run in it.

    Raises ModelError where they differ: its checkpoint would go on with other batches.
    """
    arguments = {name: str(value) for name, value in sorted(vars(options).items())}
    noted = options.work / "arguments.json"
    options.work.mkdir(parents=True, exist_ok=True)
    if not noted.is_file():
        write_durably(noted, json.dumps(arguments, indent=2) + "\n")
        return
    try:
        before = dict(json.loads(noted.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ModelError(f"{noted} is damaged: give another --work") from error
    different = [name for name in arguments if before.get(name) != arguments[name]]
    if different:
        raise ModelError(
            f"the run in {options.work} has another {', '.join(different)}: give the same "
            "arguments to go on, or another --work to start afresh"
        )


def _source(*, corpus: bool) -> Callable[[str], Source]:
    def parse(text: str) -> Source:
        name, _, passes = text.partition("=")
        try:
            source = Source(Path(name), float(passes or 1), corpus)
        except ValueError:
            source = Source(Path(name), 0, corpus)
        if not 0 < source.passes <= _MOST_PASSES:
            raise argparse.ArgumentTypeError(
                f"{text!r}: write FILE or FILE=PASSES, at most {_MOST_PASSES}"
            )
        return source

    return parse


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
        type=_source(corpus=True),
        metavar="FILE[=PASSES]",
        help="SQuAD format; wrong passages from the corpus, and right ones too where a paragraph "
        "has a cord_uid; PASSES is how often the run goes through the file (default: 1)",
    )
    add(
        "--questions",
        dest="sources",
        action="append",
        type=_source(corpus=False),
        metavar="FILE[=PASSES]",
        help="likewise; right and wrong passages from the file's own contexts",
    )
    add("--output", type=Path, required=True, metavar="DIR", help="where to write the encoder")
    add("--work", type=Path, required=True, metavar="DIR", help="folder of checkpoint and log")
    add("--base", default=STOCK, metavar="DIR_OR_ID", help="the encoder to begin with")
    add(
        "--hold-out",
        type=at_least(0),
        default=0,
        metavar="N",
        help="leave N papers out, named in its held_out.json: scores are calibrated on them",
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
        held_out = drawn_papers(options.sources, options.hold_out, options.seed)
        sets = mined(options.sources, current_version(options.index), set(held_out))
        passages = [pair.positive for pairs, _ in sets for pair in pairs]
        base = encoder_folder(options.base)
        model = TrainedEncoder(base, options.dimension, sorted(STOPWORDS))
        model.to(pick_device(options.device))
        chance = random.Random(options.seed)  # noqa: S311 - nothing secret
        model.start_head(chance.sample(passages, min(_HEAD_TEXTS, len(passages))))
        train(model, sets, options.work, size=options.batch, rate=options.rate, seed=options.seed)
        publish(model, base, options.output, held_out)
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
