"""Reads the questions with known answers that a model learns from."""

from pathlib import Path

from index.corpora.squad import GoldQuestion, answered, in_place
from index.types import CorpusError


def learnable(path: Path) -> list[GoldQuestion]:
    """Return a file's questions with the answers that stand where it says, and tell of the others.

    Raises CorpusError where there is none.
    """
    found, others = in_place(answered(path))
    if not found:
        raise CorpusError(f"{path}: no answer stands in its context where answer_start says")
    if others:
        print(
            f"{path.name}: {others:,} answers left out, which do not stand in their context where "
            "answer_start says",
            flush=True,
        )
    return found
