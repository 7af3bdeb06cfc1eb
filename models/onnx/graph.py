"""Prepares a network in single precision: no padding, plain norms, constants in one place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from models.contracts import FloatArray

_BIAS = 3  # which input of MultiHeadAttention is the bias of all three of its values

HEADS = ("/qa_outputs/", "/projection/", "/importance/")
"""Parts of the names of products that stay as they are: small, and what comes out counts most."""


@dataclass(frozen=True, slots=True)
class Activations:
    """What was seen of the input of a product, over many rows of `width` values.

    `least` and `greatest` have shape (width,); `products`, shape (width, width), is `x.T @ x`.
    """

    least: FloatArray
    greatest: FloatArray
    products: FloatArray


def products_of(model: ModelProto) -> dict[str, list[NodeProto]]:
    """Return the nodes that multiply by a constant matrix, by the name of their input."""
    constants = {one.name: one for one in model.graph.initializer}
    found: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        if is_product(node, constants):
            found.setdefault(node.input[0], []).append(node)
    return found


def is_product(node: NodeProto, constants: Mapping[str, TensorProto]) -> bool:
    """Tell whether a node multiplies by a constant matrix, and is none of HEADS."""
    matrix = constants.get(node.input[1]) if node.op_type == "MatMul" else None
    head = any(part in node.name for part in HEADS)
    return matrix is not None and len(matrix.dims) == 2 and not head  # noqa: PLR2004 - a matrix


def without_padding(model: ModelProto) -> None:
    """Take the mask away: all rows of a batch must be of one length.

    Attention without a mask is faster, and no time is spent on padding.
    """
    for node in model.graph.node:
        if node.op_type == "MultiHeadAttention":
            del node.input[4:]
    ids = model.graph.input[0].name
    shape = helper.make_node("Shape", [ids], ["whole_shape"])
    ones = helper.make_node(
        "ConstantOfShape",
        ["whole_shape"],
        ["attention_mask"],
        value=helper.make_tensor("one", TensorProto.INT64, [1], [1]),
    )
    replace(model.graph.node, [shape, ones, *model.graph.node])
    replace(model.graph.input, [one for one in model.graph.input if one.name != "attention_mask"])
    prune(model.graph)


def plain_norms(model: ModelProto) -> None:
    """Write each SkipLayerNormalization as additions and a LayerNormalization.

    ONNX Runtime's kernel for the former is not vectorised: it took four times as long.
    """
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        if node.op_type != "SkipLayerNormalization":
            nodes.append(node)
            continue
        value, skip, gamma, beta, *bias = node.input
        out = node.output[0]
        if bias:
            nodes.append(helper.make_node("Add", [value, bias[0]], [f"{out}_biased"]))
            value = f"{out}_biased"
        nodes.append(helper.make_node("Add", [value, skip], [f"{out}_sum"]))
        epsilon = helper.get_node_attr_value(node, "epsilon")
        norm = [f"{out}_sum", gamma, beta]
        nodes.append(helper.make_node("LayerNormalization", norm, [out], axis=-1, epsilon=epsilon))
    replace(model.graph.node, nodes)


def plain_biases(model: ModelProto) -> None:
    """Write each bias as an addition right after its product, so that the two can become one.

    The optimiser has hidden some in BiasGelu and MultiHeadAttention.
    """
    given = {one.name: one for one in model.graph.initializer}
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        if node.op_type == "BiasGelu":
            value, bias = node.input
            nodes.append(helper.make_node("Add", [value, bias], [f"{value}_biased"]))
            node = helper.make_node(  # noqa: PLW2901 - written instead
                "Gelu", [f"{value}_biased"], node.output, node.name, domain=node.domain
            )
        elif node.op_type == "MultiHeadAttention" and len(node.input) > _BIAS and node.input[_BIAS]:
            whole = numpy_helper.to_array(given[node.input[_BIAS]])
            for place, bias in enumerate(whole.reshape(3, -1)):
                value = node.input[place]
                added = numpy_helper.from_array(bias, f"{node.output[0]}_bias_{place}")
                model.graph.initializer.append(added)
                nodes.append(helper.make_node("Add", [value, added.name], [f"{value}_biased"]))
                node.input[place] = f"{value}_biased"
            node.input[_BIAS] = ""
        nodes.append(node)
    replace(model.graph.node, nodes)
    prune(model.graph)


def constants_first(model: ModelProto) -> None:
    """Turn Constant nodes into initializers."""
    kept = []
    for node in model.graph.node:
        if node.op_type == "Constant":
            value = numpy_helper.to_array(helper.get_node_attr_value(node, "value"))
            model.graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
        else:
            kept.append(node)
    replace(model.graph.node, kept)


def replace(container: Any, values: Iterable[object]) -> None:  # noqa: ANN401 - the messages' containers have no common type
    """Replace what a repeated field of a message holds."""
    kept = list(values)
    del container[:]
    container.extend(kept)


def prune(graph: GraphProto) -> None:
    """Drop nodes and constants that no output needs."""
    needed = {one.name for one in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    replace(graph.node, reversed(kept))
    replace(graph.initializer, [one for one in graph.initializer if one.name in needed])
