"""Trains a reader on question sets in the SQuAD format.

The passages that look right and don't answer come from the BM25 of an index, as the service would
show them, so build an index first. A run can be stopped at any time: the same command goes on.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from files.checksums import sha256
from index.types import CorpusError, IndexingError
from models.contracts import ModelError
from models.loading import (
    DEFAULT,
    STOCK,
    encoder_folder,
    identity,
    pick_device,
    reader_folder,
    resolve,
)
from scripts.arguments import at_least, command, expect_use, some_path, up_to
from scripts.ending import stopped
from scripts.reader_examples import Asked, planned
from scripts.reader_lessons import Lessons
from scripts.reader_sources import asked_of
from scripts.taught import Taught
from scripts.training_arguments import add_base_share, add_course, add_output, add_sources
from scripts.training_runs import (
    TOKENIZER_FILES,
    checksum,
    expect_to_keep,
    expect_to_replace,
    replacing,
    same_run,
)

if TYPE_CHECKING:
    from models.finetuning import Network


_FREE = ("device", "index", "mined_passages", "output", "processes", "taught", "work")
"""Options that change nothing of what is learnt: a run may go on with others."""


def publish_reader(network: "Network", base: Path, output: Path, base_share: float) -> None:
    """Write the trained reader in half precision, with the tokenizer of its base.

    Each weight is the mean of the trained one and the base's, which counts `base_share` (Wortsman
    et al., "Robust fine-tuning of zero-shot models", 2022). Raises ModelError where a weight is
    no finite number, also once it is stored.
    """
    from models.finetuning import blend  # noqa: PLC0415 - seconds that --help need not wait
    from models.training import expect_finite  # noqa: PLC0415 - likewise

    if base_share:
        blend(network, base, base_share)
    expect_finite(network.half())
    with replacing(output) as folder:
        for name in TOKENIZER_FILES:
            if (base / name).is_file():
                shutil.copy(base / name, folder / name)
        network.save_pretrained(folder)  # type: ignore[operator]


def _read(options: argparse.Namespace, base: Path, asked: Sequence[Asked]) -> dict[str, str]:
    """Return what a run is made of: `scripts.training_runs.same_run` compares it."""
    found = {
        "base (its weights)": identity(base),
        "questions (what the files hold)": checksum(sha256(one.path) for one in options.sources),
        "mined passages": checksum(
            list(some)
            for one, source in zip(asked, options.sources, strict=True)
            if not source.made  # theirs are of the file itself
            for some in (*one.wrong, *one.right)
        ),
    }
    if options.teacher:
        found["teacher (its weights)"] = identity(reader_folder(options.teacher))
    return found


def _needed(options: argparse.Namespace, base: Path) -> list[Path | None]:
    """Return what a run reads, and where it keeps what it makes. Raises ModelError."""
    teacher = reader_folder(options.teacher) if options.teacher else None
    questions = [one.path for one in options.sources]
    return [options.work, options.mined_passages, options.taught, base, teacher, *questions]


def _taught(options: argparse.Namespace, base: Path) -> Taught | None:
    """Return where what the teacher says is kept, if it is. Raises ModelError for damage."""
    if not options.taught and options.rounds == 1:
        return None
    folder = options.taught or options.work / "taught"
    return Taught.of(folder, base, reader_folder(options.teacher))


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command("train_reader", __doc__, as_written=True)
    add = arguments.add_argument
    add_sources(
        arguments,
        corpus_questions="SQuAD format; unanswerable windows come from the rest of the same text "
        "and from the index",
        questions="likewise; unanswerable windows come from the file's own contexts",
        made_questions="passages with questions that were made up (see make_questions); needs "
        "--teacher, which has to say what the answer is",
    )
    add_output(arguments, "reader")
    add("--index", type=some_path, metavar="DIR", help="an index of the corpus, for its BM25")
    add(
        "--mined-passages",
        type=some_path,
        metavar="DIR",
        help="where the wrong passages are kept once they are mined: with that folder a run needs "
        "no index (default: in --work)",
    )
    add(
        "--base",
        default=DEFAULT,
        metavar="DIR_OR_ID",
        help="the reader to begin with, or an encoder with --new-head (default: the shipped one)",
    )
    add(
        "--new-head",
        action="store_true",
        help="begin with a new head for answers: a base without one needs it",
    )
    add(
        "--own",
        type=up_to(10),
        default=1.0,
        metavar="N",
        help="windows of the same text without the answer, for each with it (default: 1)",
    )
    add(
        "--mined",
        type=up_to(10),
        default=1.0,
        metavar="N",
        help="wrong passages of the index, likewise; for a made-up question passages near its own "
        "(default: 1)",
    )
    add(
        "--mined-elsewhere",
        type=up_to(10),
        default=0.15,
        metavar="N",
        help="wrong contexts for each question of --questions (default: 0.15)",
    )
    add(
        "--together",
        type=at_least(0),
        default=0,
        metavar="N",
        help="also learn each question's passage of the index that holds the answer together with "
        "N wrong ones, whose spans must score less (default: 0, not)",
    )
    add_base_share(arguments)
    add("--teacher", metavar="DIR_OR_ID", help="a larger reader whose distributions are learnt too")
    add("--teacher-weight", type=up_to(1), default=0.5, metavar="W", help="its share of the loss")
    add(
        "--rounds",
        type=at_least(1),
        default=1,
        metavar="N",
        help="go through the same windows N times; a teacher reads each once (default: 1)",
    )
    add(
        "--taught",
        type=some_path,
        metavar="DIR",
        help="where what the teacher says of windows is kept, for other runs too (default: in "
        "--work, with --rounds)",
    )
    add(
        "--drop-words",
        type=up_to(0.9),
        default=0.0,
        metavar="S",
        help="leave out this share of the words, but for the answer, anew in each pass, and not in "
        "each round (default: 0)",
    )
    add("--batch-tokens", type=at_least(64), default=5400, metavar="N", help="tokens in a batch")
    add("--max-length", type=at_least(32), default=384, metavar="N", help="tokens of a window")
    add(
        "--processes",
        type=at_least(0),
        default=0,
        metavar="N",
        help="make windows in N other processes: a GPU needs about 8 (default: 0, in this one)",
    )
    add_course(arguments, rate="1.2e-4")
    return arguments


def _expect_use(commands: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End with a usage error where options were given that count for nothing."""
    if all(one.kind != "contexts" for one in options.sources):
        expect_use(commands, options, "without --questions", "mined_elsewhere")
    if all(one.kind != "corpus" for one in options.sources):
        expect_use(commands, options, "without --corpus-questions", "own", "together")
        if all(one.kind != "made" for one in options.sources):
            without = "without --corpus-questions or --made-questions"
            expect_use(commands, options, without, "mined")
    if not options.teacher:
        expect_use(commands, options, "without --teacher", "teacher_weight", "taught")


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    commands = parser()
    options = commands.parse_args(argv)
    if not options.sources:
        commands.error("give at least one --corpus-questions, --questions or --made-questions")
    if any(one.corpus for one in options.sources) and not (options.index or options.mined_passages):
        commands.error("--corpus-questions needs --index, or --mined-passages")
    if any(one.made for one in options.sources) and not options.teacher:
        commands.error("--made-questions needs --teacher")
    if options.base_share and options.new_head:
        commands.error("--base-share is a share of a base that has a head")
    _expect_use(commands, options)
    try:
        base = resolve_base(options.base)
        expect_to_replace(options.output, *_needed(options, base))
        expect_to_keep(options.work)
        import torch  # noqa: PLC0415 - seconds that --help need not wait

        from models.finetuning import load_network  # noqa: PLC0415 - likewise
        from scripts.reader_losses import Teacher  # noqa: PLC0415 - likewise
        from scripts.reader_training import train  # noqa: PLC0415 - likewise

        torch.manual_seed(options.seed)
        device = pick_device(options.device)
        teacher = Teacher.load(options, device, _taught(options, base)) if options.teacher else None
        network = load_network(base, device, new_head=options.new_head)
        asked = asked_of(options.sources, options)
        same_run(options, _read(options, base, asked), free=_FREE)
        plan = planned(asked, options.seed, options.rounds)
        print(f"{len(plan):,} examples", flush=True)
        train(network, Lessons(base, asked, plan, options), options, teacher)
        publish_reader(network, base, options.output, options.base_share)
    except (CorpusError, IndexingError, ModelError, OSError) as error:
        print(f"train_reader: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        return stopped("train_reader", "the same command goes on", error)
    print(f"written to {options.output}")
    return 0


def resolve_base(name: str) -> Path:
    """Return the folder of the model to begin with: a reader's, or an encoder's for a new head."""
    if name == STOCK:
        return encoder_folder(name)
    return reader_folder(name) if name == DEFAULT else resolve(name)


if __name__ == "__main__":
    sys.exit(main())
