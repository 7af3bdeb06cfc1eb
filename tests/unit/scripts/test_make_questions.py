"""Questions for passages end to end, with a tiny MPNet, and how windows and batches are made."""

import gzip
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.builder import build_index
from index.corpora.squad import GoldQuestion
from index.types import CorpusError
from models.question_generation import PAD
from scripts import make_questions, question_training, training_course
from scripts.passage_files import read_rows, write_rows
from scripts.question_training import LONGEST, ahead, batches_of, window_of
from tests.making_models import tiny_mpnet
from tests.unit.index.fake_encoder import ENCODER, Silent

SAMPLE = Path(__file__).parents[3] / "data" / "sample"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with passages of the sample corpus, questions about them and a tiny MPNet."""
    root = tmp_path_factory.mktemp("asking")
    build_index(SAMPLE, root / "index", ENCODER, Silent(), workers=1, limit=6)
    command = ["--index", str(root / "index"), "--output", str(root / "passages.jsonl.gz")]
    assert make_questions.main(command) == 0
    texts = [row["text"] for row in read_rows(root / "passages.jsonl.gz")]
    paragraphs = []
    for number, text in enumerate(texts):
        words = text.split()
        answer = " ".join(words[4:7])
        qa = {
            "id": str(number),
            "question": f"What is said of {words[-1]}?",
            "answers": [{"text": answer, "answer_start": text.index(answer)}],
        }
        paragraphs.append({"context": text, "qas": [qa]})
    data = {"data": [{"paragraphs": paragraphs}]}
    (root / "questions.json").write_text(json.dumps(data))
    tiny_mpnet(root / "base", ["What is said of it?", *texts])
    return root


def command(made: Path, output: Path, *more: str) -> list[str]:
    return [
        *("--base", str(made / "base"), "--passages", str(made / "passages.jsonl.gz")),
        *("--output", str(output), "--device", "cpu", "--batch-tokens", "1000"),
        *more,
    ]


def learnt(made: Path, *more: str) -> list[str]:
    return ["--questions", f"{made}/questions.json=20", "--rate", "5e-3", *more]


def test_an_index_becomes_a_file_of_passages(made: Path) -> None:
    rows = read_rows(made / "passages.jsonl.gz")
    assert [row["id"] for row in rows] == list(range(len(rows)))
    assert {"cord_uid", "title", "section", "text"} < set(rows[0])
    assert len({row["cord_uid"] for row in rows}) == 6
    assert all(row["title"] for row in rows)


def test_it_learns_and_writes_and_what_it_keeps_writes_the_same(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training_course, "LOG_SECONDS", 0.0)  # after every step
    monkeypatch.setattr(question_training, "_POOL", 64)
    more = ("--per-passage", "3", "--save", str(tmp_path / "kept"))
    assert make_questions.main(command(made, tmp_path / "new.jsonl.gz", *learnt(made, *more))) == 0
    output = capsys.readouterr().out
    losses = [
        float(line.split("loss ")[1].split()[0])
        for line in output.splitlines()[2:]
        if line.startswith("train")
    ]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert "write 100.0%" in output
    rows = read_rows(tmp_path / "new.jsonl.gz")
    before = read_rows(made / "passages.jsonl.gz")
    assert [{**row, "questions": 0} for row in before] == [{**row, "questions": 0} for row in rows]
    questions = [question for row in rows for question in row["questions"]]
    assert len(questions) > len(rows)
    assert all(len(question.split()) >= 4 for question in questions)
    assert any(question.startswith("what is said of") for question in questions)
    shown = [line.strip() for line in output.splitlines() if line.startswith("    ")]
    assert len(shown) == 20  # of 36 passages
    assert set(shown) <= {row["questions"][0] for row in rows if row["questions"]}

    again = command(made, tmp_path / "again.jsonl.gz", "--per-passage", "3")
    assert make_questions.main([*again, "--base", str(tmp_path / "kept")]) == 0
    assert (tmp_path / "again.jsonl.gz").read_bytes() == (tmp_path / "new.jsonl.gz").read_bytes()


def test_a_run_of_given_minutes_ends_in_time_and_a_limit_is_one(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--minutes", "0.00001", "--limit", "3")
    assert make_questions.main(command(made, tmp_path / "new.jsonl.gz", *learnt(made, *more))) == 0
    assert len(read_rows(tmp_path / "new.jsonl.gz")) == 3
    assert "loss" not in capsys.readouterr().out


def gold(context: str, answer: str) -> GoldQuestion:
    return GoldQuestion("1", "Which?", context, (answer,), (context.index(answer),), "")


@pytest.mark.parametrize("place", [0, 30, 1500, 2999])
def test_a_window_holds_the_answer_and_whole_words(place: int) -> None:
    words = [f"word{number}" for number in range(3000)]
    question = gold(" ".join(words), f"word{place}")
    for seed in range(20):
        window = window_of(question, seed).split()
        assert 60 <= len(window) <= LONGEST
        assert f"word{place}" in window
        assert window == words[words.index(window[0]) :][: len(window)]


def test_a_short_text_is_its_window() -> None:
    context = "  The receptor is ACE2, of course. "
    assert {window_of(gold(context, "ACE2"), seed) for seed in range(9)} == {context.strip()}
    assert window_of(gold("ACE2", "ACE2"), 0) == "ACE2"


def test_an_answer_longer_than_a_window_is_its_window() -> None:
    answer = " ".join(["word"] * 200)
    assert window_of(gold(f"It is {answer} and more.", answer), 0) == answer


def test_batches_hold_every_pair_once_within_their_tokens() -> None:
    chance = np.random.default_rng(0)
    passages = [chance.integers(9, 99, size) for size in chance.integers(1, 90, 200)]
    questions = [
        np.append(chance.integers(9, 99, size), 100 + place)
        for place, size in enumerate(chance.integers(1, 9, 200))
    ]
    batches = batches_of(passages, questions, 600, seed=1)
    assert all(batch.ids.size <= 600 for batch in batches)
    assert sum(batch.ids.size for batch in batches) < 1.3 * sum(
        (batch.ids != PAD).sum() for batch in batches
    )
    seen = sorted(token for batch in batches for token in batch.labels if token >= 100)
    assert seen == list(range(100, 300))


def test_a_pair_that_fits_no_batch_has_its_own() -> None:
    (batch,) = batches_of([np.arange(9, 99)], [np.arange(9, 12)], 64, seed=0)
    assert batch.ids.shape == (1, 96 + 8)


def test_tasks_are_done_beforehand_and_in_order() -> None:
    done: list[int] = []

    def task(number: int) -> int:
        done.append(number)
        return number

    results = ahead([partial(task, number) for number in range(7)], 2)
    assert next(results) == 0
    assert list(results) == list(range(1, 7))
    assert done == list(range(7))
    assert list(ahead([partial(task, 1)], 3)) == [1]


def test_an_error_of_a_task_is_not_lost() -> None:
    def broken() -> int:
        raise CorpusError("broken")

    with pytest.raises(CorpusError, match="broken"):
        list(ahead([broken], 2))


def test_passages_that_cannot_be_written_leave_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "passages.jsonl.gz"
    write_rows(path, [{"text": "\ud83d"}])
    assert read_rows(path) == [{"text": "\ufffd"}]
    write_rows(path, [{"text": "é\n"}])
    assert read_rows(path) == [{"text": "é\n"}]

    def failing() -> Any:
        yield {"text": "new"}
        raise CorpusError("no more")

    with pytest.raises(CorpusError, match="no more"):
        write_rows(path, failing())
    assert read_rows(path) == [{"text": "é\n"}]
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(CorpusError, match="cannot be written"):
        write_rows(path / "below", [])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--questions", "nowhere.json"], "nowhere.json cannot be read"),
        (["--base", "./nowhere"], "nowhere"),
        (["--passages", "nowhere.jsonl"], "nowhere.jsonl cannot be read"),
        ([], "has not learnt to write questions: give --questions"),
    ],
)
def test_what_is_not_there_is_one_line(
    made: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    message: str,
) -> None:
    assert make_questions.main([*command(made, tmp_path / "new.jsonl.gz"), *more]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("make_questions: ")
    assert message in error
    assert not (tmp_path / "new.jsonl.gz").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no passage"),
        (b'{"text": "a"}\n{"txt": "b"}\n', r'line 2: not a JSON object with a "text"'),
        (b'["text"]\n', "line 1"),
        (b'\n{"text": "a"}\n \n{', "line 4: not a JSON object"),
        (b"\n \n", "has no passage"),
        (b"\xff\n", "no text in UTF-8"),
    ],
)
def test_a_file_that_holds_no_passages_is_told(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "passages.jsonl").write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        read_rows(tmp_path / "passages.jsonl")
    with gzip.open(tmp_path / "passages.jsonl.gz", "wb") as file:
        file.write(content)
    with pytest.raises(CorpusError, match=message):
        read_rows(tmp_path / "passages.jsonl.gz")


def test_a_blank_line_is_no_passage(tmp_path: Path) -> None:
    (tmp_path / "passages.jsonl").write_bytes(b'\n{"text": "a"}\n  \n{"text": "b"}\n\n')
    assert read_rows(tmp_path / "passages.jsonl") == [{"text": "a"}, {"text": "b"}]


def test_a_line_that_is_nested_too_deeply_is_told(tmp_path: Path) -> None:
    (tmp_path / "passages.jsonl").write_bytes(b"[" * 100_000)
    with pytest.raises(CorpusError, match="line 1: not a JSON object"):
        read_rows(tmp_path / "passages.jsonl")


def test_a_gzip_that_is_damaged_is_told(tmp_path: Path) -> None:
    damaged = bytearray(gzip.compress(b'{"text": "a"}\n' * 99))
    damaged[10] ^= 255  # in what is compressed: zlib's own error
    (tmp_path / "passages.jsonl.gz").write_bytes(damaged)
    with pytest.raises(CorpusError, match=r"is damaged or cut off \(Error -3"):
        read_rows(tmp_path / "passages.jsonl.gz")


def test_a_gzip_that_is_cut_off_is_told(tmp_path: Path) -> None:
    whole = gzip.compress(b'{"text": "a"}\n' * 99)
    (tmp_path / "passages.jsonl.gz").write_bytes(whole[:-9])
    with pytest.raises(CorpusError, match="passages"):
        read_rows(tmp_path / "passages.jsonl.gz")


@pytest.mark.parametrize(
    "more",
    [
        ["--rate", "0"],
        ["--minutes", "0"],
        ["--per-passage", "0"],
        ["--rate", "x"],
        ["--rate", "nan"],
        ["--minutes", "-1"],
    ],
)
def test_arguments_out_of_range_are_refused(made: Path, tmp_path: Path, more: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        make_questions.main([*command(made, tmp_path / "new.jsonl.gz"), *more])
    assert ended.value.code == 2


def test_an_index_that_is_not_there_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make_questions.main(["--index", "nowhere", "--output", str(tmp_path / "new.gz")]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert "is not there: build one with" in error


@pytest.mark.parametrize("source", ["index", "contexts"])
@pytest.mark.parametrize(
    "name", ["base", "passages", "limit", "questions", "save", "per-passage", "seed", "minutes"]
)
def test_what_writes_passages_goes_with_nothing_that_it_would_not_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, source: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        make_questions.main(
            [f"--{source}", "x", "--output", str(tmp_path / "new"), f"--{name}", "2"]
        )
    assert ended.value.code == 2
    assert f"--{name}: of no use with --{source}, which writes" in capsys.readouterr().err


def test_the_contexts_of_question_sets_become_a_file_of_passages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = " ".join(f"Sentence {number} says something." for number in range(60))
    for name, contexts in {"a": ["It is short.", long, "It is short."], "b": [long]}.items():
        paragraphs = [
            {"context": text, "qas": [{"id": "1", "question": "Which?", "answers": []}] * 2}
            for text in contexts
        ]
        (tmp_path / f"{name}.json").write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
    output = tmp_path / "passages.jsonl.gz"
    both = ["--contexts", str(tmp_path / "a.json"), "--contexts", str(tmp_path / "b.json")]
    assert make_questions.main([*both, "--output", str(output)]) == 0
    short, *pieces = [row["text"] for row in read_rows(output)]
    assert short == "It is short."
    assert " ".join(pieces) == long
    assert all(len(piece.split()) <= 140 for piece in pieces)
    assert "3 passages written" in capsys.readouterr().out
    missing = ["--contexts", str(tmp_path / "none.json"), "--output", str(output)]
    assert make_questions.main(missing) == 1
    assert "none.json" in capsys.readouterr().err


def test_passages_come_from_an_index_or_from_question_sets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        make_questions.main(["--index", "x", "--contexts", "y", "--output", str(tmp_path / "z")])
    assert "give --index or --contexts" in capsys.readouterr().err


def test_who_stops_it_is_told_what_was_not_written(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(make_questions, "write", stopped)
    more = learnt(made, "--save", str(tmp_path / "kept"), "--minutes", "0.00001")
    assert make_questions.main(command(made, tmp_path / "new.jsonl.gz", *more)) == 130
    assert (tmp_path / "kept" / "question_head.safetensors").is_file()
    assert f"stopped; {tmp_path}/new.jsonl.gz was not written" in capsys.readouterr().err


def test_questions_that_are_all_too_long_are_told(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.loads((made / "questions.json").read_text())
    for paragraph in data["data"][0]["paragraphs"]:
        paragraph["qas"][0]["question"] = "What is said of it? " * 9
    (tmp_path / "long.json").write_text(json.dumps(data))
    more = ("--questions", str(tmp_path / "long.json"))
    assert make_questions.main(command(made, tmp_path / "new.jsonl.gz", *more)) == 1
    assert "there is no question to learn from" in capsys.readouterr().err


def test_a_head_begins_with_the_first_questions_that_are_short_enough(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(question_training, "_POOL", 1)
    data = json.loads((made / "questions.json").read_text())
    for paragraph in data["data"][0]["paragraphs"][:-1]:
        paragraph["qas"][0]["question"] = "What is said of it? " * 9
    (tmp_path / "long.json").write_text(json.dumps(data))
    more = ("--questions", str(tmp_path / "long.json"))
    assert make_questions.main(command(made, tmp_path / "new.jsonl.gz", *more)) == 0


def test_options_of_learning_are_refused_where_nothing_is_learnt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = ["--base", "x", "--passages", "x", "--output", str(tmp_path / "new.jsonl.gz")]
    with pytest.raises(SystemExit) as ended:
        make_questions.main([*places, "--rate", "5", "--minutes", "9"])
    assert ended.value.code == 2
    assert "--rate, --minutes: of no use without --questions" in capsys.readouterr().err


def test_passages_need_a_base(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        make_questions.main(["--passages", "x", "--output", str(tmp_path / "new.jsonl.gz")])
    assert ended.value.code == 2
