"""The graph in single precision and in integers, on tiny models of every architecture."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import ModelProto
from transformers import AutoModelForQuestionAnswering

from models.contracts import FloatArray
from models.onnx.calibrating import calibrate
from models.onnx.exporting import reader_graph
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
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    takes = [one.name for one in session.get_inputs()]
    return np.array(session.run(None, {name: feed[name] for name in takes}))


def _torch(folder: Path, feed: Feed) -> FloatArray:
    model = AutoModelForQuestionAnswering.from_pretrained(folder, dtype=torch.float32).eval()
    inputs = {"input_ids": torch.from_numpy(feed["input_ids"])}
    if getattr(model.config, "type_vocab_size", 0) > 1 and not folder.name.startswith("distil"):
        inputs["token_type_ids"] = torch.from_numpy(feed["token_type_ids"])
    with torch.inference_mode():
        output = model(**inputs)
    return np.array([output.start_logits.numpy(), output.end_logits.numpy()])


@pytest.fixture(scope="module")
def graphs(checkpoints: dict[str, Path]) -> dict[str, ModelProto]:
    return {name: reader_graph(checkpoints[name]) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("length", "texts"), [(3, 1), (37, 2), (64, 1)])
def test_the_graph_computes_what_torch_does(
    checkpoints: dict[str, Path], graphs: dict[str, ModelProto], name: str, length: int, texts: int
) -> None:
    [feed] = _feeds(length, texts=texts)
    found, expected = _run(graphs[name], feed), _torch(checkpoints[name], feed)
    assert found.shape == (2, texts, length)
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("by_rows", [True, False])
def test_integers_compute_nearly_the_same(
    graphs: dict[str, ModelProto], name: str, *, by_rows: bool
) -> None:
    graph = graphs[name]
    seen = calibrate(graph, _feeds(64, 50, 20)) if by_rows else {}
    model = quantised(graph, seen)
    kinds = [node.op_type for node in model.graph.node]
    expected = sum(len(nodes) for nodes in products_of(graph).values())
    assert expected >= 12  # six products in each of two layers
    assert kinds.count("MatMulIntegerToFloat" if by_rows else "MatMulNBits") == expected
    [feed] = _feeds(45)
    found, exact = _run(model, feed), _run(graph, feed)
    assert np.abs(found - exact).mean() < 0.1 * exact.std()
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("by_rows", [True, False])
def test_what_a_text_gets_does_not_depend_on_its_batch(
    graphs: dict[str, ModelProto], *, by_rows: bool
) -> None:
    graph = graphs["bert"]
    model = quantised(graph, calibrate(graph, _feeds(64, 20)) if by_rows else {})
    [feed] = _feeds(40, texts=3)
    together = _run(model, feed)
    for place in range(3):
        alone = _run(model, {name: array[place : place + 1] for name, array in feed.items()})
        np.testing.assert_array_equal(alone[:, 0], together[:, place])
