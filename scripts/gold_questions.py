"""Reads the questions that commands ask, and those with known answers that a model learns from."""

from pathlib import Path

from index.corpora.squad import GoldQuestion, answered, in_place, read_squad
from index.types import CorpusError
from service.questions import QUESTIONS


def asked_or_suggested(path: Path | None) -> list[str]:
    """Return the questions of a file in the SQuAD format, or the suggested ones without a file.

    Raises CorpusError where it cannot be read or has none.
    """
    if path is None:
        return [question.text for question in QUESTIONS]
    texts = [gold.question for gold in read_squad(path)]
    if not texts:
        raise CorpusError(f"{path} has no question")
    return texts


def learnable(path: Path) -> list[GoldQuestion]:
    """Return a file's questions with the answers that stand where it says, and tell of the others.

    Raises CorpusError where there is none.
    """
    found, others = _in_place(path, answered(path))
    if others:
        print(
            f"{path.name}: {others:,} answers left out, which do not stand in their context where "
            "answer_start says",
            flush=True,
        )
    return found


def readable(path: Path, limit: int | None) -> list[GoldQuestion]:
    """Return the first `limit` questions of a file that have an answer, to ask of their context.

    Raises CorpusError where there is none, or no answer stands where the file says.
    """
    questions = answered(path, limit)
    _in_place(path, questions)
    return questions


def _in_place(path: Path, questions: list[GoldQuestion]) -> tuple[list[GoldQuestion], int]:
    found, others = in_place(questions)
    if not found:
        raise CorpusError(f"{path}: no answer stands in its context where answer_start says")
    return found, others
