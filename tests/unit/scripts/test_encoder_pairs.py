"""Made-up questions, and the pairs that a run's folder keeps."""

import argparse
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from index.types import CorpusError
from models.contracts import ModelError
from scripts.encoder_pairs import MINED, PairSet, made_pairs, mined
from scripts.pairs import Pair
from scripts.training_runs import Source, source

ROWS: list[dict[str, Any]] = [
    {
        "id": 7,
        "cord_uid": "u1",
        "title": "A title",
        "section": "Results",
        "text": "It took 5.1 days.",
        "questions": ["How long did it take?", "  ", "Was it long? "],
    },
    {"title": "B", "section": "", "text": "Masks help.", "questions": ["Do masks help?"]},
    {"cord_uid": "u2", "title": "C", "section": "", "text": "Cats slept.", "questions": []},
]


def write(path: Path, rows: list[Any] = ROWS) -> Path:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(json.dumps(row) for row in rows) + "\n")
    return path


@pytest.mark.parametrize("name", ["made.jsonl", "made.jsonl.gz"])
def test_a_made_up_question_has_its_passage_as_the_index_embeds_it(
    tmp_path: Path, name: str
) -> None:
    path = write(tmp_path / name)
    first, second, third = made_pairs(path, set())
    assert first == Pair("How long did it take?", "A title. Results\nIt took 5.1 days.", (), ())
    assert second == Pair("Was it long?", first.positive, (), ())
    assert third == Pair("Do masks help?", "B\nMasks help.", (), ())
    assert made_pairs(path, {"u1"}) == [third]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"{", "line 1: not a JSON object"),
        (b'{"title": "t"}', 'line 1: not a JSON object with a "text"'),
        (b'\n{"title": "t", "section": "", "text": "", "questions": 1}', "line 2: its"),
        (b"[]", "line 1: not a JSON object"),
        (b"\xff", "no text in UTF-8"),
    ],
)
def test_a_file_that_is_no_such_thing(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "made.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        made_pairs(path, set())


def test_a_source_says_that_its_questions_were_made_up() -> None:
    found = source(made=True)("a/b.jsonl=2.5")
    assert found == Source(Path("a/b.jsonl"), 2.5, corpus=False, made=True)
    assert repr(found) != repr(Source(Path("a/b.jsonl"), 2.5, corpus=False))


def options(tmp_path: Path, *sources: Source) -> argparse.Namespace:
    (tmp_path / "work").mkdir(exist_ok=True)
    return argparse.Namespace(
        index=None, sources=list(sources), work=tmp_path / "work", hold_out=0, seed=0
    )


def contexts(tmp_path: Path) -> Source:
    texts = ["Masks lowered the risk.", "The risk of cats is unknown."]
    paragraphs = [
        {
            "context": text,
            "qas": [
                {
                    "id": text,
                    "question": f"Which risk, {number}?",
                    "answers": [{"text": text.split()[0], "answer_start": 0}],
                }
            ],
        }
        for number, text in enumerate(texts)
    ]
    path = tmp_path / "contexts.json"
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
    return Source(path, 1.5, corpus=False)


def test_pairs_are_kept_and_read_where_the_files_are_not(tmp_path: Path) -> None:
    asked = contexts(tmp_path)
    made = Source(write(tmp_path / "m.jsonl"), 2.0, corpus=False, made=True)
    held_out, sets = mined(options(tmp_path, asked, made), tmp_path)
    assert held_out == []
    assert [(some.kind, some.passes, len(some.pairs)) for some in sets] == [
        ("contexts", 1.5, 2),
        ("made", 2.0, 3),
    ]
    assert sets[0].pairs[0].negatives
    assert [path.name for path in (tmp_path / "work").iterdir()] == [MINED]
    asked.path.unlink()
    made.path.unlink()
    assert mined(options(tmp_path, asked, made), tmp_path) == (held_out, sets)
    # passes are the run's own
    once = Source(made.path, 1.0, corpus=False, made=True)
    assert mined(options(tmp_path, asked, once), tmp_path)[1][1] == PairSet(
        sets[1].pairs, 1.0, "made"
    )


def test_pairs_of_other_sources_are_refused(tmp_path: Path) -> None:
    made = Source(write(tmp_path / "m.jsonl"), 1.0, corpus=False, made=True)
    mined(options(tmp_path, made), tmp_path)
    with pytest.raises(ModelError, match="pairs of other files: remove it"):
        mined(options(tmp_path, made, made), tmp_path)
    with pytest.raises(ModelError, match="pairs of other files: remove it"):
        mined(options(tmp_path, contexts(tmp_path)), tmp_path)
    write(made.path, ROWS[:1])  # the same name, other questions
    with pytest.raises(ModelError, match="pairs of other files: remove it"):
        mined(options(tmp_path, made), tmp_path)
    made.path.unlink()
    (tmp_path / "held_out.json").write_text('["u1"]')  # of the base
    with pytest.raises(ModelError, match="left out other papers"):
        mined(options(tmp_path, made), tmp_path)


FLIPPED = bytearray(gzip.compress(b'{"sources": []}' * 99, mtime=0))
FLIPPED[10] ^= 255  # in what is compressed: zlib's own error


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", gzip.compress(b"{}"), gzip.compress(b"[1"), bytes(FLIPPED)],
    ids=["empty", "not packed", "without pairs", "cut off", "flipped"],
)
def test_damaged_pairs_are_refused(tmp_path: Path, content: bytes) -> None:
    made = Source(write(tmp_path / "m.jsonl"), 1.0, corpus=False, made=True)
    some = options(tmp_path, made)
    (some.work / MINED).write_bytes(content)
    with pytest.raises(ModelError, match="is damaged"):
        mined(some, tmp_path)


def test_pairs_are_those_of_as_many_papers_left_out(tmp_path: Path) -> None:
    some = options(tmp_path, Source(write(tmp_path / "m.jsonl"), 1.0, corpus=False, made=True))
    mined(some, tmp_path)
    some.hold_out = 2
    with pytest.raises(ModelError, match="was made with --hold-out 0: give the same, or remove"):
        mined(some, tmp_path)


def test_questions_of_the_corpus_need_an_index(tmp_path: Path) -> None:
    source = Source(contexts(tmp_path).path, 1.0, corpus=True)
    with pytest.raises(CorpusError, match="need --index, or a folder --work with a mined"):
        mined(options(tmp_path, source), tmp_path)
    assert not (tmp_path / "work" / MINED).exists()
