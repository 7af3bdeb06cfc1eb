"""What a calibration is fitted to."""

import numpy as np
import pytest

from models.calibration import LogisticCalibration
from scripts.samples import expected_calibration_error, fit


def test_a_fit_recovers_the_weights_that_made_the_data() -> None:
    draw = np.random.default_rng(5)
    values = draw.normal(size=(40_000, 2)) * [10.0, 0.1] + [100.0, 0.5]  # scales far apart
    made = LogisticCalibration(("reader", "retrieval"), (0.2, 15.0), -27.0)
    outcomes = draw.random(len(values)) < made.probability(values)
    found = fit(("reader", "retrieval"), values, outcomes)
    assert found.weights == pytest.approx(made.weights, rel=0.1)
    assert found.bias == pytest.approx(made.bias, rel=0.1)
    assert expected_calibration_error(found.probability(values), outcomes) < 0.01


def test_separable_data_give_finite_weights() -> None:
    found = fit(("reader",), [-2.0, -1.0, 1.0, 2.0], [0, 0, 1, 1])
    low, high = found.probability([-2.0, 2.0])
    assert 0.1 < low < 0.35  # Platt's targets: 1/4 for wrong, 3/4 for right
    assert 0.65 < high < 0.9


def test_useless_features_do_no_harm() -> None:
    values = np.array([[-2.0, 7.0, -2.0], [0.5, 7.0, 0.5], [0.0, 7.0, 0.0], [2.0, 7.0, 2.0]])
    found = fit(("score", "constant", "twin"), values, [0, 1, 0, 1])
    assert found.weights[1] == 0.0  # a constant says nothing
    assert found.weights[0] == pytest.approx(found.weights[2])  # twins share the weight


def test_a_fit_needs_both_outcomes() -> None:
    with pytest.raises(ValueError, match="both right and wrong"):
        fit(("reader",), [1.0, 2.0], [1, 1])
    with pytest.raises(ValueError, match="0 or 1, one per row"):
        fit(("reader",), [1.0, 2.0], [1, 0, 1])
    with pytest.raises(ValueError, match="0 or 1, one per row"):
        fit(("reader",), [1.0, 2.0], [0.5, 1])


def test_calibration_error_of_hand_made_bins() -> None:
    # bin 0.9-1.0: confidence 0.95 twice, one right: |0.5 - 0.95| x 2/4 = 0.225
    # bin 0.1-0.2: confidence 0.15 twice, none right: 0.15 x 2/4 = 0.075
    error = expected_calibration_error([0.95, 0.95, 0.15, 0.15], [1, 0, 0, 0])
    assert error == pytest.approx(0.3)


def test_calibration_error_at_the_ends() -> None:
    assert expected_calibration_error([0.0, 1.0], [0, 1]) == 0.0  # 1.0 is in the last bin
    assert expected_calibration_error([1.0], [0]) == 1.0
    with pytest.raises(ValueError, match="at least one"):
        expected_calibration_error([], [])
