"""Asks Haystack's pipelines what the whole service is asked: same passages, vectors and weights."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from index.corpora.squad import GoldQuestion
from models.loading import reader_folder
from scripts.answer_quality import PAPER_DEPTHS, Found, Quality, quality_of
from scripts.haystack_client import haystack
from service.answering import Answerer
from service.settings import Settings

_NEAREST = 20  # passages by meaning
_BLOCK = 4096  # passages read at a time


@dataclass(frozen=True, slots=True)
class Beside:
    """What a pipeline of Haystack's made of the same questions."""

    pipeline: str
    quality: Quality


def evaluate_beside(
    answerer: Answerer,
    questions: Sequence[GoldQuestion],
    settings: Settings,
    python: Path,
) -> list[Beside]:
    """Ask every question of each pipeline.

    `python` is that of an environment with requirements-benchmark.txt. Raises MeasuringError where
    it cannot be run, and ModelError for a reader that is not there.
    """
    index = answerer.index
    depth = max(PAPER_DEPTHS)
    asked: dict[str, list[tuple[GoldQuestion, Found]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        passages = Path(folder) / "passages.jsonl"
        with passages.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(text) + "\n" for text in _texts(answerer))
        weights = reader_folder(settings.reader)
        with haystack(python, weights, settings.threads, passages) as other:
            for gold in tqdm(questions, desc="asking Haystack", unit=" questions", mininterval=1):
                nearest = index.by_meaning(answerer.encode(gold.question), _NEAREST)
                found = other.answers(gold.question, [hit.passage_id for hit in nearest], depth)
                for pipeline, answers in found.items():
                    papers = [one.cord_uid for one in index.passages([id_ for _, id_ in answers])]
                    texts = [text for text, _ in answers]
                    asked.setdefault(pipeline, []).append(
                        (gold, list(zip(texts, papers, strict=True)))
                    )
            version = other.version
    return [
        Beside(f"Haystack {version}, {pipeline}", quality_of(found))
        for pipeline, found in asked.items()
    ]


def _texts(answerer: Answerer) -> Iterator[str]:
    """Yield the text of every passage, by id."""
    count = answerer.source.passages
    for at in range(0, count, _BLOCK):
        ids = range(at, min(at + _BLOCK, count))
        yield from (passage.text for passage in answerer.index.passages(ids))


def beside_table(rows: Sequence[Beside]) -> str:
    """Return one line a pipeline."""
    head = f"{'':<34}EM at 1   F1 at 1   F1 at 5   right paper at 1"
    return "\n".join(
        [
            head,
            *(
                f"{row.pipeline:<32}{row.quality.exact_match_at_1:>9.1f}{row.quality.f1_at_1:>10.1f}"
                f"{row.quality.f1_at_5:>10.1f}{row.quality.right_paper_at[1]:>19.1f}"
                for row in rows
            ),
        ]
    )
