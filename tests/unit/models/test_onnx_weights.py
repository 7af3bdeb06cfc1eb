import numpy as np
import pytest

from models.contracts import FloatArray
from models.onnx.weights import (
    column_scales,
    error_factors,
    rounded_blocks,
    rounded_matrix,
    rounded_rows,
)


def _normal(*shape: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_a_row_of_a_table_has_its_own_scale() -> None:
    table = np.float32([[127, -1, 0.4], [0, 0, 0], [0.5, 1, -2]])
    rounded, scales = rounded_rows(table)
    assert scales.shape == (3, 1)
    assert rounded.tolist() == [[127, -1, 0], [0, 0, 0], [32, 64, -127]]  # 127ths of the greatest
    np.testing.assert_allclose(rounded * scales, table, atol=2 / 254 + 0.4)


def test_a_scale_leaves_room_for_two_neighbours_in_16_bits() -> None:
    # |100| + |-60| = 160 in 128 steps, and 3.2 alone would fit into 127
    assert column_scales(np.float32([[100, 3.2], [-60, 0]])) == pytest.approx([1.25, 3.2 / 127])
    assert column_scales(np.float32([[0], [0], [127]])) == pytest.approx([1])  # without a neighbour


@pytest.mark.parametrize("inputs", [64, 65, 200])
def test_no_pair_of_weights_can_exceed_16_bits(inputs: int) -> None:
    rows = _normal(500, inputs) @ _normal(inputs, inputs, seed=1)  # inputs that depend on another
    rounded, _ = rounded_matrix(_normal(inputs, 40, seed=2), error_factors(rows.T @ rows))
    sizes = np.abs(rounded.astype(int))
    assert rounded.dtype == np.int8
    pairs = sizes[: inputs // 2 * 2]
    assert 255 * (pairs[::2] + pairs[1::2]).max() <= 32767
    assert sizes.max() <= 127


def test_errors_that_are_handed_on_leave_less_in_the_product() -> None:
    rows = _normal(2000, 96) @ (_normal(96, 96, seed=1) + 2)
    matrix = _normal(96, 30, seed=2)
    rounded, scales = rounded_matrix(matrix, error_factors(rows.T @ rows))
    nearest = np.rint(matrix / scales) * scales

    def error(approximate: FloatArray) -> float:
        return float(np.square(rows @ (approximate - matrix)).mean())

    assert error(rounded * scales) < 0.3 * error(nearest)


def test_rounding_where_nothing_depends_on_another_is_to_the_nearest() -> None:
    matrix = np.float32([[1, 0.3], [0.26, -1], [0, 0.6]])
    rounded, scales = rounded_matrix(matrix, error_factors(np.eye(3, dtype=np.float32)))
    np.testing.assert_array_equal(rounded, np.rint(matrix / scales))


def test_blocks_have_scales_of_their_own_and_are_filled_up() -> None:
    matrix = np.float32([[1], [0], [-0.5], [8], [127]])  # one output, blocks of 3 inputs
    rounded, scales = rounded_blocks(matrix, 3)
    assert rounded.dtype == np.uint8
    assert scales == pytest.approx(np.float32([[1 / 127, 1]]))
    assert rounded.tolist() == [[[255, 128, 64], [136, 255, 128]]]
