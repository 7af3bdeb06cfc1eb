"""What a question must cost at least: its operations, over what the machine can do.

A transformer layer multiplies each token by 4 matrices of h x h and 2 of h x i, and compares it
with every token of its window twice (Vaswani et al., 2017). A multiplication and an addition are
two operations. The rest (norms, softmax, look-ups) is hundreds of times less, and is left out.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import torch

_ROWS = 4096  # about the tokens of 20 passages
_INNER = 1536
_HIDDEN = 384
_SECONDS = 0.5  # that each kind of arithmetic is tried for


@dataclass(frozen=True, slots=True)
class Network:
    """The sizes of a transformer that decide what it costs."""

    layers: int
    hidden: int
    intermediate: int

    def operations(self, lengths: Sequence[int]) -> int:
        """Return the operations that windows of so many tokens need.

        >>> Network(layers=6, hidden=384, intermediate=1536).operations([200])
        4615372800
        """
        matrices = 4 * self.hidden**2 + 2 * self.hidden * self.intermediate
        return sum(
            2 * self.layers * tokens * (matrices + 2 * tokens * self.hidden) for tokens in lengths
        )


def matrix_rates(threads: int) -> dict[str, float]:
    """Return the operations a second of large matrix products, by the kind of their numbers.

    The fastest of many products of 4096 x 384 by 384 x 1536, with so many threads.
    """
    left, right = torch.randn(_ROWS, _HIDDEN), torch.randn(_HIDDEN, _INNER)
    low = left.bfloat16(), right.bfloat16()
    return {
        "fp32": _rate(lambda: left @ right),
        "bf16": _rate(lambda: low[0] @ low[1]),
        "int8": _rate(_int8_product(threads)),
    }


def _int8_product(threads: int) -> Callable[[], object]:
    """Return a product of bytes by ONNX Runtime, which the int8 models use for theirs."""
    draw = np.random.default_rng(0)
    weights = draw.integers(-127, 127, (_HIDDEN, _INNER), np.int8)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
        "product",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, [_ROWS, _HIDDEN])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.INT32, [_ROWS, _INNER])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    inputs = {"x": draw.integers(0, 255, (_ROWS, _HIDDEN), np.uint8)}
    return lambda: session.run(None, inputs)


def _rate(product: Callable[[], object]) -> float:
    product()
    fastest = float("inf")
    end = time.perf_counter() + _SECONDS
    while time.perf_counter() < end:
        started = time.perf_counter()
        product()
        fastest = min(fastest, time.perf_counter() - started)
    return 2 * _ROWS * _HIDDEN * _INNER / fastest
