"""Looks at what goes through a network, so that it can be rounded where that harms least."""

from collections.abc import Iterable

import numpy as np
import onnxruntime
from onnx import ModelProto, helper, numpy_helper

from models.contracts import FloatArray
from models.onnx.graph import Activations, products_of
from models.onnx.session import Feed


def calibrate(model: ModelProto, feeds: Iterable[Feed]) -> dict[str, Activations]:
    """Run the network and return what was seen of the input of each product.

    A feed holds the ids (and types) of texts of one length, shape (texts, tokens). At
    least one feed is needed.
    """
    products = products_of(model)
    names = list(products)
    widths = {
        one.name: numpy_helper.to_array(one).shape[0]
        for one in model.graph.initializer
        if len(one.dims) == 2  # noqa: PLR2004 - a matrix
    }
    watched = ModelProto()
    watched.CopyFrom(model)
    shown = {one.name for one in watched.graph.output}
    watched.graph.output.extend(
        helper.make_empty_tensor_value_info(name) for name in names if name not in shown
    )
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    takes = [one.name for one in session.get_inputs()]
    seen = {name: _Seen(widths[nodes[0].input[1]]) for name, nodes in products.items()}
    for feed in feeds:
        for name, value in zip(
            names, session.run(names, {name: feed[name] for name in takes}), strict=True
        ):
            seen[name].add(value.reshape(-1, value.shape[-1]))
    return {name: one.activations() for name, one in seen.items()}


class _Seen:
    """What was seen so far of an input of `width` values."""

    def __init__(self, width: int) -> None:
        self._least = np.full(width, np.inf, np.float32)
        self._greatest = np.full(width, -np.inf, np.float32)
        self._products = np.zeros((width, width), np.float32)

    def add(self, rows: FloatArray) -> None:
        self._least = np.minimum(self._least, rows.min(axis=0))
        self._greatest = np.maximum(self._greatest, rows.max(axis=0))
        self._products += rows.T @ rows

    def activations(self) -> Activations:
        return Activations(self._least, self._greatest, self._products)
