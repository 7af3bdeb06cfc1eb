"""Writes questions that passages answer, to train an encoder on: learns how, then does it.

First write an index's passages to a file (--index), or those of question sets (--contexts); then
learn from --questions and write the same file with its questions. A generator that was kept
(--save) is a --base that need not learn.
"""

import argparse
import random
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from index.types import CorpusError, IndexingError
from models.contracts import ModelError
from models.loading import encoder_folder, pick_device
from scripts.arguments import at_least, command, expect_use, some_path, up_to
from scripts.ending import stopped
from scripts.passage_files import Row, expect_to_write, read_rows, write_rows
from scripts.question_passages import of_contexts, of_index
from scripts.training_arguments import add_course, add_sources
from scripts.training_runs import expect_to_replace, replacing

if TYPE_CHECKING:
    from models.contracts import IntArray
    from models.question_generation import QuestionGenerator

_BATCH_TOKENS = {"cpu": 2048, "cuda": 32_768}
_TIMES = 8  # as many tokens are kept of passages as one batch of training has
_TOKENISED = 4096  # passages at a time
_SHOWN = 20
_OF_WRITING = (
    *("base", "passages", "limit", "save", "per_passage", "temperature"),
    *("batch_tokens", "rate", "minutes", "seed", "device"),
)


def tokenised(model: "QuestionGenerator", rows: Sequence[Row]) -> "list[IntArray]":
    """Return the tokens of each passage."""
    tokens: list[IntArray] = []
    for at in range(0, len(rows), _TOKENISED):
        texts = [row["text"] for row in rows[at : at + _TOKENISED]]
        tokens += model.tokens_of(texts, model.passage_tokens)
    return tokens


def write(
    model: "QuestionGenerator", tokens: "Sequence[IntArray]", options: argparse.Namespace
) -> list[list[str]]:
    """Return the questions of each passage."""
    import torch  # noqa: PLC0415 - seconds that --help need not wait

    from models.question_generation import (  # noqa: PLC0415 - likewise
        QUESTION_TOKENS,
        columns_for,
    )
    from models.question_sampling import (  # noqa: PLC0415 - likewise
        Sampling,
        question_texts,
        sampled,
        worth_keeping,
    )
    from models.tensors import fast_in_bfloat16  # noqa: PLC0415 - likewise
    from scripts.training_course import RunLog  # noqa: PLC0415 - likewise

    device = model.bias.device
    if fast_in_bfloat16(device):
        model.bfloat16()
    model.eval()
    chance = torch.Generator(device).manual_seed(options.seed)
    sampling = Sampling(options.temperature)
    most = _TIMES * options.batch_tokens
    order = sorted(range(len(tokens)), key=lambda place: -len(tokens[place]))
    found: list[list[str]] = [[] for _ in tokens]
    log = RunLog()
    at = 0
    while at < len(order):
        longest = columns_for(len(tokens[order[at]]) + 2) + columns_for(QUESTION_TOKENS)
        some = order[at : at + max(1, most // longest)]
        passages = [tokens[place] for place in some]
        written = sampled(model, passages, options.per_passage, sampling, chance)
        texts = zip(*(question_texts(model, one) for one in written), strict=True)
        for place, questions in zip(some, texts, strict=True):
            found[place] = list(worth_keeping(questions))
        at += len(some)
        log.add(len(some))
        if log.is_due() or at == len(order):
            log.tell_pace("write", at / len(order), "passages")
    return found


def show(rows: Sequence[Row], seed: int) -> None:
    """Print some passages, of all that have a question, with one of theirs."""
    asked = [row for row in rows if row["questions"]]
    some = random.Random(seed).sample(asked, min(_SHOWN, len(asked)))  # noqa: S311 - nothing secret
    for row in some:
        print(f"{' '.join(row['text'].split())[:90]} ...\n    {row['questions'][0]}")


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command("make_questions", __doc__, as_written=True)
    add = arguments.add_argument
    add(
        "--index",
        type=some_path,
        metavar="DIR",
        help="write its passages to --output, and no question",
    )
    add(
        "--contexts",
        action="append",
        type=some_path,
        metavar="FILE",
        help="likewise the contexts of a file in the SQuAD format, cut to 140 words; repeatable",
    )
    add(
        "--base",
        metavar="DIR_OR_ID",
        help="the encoder to begin with, an MPNet, or a generator that --save wrote",
    )
    add_sources(arguments, questions="SQuAD format, to learn from")
    add(
        "--passages",
        type=some_path,
        metavar="FILE",
        help='JSON lines, each an object with a "text"',
    )
    add(
        "--output",
        type=some_path,
        required=True,
        metavar="FILE",
        help='where to write the passages, each with its "questions": gzipped JSON lines',
    )
    add("--per-passage", type=at_least(1), default=1, metavar="N", help="questions of a passage")
    add("--limit", type=at_least(1), metavar="N", help="only the first N passages")
    add("--temperature", type=up_to(10), default=0.8, metavar="T", help="0: the likeliest tokens")
    add(
        "--batch-tokens",
        type=at_least(64),
        metavar="N",
        help="tokens in a batch; eight times as many of passages that questions are written to "
        "(default: 2048 on a CPU, 32768 on a GPU)",
    )
    add("--save", type=some_path, metavar="DIR", help="keep the generator there")
    add_course(arguments, rate="1e-4")
    return arguments


def make(options: argparse.Namespace) -> None:
    """Learn and write. Raises CorpusError, IndexingError, ModelError."""
    import torch  # noqa: PLC0415 - seconds that --help need not wait

    from models.question_generation import QuestionGenerator  # noqa: PLC0415 - likewise
    from scripts.question_training import asked_of, train  # noqa: PLC0415 - likewise

    torch.manual_seed(options.seed)
    device = pick_device(options.device)
    options.batch_tokens = options.batch_tokens or _BATCH_TOKENS[device]
    base = encoder_folder(options.base)
    read = [options.passages, *(one.path for one in options.sources)]
    expect_to_write(options.output, *read)
    if options.save:
        expect_to_replace(options.save, options.output, base, *read)
    rows = read_rows(options.passages, options.limit)
    asked = asked_of(options.sources)
    model = QuestionGenerator.load(base)
    if not asked and not model.has_trained_head:
        raise ModelError(f"{base} has not learnt to write questions: give --questions")
    model.to(device)
    print(f"{len(rows):,} passages; on {device}", flush=True)
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(tokenised, model, rows)
        if asked:
            train(model, asked, options)
        tokens = waiting.result()
    if options.save:
        with replacing(options.save) as folder:
            model.save(folder)
    if asked and device == "cuda":
        most = torch.cuda.max_memory_allocated() / 2**30
        print(f"training took up to {most:.1f} GiB of the GPU", flush=True)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    for row, questions in zip(rows, write(model, tokens, options), strict=True):
        row["questions"] = questions
    if device == "cuda":
        most = torch.cuda.max_memory_allocated() / 2**30
        print(f"writing took up to {most:.1f} GiB of the GPU", flush=True)
    write_rows(options.output, rows)
    show(rows, options.seed)
    asked_count = sum(bool(row["questions"]) for row in rows)
    count = sum(len(row["questions"]) for row in rows)
    print(f"{count:,} questions of {asked_count:,} passages written to {options.output}")


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    commands = parser()
    options = commands.parse_args(argv)
    if options.index and options.contexts:
        commands.error("give --index or --contexts: each writes the passages of a file of its own")
    unasked = bool(options.index or options.contexts)
    if not unasked and not (options.base and options.passages):
        commands.error("give --base and --passages, or --index, or --contexts")
    if unasked:
        name = "--index" if options.index else "--contexts"
        expect_use(commands, options, f"with {name}, which writes passages alone", *_OF_WRITING)
        if options.sources:
            commands.error(f"--questions: of no use with {name}, which writes passages alone")
    elif not options.sources:
        expect_use(commands, options, "without --questions to learn from", "rate", "minutes")
    try:
        if unasked:
            expect_to_write(options.output, *(options.contexts or ()))
            rows = of_index(options.index) if options.index else of_contexts(options.contexts)
            count = write_rows(options.output, rows)
            print(f"{count:,} passages written to {options.output}")
        else:
            make(options)
    except (CorpusError, IndexingError, ModelError, OSError) as error:
        print(f"make_questions: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        return stopped("make_questions", f"{options.output} was not written", error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
