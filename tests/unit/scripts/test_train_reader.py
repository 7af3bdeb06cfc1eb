"""Training end to end, with a tiny model on questions about the sample corpus."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from index.builder import build_index
from index.corpora.squad import GoldQuestion
from index.manifest import current_version
from index.passages import PASSAGES, PassageStore
from index.types import CorpusError
from models import training
from models.finetuning import logits_of
from models.reader import TransformersReader
from models.tokenizer import load_tokenizer, translation
from models.windows import Batch, Windower
from scripts import reader_lessons, reader_training, train_reader
from scripts.mined_passages import Mined, kept
from scripts.reader_examples import Asked, Example, planned
from scripts.reader_lessons import Lesson, Lessons, WindowMaker
from scripts.reader_losses import Teacher
from scripts.reader_sources import made_up
from scripts.taught import Taught, keys_of
from scripts.training_runs import Source
from tests.making_models import tiny_encoder, tiny_reader
from tests.unit.index.fake_encoder import ENCODER, Silent

SAMPLE = Path(__file__).parents[3] / "data" / "sample"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an index of the sample corpus, questions about it and tiny models."""
    root = tmp_path_factory.mktemp("reading")
    build_index(SAMPLE, root / "index", ENCODER, Silent(), workers=1, limit=12)
    with closing(PassageStore(current_version(root / "index") / PASSAGES)) as store:
        passages = store.get(range(min(store.passages, 16)))
    paragraphs = []
    for number, passage in enumerate(passages):
        words = passage.text.split()
        answer = " ".join(words[4:7])
        place = passage.text.index(answer)
        qa = {
            "id": str(number),
            "question": f"What is said of {' '.join(words[-4:])}?",
            "answers": [{"text": answer, "answer_start": place}],
        }
        paragraphs.append({"context": passage.text, "qas": [qa], "cord_uid": passage.cord_uid})
    data = {"data": [{"paragraphs": paragraphs}]}
    (root / "questions.json").write_text(json.dumps(data))
    tiny_reader(root / "base")
    tiny_reader(root / "teacher", seed=9)
    return root


def command(made: Path, work: Path, *more: str) -> list[str]:
    return [
        *("--index", str(made / "index"), "--base", str(made / "base"), "--device", "cpu"),
        *("--corpus-questions", f"{made}/questions.json=6", "--questions"),
        *(f"{made}/questions.json", "--output", str(work / "reader"), "--work", str(work)),
        *("--batch-tokens", "1000", "--rate", "1e-2", "--max-length", "250", *more),
    ]


@pytest.fixture(scope="module")
def straight(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that was left alone."""
    folder = tmp_path_factory.mktemp("straight")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader_training, "_LOG_STEPS", 5)
        patch.setattr(reader_lessons, "POOL", 64)
        assert train_reader.main(command(made, folder)) == 0
    return folder


def test_it_learns_and_the_log_tells(straight: Path) -> None:
    rows = [json.loads(line) for line in (straight / "log.jsonl").read_text().splitlines()]
    first, last = rows[0], rows[-1]
    assert last["loss"] < 0.8 * first["loss"]
    assert last["done"] == 1
    assert last["examples"] > 7 * 13  # each question seven times with its answer, and more
    assert [row["examples"] for row in rows] == sorted(row["examples"] for row in rows)


def test_groups_of_passages_are_learnt_together(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, ...]] = []
    original = reader_training.loss_of

    def watched(network: Any, lesson: Lesson, teacher: Any) -> Any:
        seen.append(lesson.sizes)
        return original(network, lesson, teacher)

    monkeypatch.setattr(reader_training, "loss_of", watched)
    assert train_reader.main(command(made, tmp_path, "--together", "3")) == 0
    sizes = [size for batch in seen for size in batch]
    assert max(sizes) == 4
    assert sum(size > 1 for size in sizes) > 50  # 16 questions six times, if BM25 finds any
    assert TransformersReader(tmp_path / "reader", device="cpu").read("Which?", ["A mask."])


def test_what_is_published_is_a_reader_in_half_precision(straight: Path) -> None:
    stored = load_file(straight / "reader" / "model.safetensors")
    assert {value.dtype for value in stored.values()} == {torch.float16}
    reader = TransformersReader(straight / "reader", device="cpu")
    (span,) = reader.read("Which?", ["The virus spreads in closed rooms."])
    assert span.end > span.start
    assert not list(straight.glob(".*"))


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    made: Path, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_CHECKPOINT_SECONDS", -1)  # after every step
    monkeypatch.setattr(reader_lessons, "POOL", 64)
    original = reader_training.loss_of
    calls = 0

    def interrupted(*args: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls in {3, 20}:  # within the first pool of examples, and after it
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(reader_training, "loss_of", interrupted)
    assert train_reader.main(command(made, tmp_path)) == 130
    assert not (tmp_path / "reader").exists()
    assert train_reader.main(command(made, tmp_path)) == 130
    assert train_reader.main(command(made, tmp_path)) == 0
    for name, value in load_file(straight / "reader" / "model.safetensors").items():
        resumed = load_file(tmp_path / "reader" / "model.safetensors")[name]
        assert torch.equal(value, resumed), name


def test_what_is_published_may_lie_between_base_and_trained(
    made: Path, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_lessons, "POOL", 64)
    assert train_reader.main(command(made, tmp_path, "--base-share", "0.5")) == 0
    trained = load_file(straight / "reader" / "model.safetensors")
    for name, base in load_file(made / "base" / "model.safetensors").items():
        found = load_file(tmp_path / "reader" / "model.safetensors")[name].float()
        torch.testing.assert_close(found, (base + trained[name].float()) / 2, atol=2e-3, rtol=2e-3)


def test_a_run_of_given_minutes_ends_in_time(made: Path, tmp_path: Path) -> None:
    assert train_reader.main(command(made, tmp_path, "--minutes", "0.00001")) == 0
    (row,) = (tmp_path / "log.jsonl").read_text().splitlines()
    assert json.loads(row)["done"] == 1
    assert json.loads(row)["examples"] < 100


def test_a_run_goes_on_only_with_its_own_arguments(
    made: Path, straight: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_reader.main(command(made, straight, "--seed", "7")) == 1
    assert "has another seed: give the same arguments" in capsys.readouterr().err


def test_a_student_comes_nearer_to_its_teacher(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_training, "_LOG_STEPS", 5)
    arguments = command(made, tmp_path, "--teacher", str(made / "teacher"))
    assert train_reader.main([*arguments, "--teacher-weight", "1"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    # the loss is the divergence alone; that of the gold answers would begin above 4
    assert rows[-1]["loss"] < 0.8 * rows[0]["loss"]
    assert rows[0]["loss"] < 4


def test_windows_of_two_models_are_lined_up_token_by_token(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made / "teacher", tmp_path / "teacher")
    other = Tokenizer.from_file(str(made / "teacher" / "tokenizer.json"))
    other.post_processor = TemplateProcessing(  # as MPNet has it
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] [SEP] $B [SEP]",
        special_tokens=[("[CLS]", 101), ("[SEP]", 102)],
    )
    other.save(str(tmp_path / "teacher" / "tokenizer.json"))
    options = Namespace(teacher=str(tmp_path / "teacher"), max_length=250)
    options.batch_tokens, options.drop_words = 1000, 0.0
    text = "Masks lowered the number of infections."
    question = GoldQuestion("", "Which?", text, ("Masks",), (0,), "")
    asked = [Asked([question], [[]], 1, own=0, mined=0)]

    def lesson() -> Lesson:
        lessons = Lessons(made / "base", asked, planned(asked, seed=7), options)
        ((found,),) = lessons.in_order(0, 0)
        return found

    found = lesson()
    assert found.taught is not None
    assert found.column is not None
    place = found.begin[0] + np.arange(found.count[0])
    # one special token more before the context
    assert found.column[0, place].tolist() == (place + 1).tolist()
    assert np.flatnonzero(found.column[0] >= 0).tolist() == [0, *place]
    assert found.taught.ids.shape[1] % 8 == 0
    # the same by cutting the text once more, as for a teacher of other pieces
    monkeypatch.setattr(reader_lessons, "translation", lambda *_: None)
    again = lesson()
    assert again.taught is not None
    np.testing.assert_array_equal(again.taught.ids, found.taught.ids)
    np.testing.assert_array_equal(again.column, found.column)
    options.max_length = 10  # the teacher's windows are of so few tokens that none is ours
    long = WindowMaker(Windower(load_tokenizer(made / "base"), max_length=250, stride=0), 0)
    short = WindowMaker.of(tmp_path / "teacher", 9)
    monkeypatch.setattr(WindowMaker, "of", lambda _, most: short if most == 11 else long)
    for translate in (lambda *_: None, translation):
        monkeypatch.setattr(reader_lessons, "translation", translate)
        assert (lesson().column == -1).all()


def test_the_teacher_tells_of_the_tokens_that_both_have(made: Path) -> None:
    options = Namespace(teacher=str(made / "teacher"), teacher_weight=0.5, max_length=250)
    options.batch_tokens, options.drop_words = 1000, 0.0
    question = GoldQuestion("", "Which?", "Masks lowered infections.", ("Masks",), (0,), "")
    asked = [Asked([question], [[]], 1, own=0, mined=0)]
    lessons = Lessons(made / "base", asked, planned(asked, seed=7), options)
    ((lesson,),) = lessons.in_order(0, 0)
    teacher = Teacher.load(options, "cpu")
    start, end, known = teacher.targets(lesson)
    assert start.shape == end.shape == known.shape == lesson.batch.ids.shape
    assert known[0].sum() == 1 + lesson.count[0]
    begin = int(lesson.begin[0])
    assert (lesson.first[0], lesson.last[0]) == (begin, begin)
    own = lesson.taught
    assert own is not None
    with torch.no_grad():
        expected, _ = logits_of(teacher.network, own)
    assert torch.equal(start[0, begin : begin + 4], expected[0, begin : begin + 4])


def test_rounds_go_through_the_same_windows_and_the_teacher_reads_each_once(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    original = Teacher._read

    def watched(teacher: Teacher, windows: Batch, column: Any) -> Any:
        read.extend(keys_of(windows, windows))
        return original(teacher, windows, column)

    monkeypatch.setattr(Teacher, "_read", watched)
    more = ["--teacher", str(made / "teacher"), "--rounds", "3", "--seed", "4"]
    assert train_reader.main([*command(made, tmp_path), *more]) == 0
    *_, last = (tmp_path / "log.jsonl").read_text().splitlines()
    examples = json.loads(last)["examples"]
    assert examples % 3 == 0
    assert len(read) <= examples // 3  # a question's short passage may come whole more than once
    assert len(set(read)) == len(read)
    kept_in = Taught.of(tmp_path / "taught", made / "base", made / "teacher")
    assert len(kept_in) == len(read)
    # another run of the same windows, with another rate, needs no teacher at all
    read.clear()
    again = command(made, tmp_path / "again", *more, "--taught", str(tmp_path / "taught"))
    again[again.index("--rate") + 1] = "1e-3"
    assert train_reader.main(again) == 0
    assert not read


def test_a_run_of_rounds_that_was_stopped_goes_on_to_the_same_weights(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ["--teacher", str(made / "teacher"), "--rounds", "2"]
    assert train_reader.main([*command(made, tmp_path / "straight"), *more]) == 0
    monkeypatch.setattr(training, "_CHECKPOINT_SECONDS", -1)  # after every step
    original = reader_training.loss_of
    calls = 0

    def interrupted(*args: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls in {4, 20}:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(reader_training, "loss_of", interrupted)
    stopped = [*command(made, tmp_path / "stopped"), *more]
    assert [train_reader.main(stopped) for _ in range(3)] == [130, 130, 0]
    alone = load_file(tmp_path / "straight" / "reader" / "model.safetensors")
    for name, value in load_file(tmp_path / "stopped" / "reader" / "model.safetensors").items():
        assert torch.equal(value, alone[name]), name


def test_each_run_keeps_what_is_new_in_files_of_its_own(tmp_path: Path) -> None:
    def said(number: int) -> Any:
        return np.full((2, number), number, np.float16)

    one, other = Taught(tmp_path), Taught(tmp_path)  # two runs at once
    for number in (1, 2):
        one.add(number, said(number))
        one.write()
        one.write()  # nothing new
    other.add(3, said(3))
    other.write()
    first, *_ = sorted(tmp_path.iterdir())
    found = Taught(tmp_path)
    assert len(found) == len(list(tmp_path.iterdir())) == 3
    assert all(np.array_equal(found[number], said(number)) for number in (1, 2, 3))
    first.unlink()  # as the error for a damaged one says
    again = Taught(tmp_path)
    again.add(9, said(9))
    again.write()
    assert len(Taught(tmp_path)) == 3


def test_windows_that_differ_to_the_teacher_alone_are_two() -> None:
    def batch(*rows: list[int]) -> Batch:
        mask = np.array([[one > 0 for one in row] for row in rows]).astype(np.int64)
        return Batch(list(range(len(rows))), np.array(rows), np.zeros_like(mask), mask)

    ours, theirs = batch([5, 6, 0], [5, 6, 0], [5, 6, 7]), batch([8, 9], [8, 4], [8, 9])
    first, cased, longer = keys_of(ours, theirs)
    assert len({first, cased, longer}) == 3
    assert keys_of(batch([5, 6]), batch([8, 9, 0])) == [first]  # padding is nothing


def test_what_was_taught_and_is_damaged_is_one_line(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--teacher", str(made / "teacher"), "--taught", str(tmp_path / "taught")]
    assert train_reader.main([*command(made, tmp_path / "run"), *more]) == 0
    (path,) = (tmp_path / "taught").glob("*/*")
    path.write_bytes(path.read_bytes()[:-100])
    assert train_reader.main([*command(made, tmp_path / "other"), *more]) == 1
    assert "is damaged" in capsys.readouterr().err
    path.unlink()
    assert train_reader.main([*command(made, tmp_path / "other"), *more]) == 0


def test_windows_made_by_other_processes_are_the_same(
    made: Path, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_lessons, "POOL", 64)
    assert train_reader.main([*command(made, tmp_path), "--processes", "2"]) == 0
    alone = load_file(straight / "reader" / "model.safetensors")
    for name, value in load_file(tmp_path / "reader" / "model.safetensors").items():
        assert torch.equal(value, alone[name]), name


def test_a_process_that_makes_windows_needs_no_torch() -> None:
    code = "import sys, scripts.reader_lessons; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def _killed(_: int) -> list[Lesson]:
    os._exit(1)


def test_a_process_that_is_killed_is_one_line(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reader_lessons, "_made", _killed)
    assert train_reader.main([*command(made, tmp_path), "--processes", "1"]) == 1
    *_, error = capsys.readouterr().err.splitlines()
    assert "was killed, perhaps for want of memory" in error


def test_the_time_begins_with_the_first_windows(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = Lessons.pool

    def slow(lessons: Lessons, pool: int) -> list[Lesson]:
        time.sleep(1.0)
        return original(lessons, pool)

    monkeypatch.setattr(Lessons, "pool", slow)
    assert train_reader.main([*command(made, tmp_path), "--minutes", "0.01"]) == 0  # 0.6 s
    assert re.search(r"[1-9]\d* examples  loss", capsys.readouterr().out)


def test_what_was_mined_stands_in_for_an_index(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(name: str, *more: str, index: bool = False) -> int:
        arguments = command(made, tmp_path / name, "--minutes", "0.00001", *more)
        place = arguments.index("--index")
        return train_reader.main(arguments if index else arguments[:place] + arguments[place + 2 :])

    folder = tmp_path / "mined"
    carried = ["--mined-passages", str(folder)]
    assert run("none", *carried) == 1
    assert "is not there: give --index to mine questions.json" in capsys.readouterr().err
    assert run("first", *carried, index=True) == 0
    names = sorted(path.name.split("-")[1] for path in folder.iterdir())
    assert names == ["contexts", "corpus"]  # one file of questions, mined in two ways
    assert run("second", *carried) == 0
    # right passages were not looked for: that takes the index once more
    assert run("third", *carried, "--together", "2") == 1
    assert run("third", *carried, "--together", "2", index=True) == 0
    assert run("fourth", *carried, "--together", "2") == 0
    for path in folder.iterdir():
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2] + b"damaged" + whole[len(whole) // 2 + 7 :])
        assert run("fifth", *carried) == 1
        assert "is damaged" in capsys.readouterr().err
        path.write_bytes(whole)


def test_what_was_mined_for_other_questions_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mined.json.gz"
    right = [[Example("Q?", "some text", 0, 4)]]
    mined = Mined([["other", "text"]], right)
    assert kept(path, "one", lambda: mined, right=True) == mined
    again = kept(path, "one", lambda: pytest.fail("mined again"), right=False)
    assert (list(map(list, again.wrong)), list(map(list, again.right))) == (
        [["other", "text"]],
        right,
    )
    with pytest.raises(CorpusError, match="was mined for other questions"):
        kept(path, "another", lambda: mined, right=False)


def test_what_was_mined_from_another_index_is_refused(tmp_path: Path) -> None:
    path, mined = tmp_path / "mined.json.gz", Mined([["text"]])
    kept(path, "one", lambda: mined, index="v1", right=False)
    for index in ("v1", ""):  # where there is no index, whichever it was will do
        kept(path, "one", lambda: pytest.fail("mined again"), index=index, right=False)
    with pytest.raises(CorpusError, match="was mined from another index: go on without --index"):
        kept(path, "one", lambda: mined, index="v2", right=False)


def test_made_up_questions_are_learnt_from_the_teacher(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"cord_uid": "a", "text": "Masks lowered infections by half.", "questions": ["By what?"]},
        {"cord_uid": "a", "text": "The trial took two years.", "questions": ["How long?", "Who?"]},
        {"cord_uid": "b", "text": "Nothing was found.", "questions": []},
    ]
    file = tmp_path / "made.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = made_up(Source(file, 3, corpus=False, made=True), 1.0)
    assert [gold.question for gold in asked.questions] == ["By what?", "How long?", "Who?"]
    assert asked.wrong[0] == ["The trial took two years."]  # of the same paper
    more = ["--made-questions", f"{file}=3"]
    with pytest.raises(SystemExit):
        train_reader.main([*command(made, tmp_path), *more])
    unknown = 0
    original = reader_training.loss_of

    def watched(network: Any, lesson: Lesson, teacher: Any) -> Any:
        nonlocal unknown
        unknown += int((lesson.known == 0).sum())
        return original(network, lesson, teacher)

    monkeypatch.setattr(reader_training, "loss_of", watched)
    more += ["--teacher", str(made / "teacher"), "--drop-words", "0.1"]
    assert train_reader.main([*command(made, tmp_path), *more]) == 0
    assert unknown == 2 * 3 * 3  # each with its own passage and one near it, three times
    file.write_text('{"title": "no text"}')
    assert train_reader.main([*command(made, tmp_path / "other"), *more]) == 1
    assert 'not a JSON object with a "text"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--questions", "nowhere.json"], "cannot be read"),
        (["--base", "./nowhere"], "nowhere"),
        (["--teacher", "./nowhere"], "nowhere"),
        (["--index", "nowhere"], "is not there: build one with"),
    ],
)
def test_what_is_not_there_is_one_line(
    made: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    message: str,
) -> None:
    assert train_reader.main([*command(made, tmp_path), *more]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("train_reader: ")
    assert message in error


def test_an_encoder_is_a_base_only_with_a_new_head(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = tiny_encoder(tmp_path / "encoder")
    arguments = command(made, tmp_path / "run", "--base", str(encoder), "--minutes", "0.00001")
    assert train_reader.main(arguments) == 1
    assert "qa_outputs" in capsys.readouterr().err
    assert train_reader.main([*arguments, "--new-head"]) == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--own", "2", "--together", "3"], "--own, --together: of no use without --corpus-q"),
        (["--mined", "9"], "--mined: of no use without --corpus-questions or --made-questions"),
        (["--teacher-weight", "0.9"], "--teacher-weight: of no use without --teacher"),
        (["--taught", "folder"], "--taught: of no use without --teacher"),
    ],
)
def test_options_that_would_count_for_nothing_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    places = ["--output", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    with pytest.raises(SystemExit) as ended:
        train_reader.main(["--questions", "q.json", *places, *more])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "more",
    [
        ["--teacher-weight", "2"],
        ["--base-share", "1.5"],
        ["--base-share", "0.5", "--new-head"],
        ["--minutes", "0"],
        ["--own", "many"],
        ["--rate", "inf"],
    ],
)
def test_arguments_out_of_range_are_refused(made: Path, tmp_path: Path, more: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        train_reader.main([*command(made, tmp_path), *more])
    assert ended.value.code == 2
