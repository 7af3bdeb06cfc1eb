"""Tells whether two indexes hold the same."""

import sqlite3
from contextlib import closing
from pathlib import Path

from index.keywords import KEYWORDS, KeywordIndex
from index.passages import PASSAGES
from index.search import checked
from index.spelling import SPELLING
from index.unfinished import SCAFFOLDS
from index.vector_files import EMBEDDINGS
from index.vectors import VECTORS
from index.word_vectors import CODES, COUNTS

QUESTIONS = (
    "How long is the incubation period of COVID-19?",
    "masks in hospitals",
    "SARS-CoV-2 IL-6 remdesivir",
    "In ward number-3 all the nurses wore masks",
)


def everything(index_dir: Path, *, finished: bool = True) -> dict[str, object]:
    """Return all that must be the same in two indexes of one corpus, after verifying it.

    Every column of every table, every vector, those of words too, and what BM25 finds, with its
    scores. A build that is not `finished` may have left its scaffolds in the version that it
    published.
    """
    folder, manifest = checked(index_dir)
    scaffolds = () if finished else SCAFFOLDS
    assert {path.name for path in folder.iterdir()} - set(scaffolds) == {
        *("manifest.json", PASSAGES, VECTORS, EMBEDDINGS, KEYWORDS, CODES, COUNTS, SPELLING),
    }
    with closing(sqlite3.connect(folder / PASSAGES)) as db:
        tables = {
            name: db.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()
            for name in ("papers", "passages", "skips", "unreadable")
        }
    ids = [row[0] for row in tables["passages"]]
    assert ids == list(range(manifest.passages))
    words = KeywordIndex(folder / KEYWORDS)
    found = {
        text: [(hit.passage_id, hit.score) for hit in words.search(words.query(text), 50)]
        for text in QUESTIONS
    }
    return {
        **tables,
        "vectors": [(folder / name).read_bytes() for name in (EMBEDDINGS, VECTORS)],
        "spelling": (folder / SPELLING).read_bytes(),
        "words": [(folder / name).read_bytes() for name in (CODES, COUNTS)],
        "bm25": {
            text: sorted(hits, key=lambda hit: (-hit[1], hit[0])) for text, hits in found.items()
        },
        "counts": (
            *(manifest.papers, manifest.passages, manifest.encoder, manifest.chunker),
            *(manifest.dimension, manifest.word_dimension),
        ),
    }
