import gzip
import json
from pathlib import Path

import pytest

from index.corpora.squad import GoldQuestion, answered, in_place, read_squad
from index.types import CorpusError

DATA = {
    "data": [
        {
            "paragraphs": [
                {
                    "cord_uid": "abc",
                    "context": "It took 5.1 days.",
                    "qas": [
                        {
                            "id": 1,
                            "question": "How long?",
                            "answers": [{"text": "5.1 days", "answer_start": 8}],
                        },
                        {"id": "2", "question": "Why?", "answers": []},
                    ],
                },
                {"context": "", "qas": [{"id": "3", "question": "Who?"}]},
            ]
        }
    ]
}


def test_questions_are_read_plain_and_gzipped(tmp_path: Path) -> None:
    (tmp_path / "q.json").write_text(json.dumps(DATA))
    (tmp_path / "q.json.gz").write_bytes(gzip.compress(json.dumps(DATA).encode()))
    first, second, third = read_squad(tmp_path / "q.json")
    assert (first.id, first.question, first.cord_uid) == ("1", "How long?", "abc")
    assert first.context[first.starts[0] :].startswith(first.answers[0])
    assert (second.answers, third.cord_uid) == ((), "")
    assert list(read_squad(tmp_path / "q.json.gz")) == [first, second, third]
    assert list(read_squad(tmp_path / "q.json", limit=1)) == [first]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"data": [{}]}', b"\xff\xfe", b"\x1f\x8b"])
def test_another_format_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    for name in ("q.json", "q.json.gz"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CorpusError, match=r"q\.json"):
            list(read_squad(tmp_path / name))


def _written(question: str = "Why?", start: str = "0") -> bytes:
    answers = f'[{{"text": "a", "answer_start": {start}}}]'
    asked = f'{{"id": 1, "question": "{question}", "answers": {answers}}}'
    return f'{{"data": [{{"paragraphs": [{{"context": "a", "qas": [{asked}]}}]}}]}}'.encode()


def _damaged() -> bytes:
    damaged = bytearray(gzip.compress(_written(), mtime=0))
    damaged[10] ^= 255  # in what is compressed: zlib's own error
    return bytes(damaged)


PACKED = gzip.compress(bytes(range(256)) * 99, mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "q.json",
            PACKED,
            "is no text in UTF-8: if it is gzipped,",
        ),
        ("q.json.gz", _damaged(), "is damaged or cut off"),
        ("q.json", b"[" * 100_000, "maximum recursion depth"),
        ("q.json", _written(start="1e999"), "'float' object cannot be interpreted as an integer"),
        ("q.json", _written(start='"' + "1" * 9999 + '"'), "'str' object cannot be interpreted"),
        ("q.json", _written("Why \\ud800?"), "surrogates not allowed"),
        ("q.json", b'{"data": [{}]}', "lacks a 'paragraphs'"),
    ],
)
def test_what_is_wrong_is_told_in_few_words(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=message) as raised:
        list(read_squad(tmp_path / name))
    assert len(str(raised.value).replace(str(tmp_path), "")) < 150


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"none\.json cannot be read: No such file"):
        list(read_squad(tmp_path / "none.json"))


def test_a_limit_counts_questions_with_an_answer(tmp_path: Path) -> None:
    (paragraph, _) = DATA["data"][0]["paragraphs"]
    qas = paragraph["qas"][::-1] * 3  # the first has no answer
    path = tmp_path / "q.json"
    path.write_text(json.dumps({"data": [{"paragraphs": [paragraph | {"qas": qas}]}]}))
    assert [one.id for one in answered(path, 2)] == ["1", "1"]
    assert len(answered(path)) == 3
    path.write_text(json.dumps({"data": [{"paragraphs": [paragraph | {"qas": qas[:1]}]}]}))
    with pytest.raises(CorpusError, match=r"q\.json has no question with an answer"):
        answered(path)


def test_answers_that_do_not_stand_in_their_context_are_counted() -> None:
    gold = GoldQuestion("1", "How long?", "It took 5 days.", ("5 days", "5 days"), (8, 3), "")
    empty = GoldQuestion("2", "x?", "", ("a",), (0,), "")
    blank = GoldQuestion("3", "x?", "a b", (" ", "b"), (1, -1), "")
    ((kept,), others) = in_place([gold, empty, blank])
    assert (kept.answers, kept.starts, others) == (("5 days",), (8,), 4)
