"""The passages that questions are made up about: of an index, or of question sets."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from index.chunking import Chunker
from index.corpora.squad import read_squad
from index.manifest import current_version
from index.passages import PASSAGES, PassageStore
from scripts.passage_files import Row

_READ = 5000  # passages of one query
_CHUNKER = Chunker(words=140, overlap=0)  # a context of most sets is one passage


def of_index(folder: Path) -> Iterator[Row]:
    """Yield an index's passages: id, cord_uid, title, section and text. Raises IndexingError."""
    with closing(PassageStore(current_version(folder) / PASSAGES)) as store:
        for at in range(0, store.passages, _READ):
            passages = store.get(range(at, min(at + _READ, store.passages)))
            papers = store.get_papers(sorted({one.cord_uid for one in passages}))
            for one in passages:
                yield {
                    "id": one.id,
                    "cord_uid": one.cord_uid,
                    "title": papers[one.cord_uid].title,
                    "section": one.section,
                    "text": one.text,
                }


def of_contexts(paths: Iterable[Path]) -> Iterator[Row]:
    """Yield the contexts of question sets in the SQuAD format, each once, cut to passages.

    Raises CorpusError where a file cannot be read.
    """
    seen: set[str] = set()
    for path in paths:
        for gold in read_squad(path):
            if gold.context not in seen:
                seen.add(gold.context)
                for start, end in _CHUNKER.chunks(gold.context):
                    yield {"cord_uid": gold.cord_uid, "text": gold.context[start:end]}
