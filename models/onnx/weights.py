"""Rounds matrices to 8 bits. Pure arithmetic.

A weight that was rounded up can be made good by rounding its neighbours down: which ones help is
told by the activations that the matrix is multiplied with. So the columns are rounded one after
the other, and each one's error is handed on to those that are still to come (Frantar et al.,
"GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers", 2023).
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.contracts import FloatArray

Int8Array: TypeAlias = NDArray[np.int8]

LARGEST = 127
ZERO = 128  # what stands for 0 where integers have no sign
PAIR = 128
"""Two neighbouring weights of a column, in absolute value, add up to no more than this.

Processors without VNNI multiply 8-bit activations (to 255) by weights two at a time and keep the
sum in 16 bits, which 255 * 128 just fits into. So every processor computes the same.
"""

_DAMPING = 0.01
_BLOCK = 64  # rows whose errors are handed on to the rest at once


def rounded_rows(table: FloatArray) -> tuple[Int8Array, FloatArray]:
    """Return a table of shape (rows, width) as int8, and the scale of each row, shape (rows, 1)."""
    scales = np.maximum(np.abs(table).max(axis=1, keepdims=True) / LARGEST, 1e-12)
    return np.rint(table / scales).astype(np.int8), scales.astype(np.float32)


def rounded_blocks(matrix: FloatArray, size: int) -> tuple[NDArray[np.uint8], FloatArray]:
    """Return a matrix of shape (inputs, outputs) rounded in blocks of `size` inputs.

    The first result has shape (outputs, blocks, size), 128 standing for 0; the second, the scale
    of each block, (outputs, blocks): the operator MatMulNBits takes them so. The last block is
    filled up with zeros.
    """
    missing = -len(matrix) % size
    blocks = np.pad(matrix.T, ((0, 0), (0, missing))).reshape(matrix.shape[1], -1, size)
    scales = np.maximum(np.abs(blocks).max(axis=2) / LARGEST, 1e-12).astype(np.float32)
    rounded = np.rint(blocks / scales[:, :, None]) + ZERO
    return rounded.astype(np.uint8), scales


def column_scales(matrix: FloatArray) -> FloatArray:
    """Return what 1 stands for in each column of a matrix of shape (inputs, outputs).

    >>> column_scales(np.float32([[127], [0]])), column_scales(np.float32([[127], [-129]]))
    (array([1.], dtype=float32), array([2.], dtype=float32))
    """
    size = np.abs(matrix)
    even = size[: len(size) // 2 * 2]
    pairs = (even[::2] + even[1::2]).max(axis=0, initial=0)
    scales = np.maximum(size.max(axis=0) / LARGEST, pairs / PAIR)
    return np.asarray(np.maximum(scales, 1e-12), np.float32)


def error_factors(products: FloatArray) -> FloatArray:
    """Return how the error of each row of a matrix is shared out among the rows after it.

    `products` has shape (inputs, inputs): `x.T @ x` of rows x that the matrix is multiplied with.
    The result, of the same shape, is the upper Cholesky factor of its inverse.
    """
    damped = products.astype(np.float64)
    damped[np.diag_indices_from(damped)] += _DAMPING * max(float(np.diag(damped).mean()), 1e-6)
    return np.asarray(np.linalg.cholesky(np.linalg.inv(damped)).T, np.float32)


def rounded_matrix(matrix: FloatArray, factors: FloatArray) -> tuple[Int8Array, FloatArray]:
    """Return a matrix of shape (inputs, outputs) as int8, and the scale of each column.

    `factors` are the `error_factors` of what it is multiplied with.
    """
    scales = column_scales(matrix)
    left = matrix.astype(np.float32)  # what is still to be said, errors included
    rounded = np.zeros(matrix.shape, np.float32)
    errors = np.zeros(matrix.shape, np.float32)
    for first in range(0, len(matrix), _BLOCK):
        last = min(first + _BLOCK, len(matrix))
        for row in range(first, last):
            most = PAIR - np.abs(rounded[row - 1]) if row % 2 else np.float32(LARGEST)
            most = np.minimum(most, LARGEST)
            rounded[row] = np.clip(np.rint(left[row] / scales), -most, most)
            errors[row] = (left[row] - rounded[row] * scales) / factors[row, row]
            left[row + 1 : last] -= factors[row, row + 1 : last, None] * errors[row]
        left[last:] -= factors[first:last, last:].T @ errors[first:last]
    return rounded.astype(np.int8), scales
