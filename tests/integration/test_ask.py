"""`python -m scripts.ask` with the shipped models."""

import json
import os
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts import ask
from service.questions import QUESTIONS
from service.types import AnswerList, Query
from tests.fake_app import FakeAnswerer, make_answer, make_paper
from tests.serving import MODELS_LIMIT, Server, run

INCUBATION = QUESTIONS[1].text
Main = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def outputs(sample_index: Path) -> list[str]:
    """Return what the command itself prints for a question, as text and as JSON."""

    def printed(*arguments: str) -> str:
        command = [sys.executable, "-m", "scripts.ask", INCUBATION, *arguments]
        ended = run(command, limit=MODELS_LIMIT, COVIDQUEST_INDEX=str(sample_index))
        assert (ended.returncode, ended.stderr) == (0, "")
        return ended.stdout

    asked = [["--top-k", "2"], ["--weight", "0.3", "--top-k", "7", "--json"]]
    with ThreadPoolExecutor(len(asked)) as threads:
        return list(threads.map(lambda arguments: printed(*arguments), asked))


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Main:
    """Return a function that runs the command without models: its status, output and errors."""
    for name in [name for name in os.environ if name.startswith("COVIDQUEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("scripts.ask.load_answerer", lambda _: FakeAnswerer())

    def run_main(*arguments: str) -> tuple[int, str, str]:
        return (ask.main(list(arguments)), *capsys.readouterr())

    return run_main


def without_times(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "took_ms"}


def rounded(value: Any) -> Any:
    """Round all floating-point numbers in a JSON value: threads add them in another order."""
    match value:
        case dict():
            return {name: rounded(inner) for name, inner in value.items()}
        case list():
            return [rounded(inner) for inner in value]
        case float():
            return pytest.approx(value, abs=1e-4)
        case _:
            return value


def test_the_answer_is_marked_in_its_passage(outputs: list[str]) -> None:
    first, second, closing = outputs[0].rstrip("\n").split("\n\n")
    title, facts, *passage, scores = first.split("\n")
    assert title.startswith("1. ")
    assert "https://doi.org/10." in facts
    assert re.search(r"\[[^]]*days[^]]*\]", " ".join(passage))
    chance, *told = scores.split()
    assert chance in {"doubtful", "possible", "likely"}
    assert told[::2] == ["final", "reader", "retrieval"]
    assert second.startswith("2. ")
    assert re.match(r"\d+ passages of 69 papers, ", closing)
    assert max(map(len, passage)) <= 90


def test_json_is_what_the_api_returns(outputs: list[str], server: Server) -> None:
    """Nothing else gets into it: another program may read it."""
    found = json.loads(outputs[1])
    reply = server.post_json({"question": INCUBATION, "weight": 0.3, "top_k": 7}).json()
    assert without_times(found) == rounded(without_times(reply))
    assert found["took_ms"].keys() == reply["took_ms"].keys()


def test_the_settings_are_those_of_the_service(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVIDQUEST_DEFAULT_WEIGHT", "0.25")
    monkeypatch.setenv("COVIDQUEST_DEFAULT_TOP_K", "1")
    found = json.loads(main("  How long \n is it? ", "--json")[1])
    assert (found["question"], found["weight"], found["top_k"]) == ("How long is it?", 0.25, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([""], "The question is empty."),
        (["  "], "The question is empty."),
        (["?!"], "The question contains no word."),
        (["a" * 501], "The question has 501 characters; at most 500 are possible."),
        (["what\x1bnow"], "The question contains control characters."),
        (["what\udcffnow"], "The question must be a text of valid Unicode."),
        (["why", "--weight", "1.5"], "The weight must be a number from 0 to 1."),
        (["why", "--weight", "-0.1"], "The weight must be a number from 0 to 1."),
        (["why", "--weight", "nan"], "The weight must be a number from 0 to 1."),
        (["why", "--weight", "half"], "The weight must be a number from 0 to 1."),
        (["why", "--top-k", "0"], "(top_k) must be a whole number from 1 to 50."),
        (["why", "--top-k", "51"], "(top_k) must be a whole number from 1 to 50."),
        (["why", "--top-k", "2.5"], "(top_k) must be a whole number from 1 to 50."),
        (["why", "--from", "2020-02-30"], "There is no date 2020-02-30."),
        (["why", "--from", "2021", "--to", "2020"], "2020, is before the first, 2021."),
        (["why", "--to", "last year"], "must be written as 2020, 2020-03 or 2020-03-13."),
        (["why", "--source", ""], "at most 20 names of 1 to 300 characters."),
        (["why", "--journal", "\udcff"], "at most 20 names of 1 to 300 characters."),
        (["why", "--top-k", "9" * 5000], "(top_k) must be a whole number from 1 to 50."),
    ],
)
def test_bad_input_is_told_in_one_line(main: Main, arguments: list[str], said: str) -> None:
    status, out, err = main(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("ask: ")
    assert err.endswith(f"{said}\n")
    assert err.count("\n") == 1


def test_numbers_may_be_written_as_people_write_them(main: Main) -> None:
    found = json.loads(main("why", "--weight", ".5", "--top-k", " 3", "--json")[1])
    assert (found["weight"], found["top_k"]) == (0.5, 3)


def test_filters_are_given_as_options(main: Main) -> None:
    dates = ["--from", "2020-03", "--to", "2021"]
    names = ["--source", "PMC", "--source", "WHO", "--journal", "Nature", "--journal", "Cell"]
    found = json.loads(main("why", *dates, *names, "--full-text", "--json")[1])
    assert found["filters"] == {
        "published_from": "2020-03",
        "published_to": "2021",
        "sources": ["PMC", "WHO"],
        "journals": ["Nature", "Cell"],
        "full_text": True,
    }
    assert not any(json.loads(main("why", "--json")[1])["filters"].values())


def test_where_no_paper_matches_that_is_told(main: Main) -> None:
    status, out, err = main("why", "--journal", "Nowhere")
    assert (status, err) == (0, "")
    first, closing = out.rstrip("\n").split("\n\n")
    assert first == "No paper matches these filters. Remove one of them, or widen the dates."
    assert closing.startswith("0 of 1,204 passages of 62 papers")


def test_a_missing_index_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask.main(["why", "--index", str(tmp_path / "nothing")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"ask: the index {tmp_path}/nothing is not there: ")
    assert err.count("\n") == 1


def test_a_bad_setting_is_told_in_one_line(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVIDQUEST_DEVICE", "tpu")
    assert main("why") == (
        1,
        "",
        "ask: COVIDQUEST_DEVICE='tpu' is not one of auto, cpu, cuda\n",
    )


def found(*, top_k: int = 5, **paper: str) -> AnswerList:
    answer = make_answer(make_paper(**paper), "Results\x1b]0;", "It \x02was [[5 \x1b[31m days]].")
    answers = FakeAnswerer((answer,)).answer(Query("unsure", 0.5, top_k))
    return replace(answers, no_answer_probability=0.6)


def test_a_terminal_gets_colours_of_ours_only() -> None:
    hostile = found(title="\x1b[2JTitle\x9b", journal="\x07", doi="", url="https://a/\x1b[5m")
    text = ask.rendered(hostile, threshold=0.5, colour=True)
    escapes = {part.split("m")[0] for part in text.split("\x1b[")[1:]}
    assert escapes == {"0", "1", "2", "1;7"}
    assert "\x1b[1;7m5  [31m days\x1b[0m." in text
    assert not {"\x02", "\x03", "\x07", "\x9b"} & set(text)


def test_an_unlikely_answer_is_announced() -> None:
    first_line = "No reliable answer found in these papers.\n"
    assert ask.rendered(found(), threshold=0.5, colour=False).startswith(first_line)
    assert ask.rendered(found(), threshold=0.7, colour=False).startswith("1. ")


def test_all_questions_of_a_file_are_asked(main: Main, tmp_path: Path) -> None:
    file = tmp_path / "questions.csv"
    file.write_text("n,question\n1,How long?\n2,unsure?\n3,nothing?\n", encoding="utf-8")
    status, out, err = main("--file", str(file), "--top-k", "2")
    assert (status, err) == (0, "")
    header, first, second, third = out.splitlines()
    assert header.split() == ["No.", "Score", "Question", "Best", "answer", "Paper"]
    assert re.fullmatch(r" +1  0\.\d\d   How long\? +5\.1 days .+  How long COVID-19 .+", first)
    assert re.match(r" +2  0\.\d\d\?  unsure\? +5\.1 days", second)  # a doubtful one
    assert re.fullmatch(
        r" +3  –      nothing\? +! No passage found in these papers\. Try other words\.", third
    )


def test_a_file_is_answered_in_lines_of_json(main: Main, tmp_path: Path) -> None:
    file = tmp_path / "questions.txt"
    file.write_bytes("Où, et quand?\n\n?!\n".encode("latin-1"))
    options = ["--weight", "0.3", "--top-k", "1", "--from", "2020", "--source", "PMC"]
    status, out, err = main("--file", str(file), "--json", *options)
    assert status == 1  # one could not be asked
    assert "it was read as Windows-1252" in err
    first, second = (json.loads(line) for line in out.splitlines())
    assert (first["number"], first["of"], first["question"]) == (1, 2, "Où, et quand?")
    alone = json.loads(main("Où, et quand?", "--json", *options)[1])
    assert first["result"] == alone
    assert second["problem"]["detail"] == "The question contains no word."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give either a question or --file"),
        (["why", "--file", "LIST"], "give either a question or --file"),
        (["--file", "nothing"], "nothing: No such file or directory"),
        (["--file", "EMPTY"], "The file has no question. Write one a line, or a CSV"),
        (["--file", "LIST", "--weight", "7"], "The weight must be a number from 0 to 1."),
        (["--file", "LIST", "--from", "2021", "--to", "2020"], "is before the first, 2021."),
    ],
)
def test_a_file_that_cannot_be_asked_is_told_in_one_line(
    main: Main, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "LIST").write_text("Why?\n")
    (tmp_path / "EMPTY").write_text("\n\n")
    places = {name: str(tmp_path / name) for name in ("LIST", "EMPTY")}
    status, out, err = main(*(places.get(argument, argument) for argument in arguments))
    assert (status, out) == (2, "")
    assert err.startswith("ask: ")
    assert said in err
    assert err.count("\n") == 1


def test_a_file_may_have_more_questions_than_a_batch_of_the_service(
    main: Main, tmp_path: Path
) -> None:
    file = tmp_path / "questions.txt"
    file.write_text("Why?\n" * 150)
    status, out, _ = main("--file", str(file))
    assert (status, len(out.splitlines())) == (0, 151)


def test_marks_stand_below_the_passage(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = make_answer(make_paper(title="RETRACTED: Gout"), "", "It may last [[5 days]].")
    monkeypatch.setattr("scripts.ask.load_answerer", lambda _: FakeAnswerer((answer,)))
    lines = main("What is the dose in Peru?")[1].splitlines()
    marks = "Retracted · Not named: “Peru” · Not a dose: “5 days” · Hedged: “may”"
    assert lines[lines.index("It may last [5 days].") + 1] == marks
