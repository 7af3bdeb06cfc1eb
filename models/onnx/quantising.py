"""Rewrites a network in single precision as one of 8-bit integers.

A matrix product `x @ w + b` becomes: find the scale of x, round it to 8 bits, multiply integers,
multiply by the scales of x and of each column of w, and add b, the last three in one operator. The
scale is one for all of x. So a batch has to be one text: what comes out for it then depends on no
other, can be cached, and reading can stop early.

Integers are multiplied in two dimensions: between the attentions everything is kept in the shape
(tokens, width), and brought into (batch, tokens, width) where an operator needs that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from models.contracts import FloatArray
from models.onnx.graph import Activations, is_product, prune, replace
from models.onnx.weights import error_factors, rounded_blocks, rounded_matrix, rounded_rows

_ELEMENTWISE = {"Add", "Sub", "Mul", "Div", "Erf", "Tanh", "Gelu", "LayerNormalization"}
_MICROSOFT = "com.microsoft"
_ATTENTION = "MultiHeadAttention"
_TABLE_ROWS = 64  # a table of fewer rows is too small to be worth rounding
_OUTLIER = 3.0
_BLOCK = 32
_EIGHT_BITS = 4  # ONNX Runtime's number for products of 8-bit integers


def quantised(model: ModelProto, seen: Mapping[str, Activations]) -> ModelProto:
    """Return the network with 8-bit products and tables.

    Where `seen` describes a product's input, that has one scale, and so has each column of the
    matrix; any other product is rounded by blocks. A graph with products of the first kind takes
    one text at a time.
    """
    rewriting = _Rewriting(model, seen)
    for node in model.graph.node:
        rewriting.take(node)
    for output in model.graph.output:
        rewriting.deep(output.name)
    graph = helper.make_graph(
        rewriting.nodes,
        model.graph.name,
        model.graph.input,
        model.graph.output,
        [*model.graph.initializer, *rewriting.constants],
    )
    if rewriting.rounded:
        for taken in graph.input:
            taken.type.tensor_type.shape.dim[0].dim_value = 1
    prune(graph)
    made = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    made.producer_name = "covidquest"
    return made


@dataclass(slots=True)
class _Rewriting:
    """The graph that comes into being. `flat` names a tensor's form in two dimensions.

    `widths` holds the tensors that exist only in that form, by the name of the other, `readers`
    the old graph's nodes by the names of what they take, `done` the outputs of those that need
    not be written any more, `smoothed` the values whose columns are divided already.
    """

    model: ModelProto
    seen: Mapping[str, Activations]
    nodes: list[NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)
    flat: dict[str, str] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)
    rounded: dict[str, "_Rounded"] = field(default_factory=dict)
    given: dict[str, TensorProto] = field(init=False)
    readers: dict[str, list[NodeProto]] = field(init=False)
    names: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    smoothed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.given = {one.name: one for one in self.model.graph.initializer}
        self.readers = {}
        for node in self.model.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def take(self, node: NodeProto) -> None:
        """Write one node of the old graph into the new one."""
        if node.output[0] in self.done:
            return
        is_table = node.op_type == "Gather" and node.input[0] in self.given
        if is_product(node, self.given):
            write = self._product if node.input[0] in self.seen else self._blocks
            write(node)
        elif is_table and _rows(self.given[node.input[0]]) >= _TABLE_ROWS:
            self._table(node)
        elif node.op_type in _ELEMENTWISE and self._can_be_flat(node):
            self._elementwise(node)
        else:
            for name in node.input:
                self.deep(name)
            self.nodes.append(node)

    def deep(self, name: str) -> None:
        """See that a tensor exists in three dimensions."""
        width = self.widths.pop(name, None)
        if width is None:
            return
        shape = self._once(
            f"shape_{width}",
            "Concat",
            [self._leading(), self._constant(f"width_{width}", [width])],
            axis=0,
        )
        self.nodes.append(helper.make_node("Reshape", [self.flat[name], shape], [name]))

    def _product(self, node: NodeProto) -> None:
        value = self._rounded(node.input[0])
        matrix = numpy_helper.to_array(self.given[node.input[1]]) * value.smoothing[:, None]
        weights, scales = rounded_matrix(matrix, value.factors)
        out, bias = self._biased(node.output[0], len(scales))
        smoothing = self._smoothing_after(out, len(scales))
        inputs = [
            value.name,
            self._constant(f"{out}_weights", weights),
            value.scale,
            self._constant(f"{out}_scales", scales / smoothing),
            value.zero,
            "",  # the weights' own zero is 0
            self._constant(f"{out}_bias", bias / smoothing),
        ]
        self._add("MatMulIntegerToFloat", inputs, f"{out}_flat", domain=_MICROSOFT)
        self._is_flat(out, len(scales))

    def _biased(self, product: str, width: int) -> tuple[str, FloatArray]:
        """Return what a product is called once its bias, shape (width,), is added, and that."""
        readers = self.readers.get(product, [])
        if len(readers) == 1 and readers[0].op_type == "Add":
            (other,) = set(readers[0].input) - {product} or {product}
            if other in self.given and list(self.given[other].dims) == [width]:
                self.done.add(readers[0].output[0])
                return readers[0].output[0], numpy_helper.to_array(self.given[other])
        return product, np.zeros(width, np.float32)

    def _smoothing_after(self, value: str, width: int) -> FloatArray:
        """Return what the columns of a value are to be divided by where attention is the next.

        What attention makes is a mean of its values, so these can be divided in its place.
        """
        for node in self.readers.get(value, []):
            made = node.output[0]
            if node.op_type == _ATTENTION and node.input[2] == value and made in self.seen:
                self.smoothed.add(made)
                return _smoothing(self.seen[made])
        return np.ones(width, np.float32)

    def _blocks(self, node: NodeProto) -> None:
        """Write a product whose matrix, and each row of whose input, has a scale every 32 values.

        Slower than `_product` on many rows, twice as exact, and nothing needs to be seen before.
        """
        matrix = numpy_helper.to_array(self.given[node.input[1]])
        height, width = matrix.shape
        out, bias = self._biased(node.output[0], width)
        weights, scales = rounded_blocks(matrix, _BLOCK)
        self.deep(node.input[0])
        inputs = [
            node.input[0],
            self._constant(f"{out}_weights", weights),
            self._constant(f"{out}_scales", scales),
            *("", ""),  # zeros and an order of the inputs, which there are none of
            self._constant(f"{out}_bias", bias),
        ]
        sizes = {"K": height, "N": width, "bits": 8, "block_size": _BLOCK}
        self._add(
            "MatMulNBits", inputs, out, domain=_MICROSOFT, accuracy_level=_EIGHT_BITS, **sizes
        )

    def _rounded(self, name: str) -> "_Rounded":
        """Write the input of a product in 8 bits, once for all that read it, and return it."""
        if name in self.rounded:
            return self.rounded[name]
        seen = self.seen[name]
        smoothing = _smoothing(seen)
        flat = self._flattened(name, len(smoothing))
        if (smoothing != 1).any() and name not in self.smoothed:
            inverse = self._constant(f"{name}_smoothing", 1 / smoothing)
            flat = self._add("Mul", [flat, inverse], f"{name}_smooth")
        factors = error_factors(seen.products / np.outer(smoothing, smoothing))
        made = _Rounded(f"{name}_rounded", f"{name}_scale", f"{name}_zero", smoothing, factors)
        outputs = [made.name, made.scale, made.zero]
        self.nodes.append(helper.make_node("DynamicQuantizeLinear", [flat], outputs))
        self.rounded[name] = made
        return made

    def _table(self, node: NodeProto) -> None:
        """Write a table of embeddings in 8 bits, each row by its own scale."""
        table, scales = rounded_rows(numpy_helper.to_array(self.given[node.input[0]]))
        out, places = node.output[0], node.input[1]
        self.deep(places)
        taken = self._add("Gather", [self._constant(f"{out}_table", table), places], f"{out}_taken")
        value = self._add("Cast", [taken], f"{out}_float", to=TensorProto.FLOAT)
        scale = [self._constant(f"{out}_table_scales", scales), places]
        self.nodes.append(
            helper.make_node("Mul", [value, self._add("Gather", scale, f"{out}_row_scale")], [out])
        )

    def _elementwise(self, node: NodeProto) -> None:
        out = node.output[0]
        copy = NodeProto()
        copy.CopyFrom(node)
        replace(copy.input, [self.flat.get(name, name) for name in node.input])
        copy.output[0] = f"{out}_flat"
        self.nodes.append(copy)
        self._is_flat(out, next(self.widths[name] for name in node.input if name in self.widths))

    def _can_be_flat(self, node: NodeProto) -> bool:
        """Tell whether all inputs are flat or vectors, and one of them exists in no other form."""
        return any(name in self.widths for name in node.input) and all(
            name in self.flat or (name in self.given and len(self.given[name].dims) <= 1)
            for name in node.input
        )

    def _flattened(self, name: str, width: int) -> str:
        if name not in self.flat:
            shape = self._constant(f"flat_{width}", [-1, width])
            self.flat[name] = self._add("Reshape", [name, shape], f"{name}_flat")
        return self.flat[name]

    def _is_flat(self, name: str, width: int) -> None:
        self.flat[name] = f"{name}_flat"
        self.widths[name] = width

    def _leading(self) -> str:
        """Return the name of the first two dimensions: batch and tokens."""
        return self._once("leading", "Shape", [self.model.graph.input[0].name])

    def _add(self, operator: str, inputs: Iterable[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))  # type: ignore[arg-type] # any attribute
        return output

    def _once(self, name: str, operator: str, inputs: list[str], **attributes: object) -> str:
        """Add a node where none of this name is there yet."""
        if name not in self.names:
            self.names.add(name)
            self._add(operator, inputs, name, **attributes)
        return name

    def _constant(self, name: str, value: NDArray[np.generic] | np.generic | list[int]) -> str:
        """Add a constant where none of this name is there yet."""
        if name not in self.names:
            self.names.add(name)
            array = np.array(value, np.int64) if isinstance(value, list) else np.asarray(value)
            self.constants.append(numpy_helper.from_array(array, name))
        return name


@dataclass(frozen=True, slots=True)
class _Rounded:
    """The input of a product in 8 bits: `name` has shape (tokens, width), the next two are numbers.

    What it stands for is `(name - zero) * scale * smoothing`; `smoothing` has shape (width,).
    `factors` are the `error_factors` of the input divided by `smoothing`.
    """

    name: str
    scale: str
    zero: str
    smoothing: FloatArray
    factors: FloatArray


def _smoothing(seen: Activations) -> FloatArray:
    """Return what each column of an input is divided by, and its row of the matrix multiplied by.

    A few columns reach ten times as far as the others, and would leave those a few of the 255
    steps (Xiao et al., "SmoothQuant", 2023). Where no column does, all are left as they are.
    """
    reach = np.maximum(np.abs(seen.least), np.abs(seen.greatest))
    factors = np.maximum(reach / max(float(np.median(reach)), 1e-6), 1) ** 0.8
    if factors.max() < _OUTLIER:
        return np.ones_like(reach)
    return np.asarray(factors, np.float32)


def _rows(table: TensorProto) -> int:
    return table.dims[0] if len(table.dims) == 2 else 0  # noqa: PLR2004 - a table
