"""The graph in single precision and in integers, on tiny models of every architecture."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument
from transformers import AutoModelForQuestionAnswering

from models.contracts import FloatArray
from models.onnx.calibrating import calibrate
from models.onnx.exporting import reader_graph
from models.onnx.files import READER_OUTPUTS
from models.onnx.graph import products_of
from models.onnx.quantising import quantised
from models.onnx.session import Feed

NAMES = ["bert", "distilbert", "electra", "mpnet", "roberta"]


def _feeds(*lengths: int, texts: int = 1) -> list[Feed]:
    draw = np.random.default_rng(3)
    return [
        {
            "input_ids": draw.integers(5, 110, (texts, length)),
            "token_type_ids": np.tile(np.arange(length) >= length // 2, (texts, 1)).astype(int),
        }
        for length in lengths
    ]


def _run(model: ModelProto, feed: Feed) -> FloatArray:
    """Return the start and the end logits, shape (2, texts, tokens)."""
    return np.array(_outputs(model, feed)[:2])


def _outputs(model: ModelProto, feed: Feed) -> list[FloatArray]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    takes = [one.name for one in session.get_inputs()]
    made: list[FloatArray] = session.run(None, {name: feed[name] for name in takes})
    return made


@cache
def _network(folder: Path) -> Any:
    return AutoModelForQuestionAnswering.from_pretrained(folder, dtype=torch.float32).eval()


def _torch(folder: Path, feed: Feed) -> list[FloatArray]:
    """Return what a reader's graph does: the logits, and the last hidden states."""
    model = _network(folder)
    inputs = {"input_ids": torch.from_numpy(feed["input_ids"])}
    if getattr(model.config, "type_vocab_size", 0) > 1 and not folder.name.startswith("distil"):
        inputs["token_type_ids"] = torch.from_numpy(feed["token_type_ids"])
    with torch.inference_mode():
        output = model(**inputs, output_hidden_states=True)
    made = (output.start_logits, output.end_logits, output.hidden_states[-1])
    return [one.numpy() for one in made]


@pytest.fixture(scope="module")
def graphs(checkpoints: dict[str, Path]) -> dict[str, ModelProto]:
    return {name: reader_graph(checkpoints[name]) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("length", "texts"), [(3, 1), (37, 2), (64, 1)])
def test_the_graph_computes_what_torch_does(
    checkpoints: dict[str, Path], graphs: dict[str, ModelProto], name: str, length: int, texts: int
) -> None:
    [feed] = _feeds(length, texts=texts)
    found, expected = _outputs(graphs[name], feed), _torch(checkpoints[name], feed)
    assert [one.shape for one in found[:2]] == [(texts, length)] * 2
    assert [one.name for one in graphs[name].graph.output] == list(READER_OUTPUTS)
    for one, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, right, atol=2e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("by_columns", [True, False])
def test_integers_compute_nearly_the_same(
    graphs: dict[str, ModelProto], name: str, *, by_columns: bool
) -> None:
    graph = graphs[name]
    seen = calibrate(graph, _feeds(64, 50, 20)) if by_columns else {}
    model = quantised(graph, seen)
    kinds = [node.op_type for node in model.graph.node]
    expected = sum(len(nodes) for nodes in products_of(graph).values())
    assert expected >= 12  # six products in each of two layers
    assert kinds.count("MatMulIntegerToFloat" if by_columns else "MatMulNBits") == expected
    [feed] = _feeds(45)
    for found, exact in zip(_outputs(model, feed), _outputs(graph, feed), strict=True):
        assert found.shape == exact.shape
        assert np.abs(found - exact).mean() < 0.1 * exact.std()
        assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.99


def test_what_a_text_gets_does_not_depend_on_its_batch(graphs: dict[str, ModelProto]) -> None:
    model = quantised(graphs["bert"], {})
    [feed] = _feeds(40, texts=3)
    together = _run(model, feed)
    for place in range(3):
        alone = _run(model, {name: array[place : place + 1] for name, array in feed.items()})
        np.testing.assert_array_equal(alone[:, 0], together[:, place])


def test_a_graph_with_one_scale_for_all_tokens_refuses_two_texts(
    graphs: dict[str, ModelProto],
) -> None:
    model = quantised(graphs["bert"], calibrate(graphs["bert"], _feeds(64, 20)))
    with pytest.raises(InvalidArgument, match="index: 0 Got: 2 Expected: 1"):
        _run(model, _feeds(40, texts=2)[0])


@pytest.mark.parametrize("name", NAMES)
def test_biases_are_added_by_the_products(graphs: dict[str, ModelProto], name: str) -> None:
    model = quantised(graphs[name], calibrate(graphs[name], _feeds(64, 50, 20)))
    made = {one for node in model.graph.node for one in node.output}
    vectors = {one.name for one in model.graph.initializer if len(one.dims) == 1}
    products = {n.output[0] for n in model.graph.node if n.op_type == "MatMulIntegerToFloat"}
    for node in model.graph.node:
        if node.op_type == "Add" and products.intersection(node.input):
            assert made.issuperset(node.input)  # the residual: no constant is left to be added
        assert node.op_type != "MultiHeadAttention" or not vectors.intersection(node.input)


def test_attention_values_are_smoothed_in_its_place(graphs: dict[str, ModelProto]) -> None:
    graph = graphs["bert"]
    seen = dict(calibrate(graph, _feeds(64, 50, 20)))
    attentions = [n.output[0] for n in graph.graph.node if n.op_type == "MultiHeadAttention"]
    assert attentions
    for name in attentions:  # as if the first column reached far
        factors = np.where(np.arange(len(seen[name].least)) == 0, 50, 1).astype(np.float32)
        seen[name] = replace(seen[name], greatest=seen[name].greatest * factors)
    model = quantised(graph, seen)
    multiplied = {one for node in model.graph.node if node.op_type == "Mul" for one in node.input}
    assert not multiplied.intersection({*attentions, *(f"{name}_flat" for name in attentions)})
    [feed] = _feeds(45)
    assert np.corrcoef(_run(model, feed).ravel(), _run(graph, feed).ravel())[0, 1] > 0.99


def _toy(nodes: list[NodeProto], **constants: FloatArray) -> ModelProto:
    """Return a graph of `input_ids` (texts, tokens) to `out` (texts, tokens, 8)."""
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "tokens"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["texts", "tokens", 8])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.mark.parametrize("activation", [False, True])
def test_a_rounded_table_may_feed_a_product_that_is_the_output(*, activation: bool) -> None:
    draw = np.random.default_rng(4)
    table, matrix = draw.normal(size=(120, 6)), draw.normal(size=(6, 8))
    product = "product" if activation else "out"
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["taken"]),
        helper.make_node("MatMul", ["taken", "matrix"], [product]),
    ]
    if activation:
        nodes.append(helper.make_node("Tanh", ["product"], ["out"]))
    graph = _toy(nodes, table=table.astype(np.float32), matrix=matrix.astype(np.float32))
    feeds = _feeds(40, 20)
    model = quantised(graph, calibrate(graph, feeds))
    checker.check_model(model)
    made = [one for node in model.graph.node for one in node.output]
    assert len(made) == len(set(made))
    [found], [exact] = _outputs(model, feeds[0]), _outputs(graph, feeds[0])
    assert found.shape == exact.shape == (1, 40, 8)
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.99
