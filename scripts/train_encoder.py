"""Trains the encoder on questions and passages of the field, and gives its words vectors too.

The passages that look right and are not come from the index's own BM25, so build an index first,
with the stock encoder. Training can be stopped at any time: the same command goes on. The pairs
are kept in --work: where that folder is taken along, training needs neither index nor questions,
but their names.
"""

import argparse
import json
import random
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from index.types import CorpusError, IndexingError
from models.contracts import ModelError
from models.late_config import CONFIG
from models.loading import (
    STOCK,
    encoder_folder,
    hidden_width,
    identity,
    pick_device,
    read_config,
)
from models.tokenizer import cut_alike
from scripts.arguments import at_least, command, expect_use, some_path, up_to
from scripts.encoder_pairs import HELD_OUT, PairSet, mined
from scripts.ending import stopped
from scripts.training_arguments import add_base_share, add_course, add_output, add_sources
from scripts.training_runs import (
    checksum,
    expect_to_keep,
    expect_to_replace,
    replacing,
    same_run,
)

if TYPE_CHECKING:
    from models.contrastive import TrainedEncoder

_HEAD_TEXTS = 256
_DIMENSION = 64
_FREE = ("index", "output", "work", "device", "num_workers", "mine_only")
"""Arguments that may differ where a run goes on: its pairs are found already."""

_LEFT_BEHIND = ("*.bin", "*.onnx", "*.int8.json", "*.md", ".git*", "data_config.json", "vocab.txt")


def publish_encoder(
    model: "TrainedEncoder", base: Path, output: Path, held_out: Sequence[str], share: float
) -> None:
    """Write the trained encoder as a sentence-transformers folder, in half precision.

    Each weight is the mean of the trained one and the base's, which counts `share` (Wortsman et
    al., "Robust fine-tuning of zero-shot models", 2022); the head is as it was trained. Raises
    ModelError where a weight is no finite number, also once it is stored.
    """
    from models.training import expect_finite  # noqa: PLC0415 - seconds that --help need not wait

    model.move_towards(base, share)
    expect_finite(model.half())
    with replacing(output) as folder:
        shutil.copytree(
            base, folder, ignore=shutil.ignore_patterns(*_LEFT_BEHIND), dirs_exist_ok=True
        )
        model.transformer.save_pretrained(folder)
        model.head.save(folder)
        (folder / HELD_OUT).write_text(json.dumps(held_out) + "\n", encoding="utf-8")


def _dimension(text: str) -> int:
    """Return a length that `index.word_vectors` can store: four coordinates to a byte."""
    value = at_least(8)(text)
    if value % 4:
        raise argparse.ArgumentTypeError(f"{text!r} is not divisible by 4")
    return value


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command("train_encoder", __doc__, as_written=True)
    add = arguments.add_argument
    add(
        "--index",
        type=some_path,
        metavar="DIR",
        help="an index of the corpus; wrong passages come from its BM25",
    )
    add_sources(
        arguments,
        corpus_questions="SQuAD format; wrong passages from the corpus, and right ones too where "
        "a paragraph has a cord_uid",
        questions="likewise; right and wrong passages from the file's own contexts",
        made_questions="passages with questions that scripts.make_questions made up; each "
        "question's right passage is its own",
    )
    add_output(arguments, "encoder")
    add(
        "--dense-negatives",
        type=at_least(0),
        default=0,
        metavar="N",
        help="take N more wrong passages for each question, that the encoder itself finds before "
        "it is trained, among those with made-up questions",
    )
    add_base_share(arguments)
    add(
        "--anchor",
        metavar="DIR_OR_ID",
        help="an encoder that the vectors stay near to, for it knows more than the questions teach",
    )
    add(
        "--anchor-weight",
        type=up_to(10**6),
        default=10.0,
        metavar="W",
        help="how much the distance from it counts, beside the two losses (default: 10)",
    )
    add("--base", default=STOCK, metavar="DIR_OR_ID", help="the encoder to begin with")
    add(
        "--hold-out",
        type=at_least(0),
        default=0,
        metavar="N",
        help="leave N papers out, named in its held_out.json: scores are calibrated on them; those "
        "that a base names in its own stay left out",
    )
    add(
        "--dimension",
        type=_dimension,
        metavar="N",
        help=f"length of a word's vector (default: that of the base, or {_DIMENSION})",
    )
    add("--batch", type=at_least(2), default=32, metavar="N", help="questions in a batch")
    add_course(arguments, rate="5e-5")
    add(
        "--num-workers",
        type=at_least(0),
        default=0,
        metavar="N",
        help="cut all texts into tokens in N processes before training (default: in this one, when "
        "they are wanted)",
    )
    add("--mine-only", action="store_true", help="find the pairs, put them into --work, and end")
    return arguments


def _train(
    options: argparse.Namespace, base: Path, held_out: Sequence[str], sets: Sequence[PairSet]
) -> None:
    import torch  # noqa: PLC0415 - seconds that --help need not wait

    from models.contrastive import TrainedEncoder  # noqa: PLC0415 - likewise
    from scripts.encoder_negatives import with_dense_negatives  # noqa: PLC0415 - likewise
    from scripts.encoder_training import EncoderLessons, train  # noqa: PLC0415 - likewise

    torch.manual_seed(options.seed)
    device = pick_device(options.device)
    if device == "cuda":
        torch.set_float32_matmul_precision("high")
    model = TrainedEncoder(base, options.dimension or _DIMENSION, _stopwords(base)).to(device)
    if options.dimension and model.head.config.dimension != options.dimension:
        raise ModelError(
            f"{base} has a head whose vectors are of {model.head.config.dimension} numbers: do "
            "without --dimension"
        )
    if not model.has_trained_head:
        passages = [pair.positive for some in sets for pair in some.pairs]
        chance = random.Random(options.seed)  # noqa: S311 - nothing secret
        model.start_head(chance.sample(passages, min(_HEAD_TEXTS, len(passages))))
    anchor = None
    if options.anchor:
        folder, dimension = encoder_folder(options.anchor), model.head.config.dimension
        anchor = TrainedEncoder(folder, dimension, ()).to(device)
        anchor.eval()
    tables = model.tables()
    if options.dense_negatives:
        sets = with_dense_negatives(
            model,
            sets,
            tables,
            options.work,
            count=options.dense_negatives,
            workers=options.num_workers,
        )
    lessons = EncoderLessons(sets, options.batch, options.seed, tables)
    train(model, lessons, options, anchor)
    if device == "cuda":
        print(f"most memory of the GPU: {torch.cuda.max_memory_allocated() / 1e9:.1f} GB")
    publish_encoder(model.to("cpu"), base, options.output, held_out, options.base_share)


def _expect_comparable(base: Path, anchor: Path) -> None:
    """Raise ModelError now, rather than after mining, where an anchor can't be stayed near to."""
    widths = [hidden_width(read_config(folder)) for folder in (base, anchor)]
    if widths[0] != widths[1]:
        raise ModelError(
            f"the anchor's vectors have {widths[1]} numbers and the base's {widths[0]}: give one "
            "that is as wide"
        )
    if not cut_alike(base, anchor):
        raise ModelError(
            "the anchor cuts texts into other tokens than the base does: give one with the same "
            "tokenizer.json"
        )


def _stopwords(base: Path) -> list[str]:
    """Return the words that a new head gives no vector; a base that has a head has its own."""
    if (base / CONFIG).is_file():
        return []
    # BM25's, with what a machine that only trains may lack
    from index.keywords import STOPWORDS  # noqa: PLC0415

    return sorted(STOPWORDS)


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    commands = parser()
    options = commands.parse_args(argv)
    if not options.sources:
        commands.error("give at least one --corpus-questions, --questions or --made-questions")
    if options.dense_negatives and not any(one.made for one in options.sources):
        commands.error("--dense-negatives needs --made-questions")
    if not options.anchor:
        expect_use(commands, options, "without --anchor", "anchor_weight")
    try:
        base = encoder_folder(options.base)
        anchor = encoder_folder(options.anchor) if options.anchor else None
        sources = (one.path for one in options.sources)
        expect_to_replace(options.output, options.work, base, anchor, *sources)
        expect_to_keep(options.work)
        if anchor:
            _expect_comparable(base, anchor)
        held_out, sets = mined(options, base)
        if not options.mine_only:
            read = {
                "base (its weights)": identity(base),
                "pairs": checksum(pair for some in sets for pair in some.pairs),
            }
            if anchor:
                read["anchor (its weights)"] = identity(anchor)
            same_run(options, read, free=_FREE)
            _train(options, base, held_out, sets)
    except (CorpusError, IndexingError, ModelError, OSError) as error:
        print(f"train_encoder: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        return stopped("train_encoder", "the same command goes on", error)
    print(f"written to {options.work if options.mine_only else options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
