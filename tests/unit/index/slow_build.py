"""Builds an index with the fake encoder, slowly and in small steps: a process to be killed.

Usage: python -m tests.unit.index.slow_build CORPUS INDEX WORKERS LIMIT

It always resumes. LIMIT records are read, 0 for all.
"""

import sys
import time
from pathlib import Path

from index import embedding, reading
from tests.unit.index.fake_encoder import Silent
from tests.unit.index.indexes import build


class Slow(Silent):
    """Takes its time over every step, and says which stage it is in."""

    def stage(self, name: str, total: int, done: int, unit: str) -> None:
        """Print the stage."""
        sys.stdout.write(f"{name} {done} of {total} {unit}\n")
        sys.stdout.flush()

    def advance(self, count: int) -> None:
        """Sleep."""
        time.sleep(0.004)


if __name__ == "__main__":
    embedding.BLOCK = 8
    reading._PAPERS_PER_COMMIT = 5
    corpus, index_dir, workers, limit = sys.argv[1:]
    options = {"workers": int(workers), "limit": int(limit) or None, "resume": True}
    build(Path(corpus), Path(index_dir), progress=Slow(), **options)
