from pathlib import Path

import pytest
import torch

from models.reader import TransformersReader
from scripts import benchmark_gpu
from scripts.benchmark import main
from scripts.benchmark_gpu import by_parts, copy_rate, fill, new_and_known, parity, product_rate
from scripts.benchmark_sections import Case
from scripts.benchmark_service import texts_of
from scripts.benchmark_table import Table

CASES = [
    Case(
        "What is the median incubation period?",
        [
            "The median incubation period was estimated to be 5.1 days (95% CI 4.5 to 5.8).",
            "Schools were closed in March. " * 90 + "The incubation period was 6 days.",
        ],
    ),
    Case(
        "How many patients had fever?",
        ["Fever was seen in 83% of patients.", "A cough was seen in 70 of 100 patients, or less."],
    ),
]


@pytest.fixture(scope="module")
def reader() -> TransformersReader:
    return TransformersReader(device="cpu")


def test_reading_by_its_parts(reader: TransformersReader) -> None:
    question, passages = CASES[0]
    parts = by_parts(reader, question, passages)
    windows = reader.windower.split(question, passages)
    assert len(windows) > 2
    assert sorted(parts.lengths) == sorted(len(window.ids) for window in windows)
    assert sum(rows for rows, _ in parts.shapes) == len(windows)
    assert max(tokens for _, tokens in parts.shapes) == 384
    assert min(parts.cutting, parts.forward, parts.decoding) > 0
    assert parts.forward < parts.total == parts.cutting + parts.forward + parts.decoding
    assert by_parts(reader, question, []).shapes == ()


def test_only_a_new_shape_is_new(reader: TransformersReader) -> None:
    first, second = CASES
    new, known = new_and_known(reader, [first, second, second])
    assert [parts.shapes for parts in new] == [known[1].shapes]  # the first was read before
    assert [len(parts.shapes) > 0 for parts in known] == [True] * 3


def test_rates() -> None:
    assert product_rate("cpu", 64) > 1e6
    assert copy_rate("cpu", 64) > 1e6


class Rounded(TransformersReader):
    """Half precision's rounding of the last step alone, so that it is quick on a CPU."""

    def __init__(self) -> None:
        super().__init__(device="cpu")
        assert self._projection is not None
        self._projection = self._projection.half().float()


def test_likeness_of_two_readers(reader: TransformersReader) -> None:
    pairs = [(question, text) for question, texts in CASES for text in texts]
    same = parity(reader, reader, pairs)
    assert (same.passages, same.same, same.score, same.states) == (4, 1, 0, 0)
    rounded = parity(reader, Rounded(), pairs)
    assert rounded.score == 0
    assert 0 < rounded.states < 0.01
    plain = TransformersReader(device="cpu", choosing=False)
    assert parity(plain, plain, pairs).chosen == 0
    other = parity(reader, plain, pairs)
    assert other.states == 0  # the other has none
    assert other.chosen >= 1 - other.same


def test_the_section(sample_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_gpu, "_SIDE", 64)
    table = Table([])
    many = texts_of(sample_index, 5)
    assert len(many) == 5
    fill(table, "torch", CASES, many, weights=("default", "default"), device="cpu")
    cells = {measure: row["torch"] for measure, row in table.cells().items()}
    whole, *parts = (
        cells[f"5 passages at once, ms{part}"]
        for part in ("", ": cutting into tokens", ": forward passes", ": decoding")
    )
    assert whole == [pytest.approx(sum(part[0] for part in parts))]
    speed = cells["forward passes alone: passages a second"][0]
    assert speed > cells["5 passages at once: passages a second"][0] > 0
    assert len(cells["2 passages of a new shape, ms"]) == 1  # of one case
    assert len(cells["2 passages of a known shape, ms"]) == 2
    assert cells["the forward passes' share of it, %"][0] > 0
    assert cells["of 4 passages, the same span on a CPU in, %"] == [100]
    assert cells["score of the best pair: differs at most by, thousandths"] == [0]
    assert abs(cells["encoder: 1 less cosine with a CPU's vector, millionths"][0]) < 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_is_said(sample_index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--index", str(sample_index), "--backends", "torch", "--cases", "2"]
    assert main([*arguments, "--only", "gpu"]) == 1
    assert "torch sees no GPU" in capsys.readouterr().err
