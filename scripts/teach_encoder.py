"""Teaches an encoder's words to order passages as a reader does.

For each question the passages that the index finds are judged by the reader, which takes most of
the time; then the encoder learns from these judgements. A run can be stopped at any time: the same
command goes on. The vectors of whole texts stay near to what they are. The index has to be built
again with the new encoder.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from index.manifest import sha256
from index.types import CorpusError, IndexingError
from models.contracts import ModelError
from models.loading import DEFAULT, encoder_folder, identity, pick_device, reader_folder
from scripts.arguments import above_0, at_least
from scripts.encoder_pairs import left_out
from scripts.judged_questions import broad_questions, judge, mixed, questions_of, read_judged
from scripts.train_encoder import publish
from scripts.training_arguments import add_base_share, add_course, add_output, add_sources, command
from scripts.training_runs import Source, digest, expect_to_replace, same_run
from service.loading import StartError, load_models, snapshot
from service.settings import Settings, SettingsError

if TYPE_CHECKING:
    from scripts.judged_questions import Judged

_JUDGED = "judged.jsonl"
_LEARNING = "learning"
_FREE = ("index", "output", "work", "device", "judge_only")
_OF_LEARNING = ("passes", "batch", "learnt", "temperature", "rate", "minutes", "base_share")
"""Arguments that may differ where questions are judged already, for another learning."""


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command("teach_encoder", __doc__)
    add = arguments.add_argument
    add(
        "--index",
        type=Path,
        metavar="DIR",
        help="an index that was built with the base (default: COVIDQUEST_INDEX, else var/sample)",
    )
    add_sources(
        arguments,
        corpus_questions="SQuAD format, with the cord_uid of each paragraph",
        made_questions="likewise: passages with questions that scripts.make_questions made up",
        passes="PASSES is the share of the questions that is judged, or how often they are "
        "(default: 1)",
    )
    add_output(
        arguments,
        "encoder",
        "the judgements, and in its folder learning of checkpoint and log: remove that one to "
        "learn anew from the same judgements",
    )
    add("--reader", default=DEFAULT, metavar="DIR_OR_ID", help="the reader (default: the shipped)")
    add("--base", default=DEFAULT, metavar="DIR_OR_ID", help="the encoder to begin with (likewise)")
    add("--judged", type=at_least(2), default=16, metavar="N", help="passages of each question")
    add(
        "--keep-titles",
        type=at_least(0),
        default=0,
        metavar="N",
        help="also N parts of papers' titles, as broad questions whose order of passages is to "
        "stay as the base has it (default: 0)",
    )
    add("--judge-only", action="store_true", help="judge, and end")
    add("--passes", type=above_0, default=1.0, metavar="N", help="how often all are learnt from")
    add("--batch", type=at_least(2), default=8, metavar="N", help="questions in a batch")
    add("--learnt", type=at_least(2), default=6, metavar="N", help="passages of each in a batch")
    add(
        "--temperature", type=above_0, default=1.5, metavar="T", help="judgements are divided by it"
    )
    add_base_share(arguments)
    add_course(arguments, rate="4e-5")
    return arguments


def _see_that_it_has_words(base: Path) -> None:
    """Raise ModelError now, rather than after minutes of judging."""
    from models.late import CONFIG  # noqa: PLC0415 - it imports torch, for which --help need not wait

    if not (base / CONFIG).is_file():
        raise ModelError(f"{base} has no vectors of words: train them first (train_encoder)")


def _judge(options: argparse.Namespace, base: Path, held_out: Sequence[str]) -> None:
    """Have the questions judged that are not yet."""
    sources: list[Source] = options.sources
    settings = Settings.from_environment(os.environ)
    settings = replace(
        settings,
        index=options.index or settings.index,
        encoder=str(base),
        reader=options.reader,
        device=options.device,
    )
    models = load_models(settings)
    answerer = snapshot(settings, models)
    sets = [(questions_of(answerer, one, set(held_out)), one.passes) for one in sources]
    if options.keep_titles:
        sets.append((broad_questions(answerer, options.keep_titles, options.seed), 1.0))
    asked = mixed(sets, options.seed)
    if not asked:
        raise CorpusError("no question has a passage in the index that answers it")
    read = {
        "base (its weights)": identity(base),
        "reader (its weights)": identity(reader_folder(options.reader)),
        "questions (what the files hold)": digest(sha256(one.path) for one in sources),
    }
    same_run(options, read, free=(*_FREE, *_OF_LEARNING))
    path = options.work / _JUDGED
    judge(answerer, models.reader, asked, path, most=options.judged, seed=options.seed)


def _learning_folder(options: argparse.Namespace, base: Path) -> Path:
    """Return where checkpoint and log are, once it is seen to be of a run like this one."""
    folder = Path(options.work / _LEARNING)
    read = {
        "base (its weights)": identity(base),
        "judgements": sha256(options.work / _JUDGED),
    }
    same_run(argparse.Namespace(**vars(options) | {"work": folder}), read, free=_FREE)
    return folder


def _learn(
    options: argparse.Namespace, base: Path, held_out: Sequence[str], judged: Sequence["Judged"]
) -> None:
    import torch  # noqa: PLC0415 - seconds that --help need not wait

    from models.contrastive import TrainedEncoder  # noqa: PLC0415 - likewise
    from scripts.judged_training import Learning, train  # noqa: PLC0415 - likewise

    if not judged:
        raise CorpusError("there is nothing to learn: no question has a passage")
    folder = _learning_folder(options, base)
    torch.manual_seed(options.seed)
    device = pick_device(options.device)
    model, kept = (TrainedEncoder(base, 0, ()).to(device) for _ in range(2))
    learning = Learning(
        rate=options.rate,
        temperature=options.temperature,
        passes=options.passes,
        minutes=options.minutes,
        batch=options.batch,
        passages=options.learnt,
        seed=options.seed,
    )
    train(model, kept.eval(), judged, folder, learning)
    publish(model.to("cpu"), base, options.output, held_out, options.base_share)


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    commands = parser()
    options = commands.parse_args(argv)
    if not options.sources:
        commands.error("give at least one --corpus-questions or --made-questions")
    try:
        expect_to_replace(options.output, options.work)
        base = encoder_folder(options.base)
        _see_that_it_has_words(base)
        held_out = left_out(base, options.sources, 0, options.seed)
        _judge(options, base, held_out)
        if not options.judge_only:
            judged = [one for one in read_judged(options.work / _JUDGED) if one.passages]
            _learn(options, base, held_out, judged)
    except (CorpusError, IndexingError, ModelError, SettingsError, StartError) as error:
        print(f"teach_encoder: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("teach_encoder: stopped; the same command goes on", file=sys.stderr)
        return 130
    print(f"written to {options.work / _JUDGED if options.judge_only else options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
