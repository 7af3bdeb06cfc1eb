"""Reads papers and cuts them into passages, in parallel processes, into a passage store."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from index.chunking import Chunker
from index.corpora.archive import find_parses
from index.corpora.bounds import TOO_LONG
from index.corpora.cord19 import read_paper
from index.corpora.metadata import read_metadata
from index.corpora.parses import COLUMNS, Parses, paths
from index.corpora.records import PaperTask, RecordPlan
from index.parallel import cores, in_order
from index.passages import PassageStore, PassageWriter
from index.types import IndexingError, Paper, Progress, Watched
from index.unfinished import PARSES, PLAN
from index.words import count_words, has_words

READING = 6
"""Raise this when the code that merges records or reads papers changes.

An unfinished build of another number is not resumed.
"""

_PAPERS_PER_COMMIT = 200
_BATCH = 16  # papers that a worker gets at once: an abstract is read faster than it is sent
_IN_FLIGHT = 4  # batches per worker that are read ahead: what bounds the memory
_FEWEST_WORDS = 5  # a passage with fewer is a fragment


@dataclass(frozen=True, slots=True)
class _Chunked:
    """One paper on its way from a worker to the store; `paper` is None when it has no text."""

    task: PaperTask
    paper: Paper | None
    full_text: bool
    passages: list[tuple[str, str, int, int]]
    reason: str
    unreadable: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ParsesRead:
    """How many parses the records of a corpus name, and how many of these could not be read.

    Where all could be read, `named` is 0: they are not counted for nothing.
    """

    named: int
    unreadable: int

    @property
    def mostly_lost(self) -> bool:
        """Whether more than half could not be read: then something is wrong with the corpus."""
        return 2 * self.unreadable > self.named

    def __str__(self) -> str:
        """Return the counts in words.

        >>> str(ParsesRead(1200, 1100))
        '1,100 of the 1,200 parses that metadata.csv names cannot be read'
        """
        return (
            f"{self.unreadable:,} of the {self.named:,} parses that metadata.csv names cannot be "
            "read"
        )


def read_corpus(
    corpus: Path,
    folder: Path,
    passages: Path,
    progress: Watched,
    *,
    limit: int | None,
    workers: int,
) -> ParsesRead:
    """Write the passages of a corpus into `passages`, as far as they are not there.

    What is needed until then goes to `folder`. Notes what costs the corpus most of its text.

    Raises CorpusError for a corpus that cannot be read, and IndexingError when one of the
    processes is killed.
    """
    metadata = corpus / "metadata.csv"
    first = next(read_metadata(metadata), None)
    if first is not None and not any(column in first for column in COLUMNS):
        progress.note(
            f"warning: {metadata} has no column {' or '.join(COLUMNS)}, so that no full text is "
            "read, and only abstracts are: releases have these columns since 2020-05-26"
        )
    plan = RecordPlan(folder / PLAN)
    plan.make(metadata, limit)
    parses = find_parses(corpus, folder / PARSES)
    if parses.remark:
        progress.note(parses.remark)
    _write_passages(plan, parses, passages, progress, workers=workers)
    read = _parses_read(plan, passages)
    if read.mostly_lost:
        progress.note(f"warning: {read}: see that all of {corpus} is there")
    return read


def _parses_read(plan: RecordPlan, passages: Path) -> ParsesRead:
    with closing(PassageStore(passages)) as store:
        unreadable = lost_parses(store)
    return ParsesRead(sum(1 for _ in _named(plan)) if unreadable else 0, unreadable)


def lost_parses(store: PassageStore) -> int:
    """Return how many parses could not be read at all: those that were cut are not lost."""
    return sum(number for why, number in store.unreadable().items() if why != TOO_LONG)


def _write_passages(
    plan: RecordPlan, parses: Parses, path: Path, progress: Progress, *, workers: int
) -> None:
    """Read the plan's papers, cut them and write them to the store at `path`, in plan order.

    Goes on after the last committed paper when the store is there already. `workers` is the
    number of processes, 0 for one per core.

    Raises CorpusError when the parses are in an archive that is damaged, and IndexingError when
    one of the processes is killed.
    """
    with closing(PassageWriter(path)) as writer:
        last = writer.last_paper()
        _, papers = plan.counts()
        done = plan.papers_up_to(last)
        if done < papers:
            parses.prepare(_named(plan), progress)
        progress.stage("reading papers", papers, done, "papers")
        chunk = partial(_chunk, parses, Chunker())
        for number, chunked in enumerate(_in_order(chunk, plan.tasks(after=last), workers)):
            _store(writer, chunked)
            last = chunked.task.number
            if number % _PAPERS_PER_COMMIT == _PAPERS_PER_COMMIT - 1:
                writer.commit(last)
            progress.advance(1)
        writer.commit(last)
    parses.discard()


def _named(plan: RecordPlan) -> Iterator[str]:
    for task in plan.tasks():
        for column in COLUMNS:
            yield from paths(task.records, column)


def _chunk(parses: Parses, chunker: Chunker, task: PaperTask) -> _Chunked:
    """Read and cut one paper. Runs in a worker process."""
    read = read_paper(task, parses)
    if read.document is None:
        return _Chunked(task, None, False, [], read.reason, read.unreadable)
    passages = [
        (section.heading, section.text[start:end], start, end)
        for section in read.document.sections
        for start, end in chunker.chunks(section.text)
        if _is_passage(section.text[start:end])
    ]
    return _Chunked(
        task, read.document.paper, read.document.full_text, passages, "", read.unreadable
    )


def _is_passage(text: str) -> bool:
    return count_words(text) >= _FEWEST_WORDS and has_words(text)


def _store(writer: PassageWriter, chunked: _Chunked) -> None:
    uids = [record["cord_uid"] for record in chunked.task.records]
    reason = chunked.reason
    if chunked.paper is not None:
        uids.remove(chunked.paper.cord_uid)
        added = writer.add(chunked.paper, chunked.passages, full_text=chunked.full_text)
        if added == 0:
            stands = "all its text stands in other papers"
            reason = stands if chunked.passages else "no passage of five words"
            uids.append(chunked.paper.cord_uid)
        else:
            reason = "merged with another record of the same paper"
    for uid in uids:
        writer.skip(uid, reason)
    for path, why in chunked.unreadable:
        writer.unreadable(path, why)


def _in_order(
    chunk: Callable[[PaperTask], _Chunked], tasks: Iterable[PaperTask], workers: int
) -> Iterator[_Chunked]:
    """Map `chunk` over `tasks` in processes; results in order, a bounded number under way."""
    workers = workers or cores()
    if workers == 1:
        yield from map(chunk, tasks)
        return
    rest = iter(tasks)
    batches = iter(lambda: list(islice(rest, _BATCH)), [])
    try:
        for some in in_order(partial(_each, chunk), batches, workers, ahead=_IN_FLIGHT):
            yield from some
    except BrokenExecutor as error:
        raise IndexingError(
            "a process that reads papers was killed, perhaps for want of memory: "
            "go on with --resume and fewer --workers"
        ) from error


def _each(chunk: Callable[[PaperTask], _Chunked], batch: list[PaperTask]) -> list[_Chunked]:
    return [chunk(task) for task in batch]
