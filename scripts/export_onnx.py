"""Makes the files with which a model runs on a CPU without torch, and compares them with torch."""

import argparse
import os
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from itertools import cycle
from pathlib import Path

from index.corpora.squad import GoldQuestion, read_squad
from index.manifest import current_version
from index.passages import PASSAGES, PassageStore
from index.types import CorpusError, IndexingError
from models.contracts import ENCODER, READER, ModelError
from models.loading import DEFAULT, has_weights, model_folder
from models.onnx.files import GRAPH, Record
from scripts.arguments import at_least, command, expect_use, some_path
from scripts.outputs import refusal
from service.questions import QUESTIONS
from service.settings import Settings, StartError

_FEWEST = {READER: 240, ENCODER: 2}
"""Passages to compare on: of the shipped reader, most samples of 10 to 200 gave a wrong verdict."""

_AROUND = 700  # characters kept on either side of an answer's beginning


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command("export_onnx", __doc__, example="reader --questions dev.json.gz")
    add = arguments.add_argument
    add("kind", choices=[READER, ENCODER], help="what the model does")
    add(
        "--model",
        default=DEFAULT,
        metavar="DIR_OR_ID",
        help="a folder or a hub id (default: the one that comes with CovidQuest)",
    )
    add(
        "--output",
        type=some_path,
        metavar="DIR",
        help=f"where {GRAPH} goes (default: the model's own folder). Another folder gets all that "
        "serving needs, and COVIDQUEST_READER or COVIDQUEST_ENCODER may name it",
    )
    add(
        "--finer",
        action="store_true",
        help="a reader that is more exact and slower: its widest products are rounded by blocks",
    )
    texts = arguments.add_mutually_exclusive_group()
    texts.add_argument(
        "--questions",
        type=some_path,
        metavar="FILE",
        help="compare on these questions and their contexts: SQuAD format, .json or .json.gz",
    )
    texts.add_argument(
        "--index",
        type=some_path,
        metavar="DIR",
        help="compare on passages of this index (default: COVIDQUEST_INDEX, else var/sample)",
    )
    add(
        "--limit",
        type=at_least(2),
        default=_FEWEST[READER],
        metavar="N",
        help="how many passages; of a reader, those of one half of the texts tell how to round "
        "(default, and fewest of a reader: %(default)s)",
    )
    return arguments


def from_index(folder: Path, count: int) -> list[tuple[str, str]]:
    """Return suggested questions, each with a passage of an index. Raises IndexingError."""
    with closing(PassageStore(current_version(folder) / PASSAGES)) as store:
        total = store.passages
        places = [at * total // count for at in range(count)] if total > count else range(total)
        passages = [text for place in places for _, _, text in store.texts(place, place + 1)]
    return list(zip(cycle(question.text for question in QUESTIONS), passages, strict=False))


def near_answer(gold: GoldQuestion) -> str:
    """Return the part of a question's context that holds its first answer, or begins it."""
    start = gold.starts[0] if gold.starts else 0
    return gold.context[max(0, start - _AROUND) : start + _AROUND]


def halves(texts: Sequence[str]) -> tuple[list[int], list[int]]:
    """Return the places of two halves of some texts; equal ones are in the same half."""
    equal: defaultdict[str, list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        equal[text].append(place)
    first: list[int] = []
    second: list[int] = []
    for places in equal.values():
        min(first, second, key=len).extend(places)
    return first, second


def f1_lost(
    found: Sequence[str], expected: Sequence[str], golds: Sequence[GoldQuestion]
) -> dict[str, float]:
    """Return how many points of F1 answers lose against other ones, in percent.

    Of some hundred questions a few always fall out another way. "At least" so many are lost: the
    mean less twice its standard error.
    """
    from scripts.metrics import f1  # noqa: PLC0415 - seconds that --help need not wait

    losses = [
        100 * (f1(right, gold.answers) - f1(made, gold.answers))
        for made, right, gold in zip(found, expected, golds, strict=True)
        if gold.answers
    ]
    if len(losses) < 2:  # noqa: PLR2004 - one has no spread
        return {}
    mean = statistics.fmean(losses)
    error = statistics.stdev(losses) / len(losses) ** 0.5
    return {"f1_lost": round(mean, 3), "f1_lost_at_least": round(mean - 2 * error, 3)}


def export(options: argparse.Namespace, settings: Settings) -> Record:
    """Make the files. Raises CorpusError, IndexingError and ModelError."""
    golds: list[GoldQuestion] = []
    if options.questions:
        golds = list(read_squad(options.questions, options.limit))
        asked = [(gold.question, near_answer(gold)) for gold in golds]
        texts = [gold.context for gold in golds]
    else:
        asked = from_index(options.index or settings.index, options.limit)
        texts = [passage for _, passage in asked]
    if len(asked) < (fewest := _FEWEST[options.kind]):
        raise CorpusError(
            f"{len(asked)} passages to compare on are too few, the verdict would be chance: give "
            f"--questions, --index or --limit with {fewest} or more"
        )
    calibrating, checking = halves(texts)
    fewer = min(len(calibrating), len(checking))
    if options.kind == READER and fewer < fewest // 3:
        raise CorpusError(
            f"the {len(asked)} questions are about too few texts: one half of the texts tells how "
            f"to round, the other is compared, and one of them has {fewer} questions: give "
            "--questions about more texts, or a greater --limit"
        )
    source = model_folder(options.kind, options.model)
    target = options.output or source
    if options.output and (wrong := refusal(target)):
        raise ModelError(wrong)
    if target.resolve() != source.resolve() and has_weights(target):
        raise ModelError(
            f"{target} holds a model of its own, whose files would be replaced: name another "
            "folder to write"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"{target} cannot be made ({error.strerror}): give --output a folder"
        ) from error
    if target.exists() and not target.is_dir():
        raise ModelError(f"{target} is a file: give --output a folder")

    from models.onnx import making  # noqa: PLC0415 - seconds that --help need not wait

    if options.kind == ENCODER:
        return making.make_encoder(source, target, asked, print)

    def measure(found: Sequence[str], expected: Sequence[str]) -> dict[str, float]:
        return f1_lost(found, expected, [golds[place] for place in checking])

    return making.make_reader(
        source,
        target,
        [asked[place] for place in calibrating],
        [asked[place] for place in checking],
        print,
        measure=measure if golds else None,
        finer=options.finer,
    )


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    commands = parser()
    options = commands.parse_args(argv)
    if options.kind == ENCODER:
        expect_use(commands, options, "to an encoder", "finer")
    try:
        record = export(options, Settings.from_environment(os.environ))
    except (CorpusError, IndexingError, ModelError, StartError, OSError) as error:
        print(f"export_onnx: {error}", file=sys.stderr)
        return 1
    print(f"{GRAPH} of {record.model} is as good as the weights")
    return 0


if __name__ == "__main__":
    sys.exit(main())
