import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.calibration import LogisticCalibration, load
from models.contracts import ModelError

PLATT = LogisticCalibration(("reader",), (2.0,), -1.0)


def test_probabilities_are_those_of_the_formula() -> None:
    assert PLATT.probability([0.5, 1.0]) == pytest.approx(
        [0.5, 1 / (1 + np.exp(-1))]  # 2 x 0.5 - 1 = 0; 2 x 1 - 1 = 1
    )
    two = LogisticCalibration(("reader", "retrieval"), (1.0, 10.0), 0.0)
    assert two.probability([[-5.0, 0.5]]) == pytest.approx([0.5])  # -5 + 5 = 0


def test_extremes_are_certain_and_silent() -> None:
    values = [-np.inf, -1e300, 1e300, np.inf]  # a context without a span scores -inf
    assert PLATT.probability(values).tolist() == [0.0, 0.0, 1.0, 1.0]
    unused = LogisticCalibration(("a", "b"), (0.0, 1.0), 0.0)
    assert unused.probability([[-np.inf, 0.0]]).tolist() == [0.5]  # 0 x -inf adds nothing
    assert PLATT.probability([]).shape == (0,)


def test_probabilities_rise_with_the_score() -> None:
    probabilities = PLATT.probability(np.linspace(-300, 300, 1001))
    assert (np.diff(probabilities) >= 0).all()
    assert probabilities.min() >= 0
    assert probabilities.max() <= 1


def test_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        PLATT.probability([np.nan])
    with pytest.raises(ValueError, match=r"shape \(n, 1\), not \(1, 2\)"):
        PLATT.probability([[1.0, 2.0]])
    with pytest.raises(ValueError, match="one weight per feature"):
        LogisticCalibration(("reader",), (1.0, 2.0), 0.0)
    with pytest.raises(ValueError, match="finite"):
        LogisticCalibration(("reader",), (np.inf,), 0.0)


def test_a_calibration_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    PLATT.save(path)
    assert load(path) == PLATT


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        "{}",
        '{"features": ["a"], "weights": [1, 2], "bias": 0}',
        '{"features": ["a"], "weights": ["x"], "bias": 0}',
        '{"features": ["a"], "weights": [NaN], "bias": 0}',
        '{"features": ["a"], "weights": null, "bias": 0}',
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(text)
    with pytest.raises(ModelError, match=r"calibration\.json is not a calibration \(.*\): fit it"):
        load(path)


def test_an_absent_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"\(No such file or directory\)"):
        load(tmp_path / "none.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="can't decode byte"):
        load(tmp_path / "binary.json")


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    PLATT.save(tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text()) == {
        "features": ["reader"],
        "weights": [2.0],
        "bias": -1.0,
    }


def test_a_file_that_cannot_be_written_is_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PLATT.save(tmp_path / "c.json")
    before = (tmp_path / "c.json").read_text()

    def full(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        replace(PLATT, bias=9.0).save(tmp_path / "c.json")
    assert (tmp_path / "c.json").read_text() == before
