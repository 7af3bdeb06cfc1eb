"""Makes small objects of the service's types for tests."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import fields as fields_of
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index.types import Paper, Passage
from models.contracts import FloatArray
from service.feedback import Feedback
from service.types import Answer


def unit(count: int, dimension: int = 8, seed: int = 0) -> FloatArray:
    """Make random unit vectors, shape (count, dimension)."""
    rows = np.random.default_rng(seed).normal(size=(count, dimension))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def a_paper(cord_uid: str = "u1", title: str = "A paper") -> Paper:
    return Paper(
        cord_uid=cord_uid,
        title=title,
        authors="",
        journal="",
        publish_time="",
        doi="",
        pmcid="",
        pubmed_id="",
        url="",
        license="",
        source="",
    )


def an_answer(
    passage_id: int, text: str, answer: str, *, cord_uid: str = "u1", final: float = 0.5
) -> Answer:
    """Make the answer that marks `answer` in a passage of `text`."""
    start = text.index(answer)
    return Answer(
        text=answer,
        passage=Passage(passage_id, cord_uid, "Results", text, 0, len(text)),
        paper=a_paper(cord_uid),
        start=start,
        end=start + len(answer),
        reader_score=final,
        retrieval_score=final,
        final_score=final,
    )


def alike_by_first_word(texts: Sequence[str]) -> FloatArray:
    """Return vectors that are equal where the texts begin with the same word."""
    words = sorted({text.split()[0] for text in texts})
    return np.eye(len(words), dtype=np.float32)[[words.index(text.split()[0]) for text in texts]]


def never(texts: Sequence[str]) -> FloatArray:
    """Fail, where vectors are asked for that nothing needs."""
    pytest.fail(f"nothing needs the vectors of {texts}")


def of(number: int, text: str, answer: str, **paper: str) -> Answer:
    """Make the answer of paper `number`, whose passage is `text`."""
    made = an_answer(number, text, answer, cord_uid=f"u{number}")
    fields = {
        "title": f"A paper on the course of illness, number {number}",
        "publish_time": f"2020-0{number % 9 + 1}",
    }
    return replace(made, paper=replace(made.paper, **(fields | paper)))


def a_feedback() -> Feedback:
    """Make a thumb up for an answer."""
    return Feedback(
        time="2020-01-01T00Z",
        verdict="up",
        note="",
        question="How long?",
        passage_id=7,
        cord_uid="u1",
        section="Results",
        context="It is 5 days.",
        start=6,
        end=12,
        answer="5 days",
        weight=0.5,
        reader_score=0.5,
        retrieval_score=0.5,
        index_version="v",
        encoder="e",
        reader="r",
    )


def read_feedback(path: Path) -> list[Feedback]:
    """Return all feedback that a store holds, oldest first."""
    names = ", ".join(f'"{field.name}"' for field in fields_of(Feedback))
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        rows = db.execute(f"SELECT {names} FROM feedback ORDER BY id")
        return [Feedback(*row) for row in rows]
