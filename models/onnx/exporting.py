"""Writes a torch model as an ONNX graph in single precision, its attention and norms fused."""

import io
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import ModelProto
from onnxruntime.transformers import optimizer
from onnxruntime.transformers.fusion_options import FusionOptions
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForQuestionAnswering

from models import late
from models.onnx.files import OPSET, READER_OUTPUTS
from models.onnx.graph import constants_first, plain_biases, plain_norms, without_padding
from models.pooling import CLS, pooling_of
from models.pretrained import load_pretrained, takes_types

ENCODER_OUTPUTS = ("vector",)
WORD_OUTPUTS = ("vector", "word_parts", "importance")
_ATTENTION = "eager"  # the form that the optimiser knows


class _Reader(nn.Module):
    """A question-answering model that returns its two logits, each of shape (batch, tokens).

    Its last hidden states, (batch, tokens, hidden), follow.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor, *types: Tensor) -> Any:  # noqa: ANN401 - as transformers
        output = self.model(input_ids, attention_mask, output_hidden_states=True, **_named(types))
        return output.start_logits, output.end_logits, output.hidden_states[-1]


class _Encoder(nn.Module):
    """A transformer that returns the vector of a text, and what its words' vectors are made of.

    The vector (batch, hidden) is pooled; with a head follow each token's projection (batch,
    tokens, dimension) and its importance (batch, tokens).
    """

    def __init__(self, model: nn.Module, pooling: str, head: late.LateInteraction | None) -> None:
        super().__init__()
        self.model = model
        self.pooling = pooling
        self.head = head

    def forward(self, input_ids: Tensor, attention_mask: Tensor, *types: Tensor) -> Any:  # noqa: ANN401 - as above
        hidden = self.model(input_ids, attention_mask, **_named(types)).last_hidden_state
        vector = hidden[:, 0] if self.pooling == CLS else hidden.mean(1)
        if self.head is None:
            return vector
        return vector, self.head.projection(hidden), self.head.importance(hidden)[:, :, 0]


def reader_graph(folder: Path) -> ModelProto:
    """Return a reader's graph. Raises ModelError where the model can't be loaded."""
    model = load_pretrained(AutoModelForQuestionAnswering, folder, attention=_ATTENTION).eval()
    return _graph(_Reader(model), model, READER_OUTPUTS)


def encoder_graph(folder: Path) -> ModelProto:
    """Return an encoder's graph. Raises ModelError where the model can't be loaded or pooled."""
    head = late.load_head(folder)
    model = load_pretrained(AutoModel, folder, attention=_ATTENTION).eval()
    network = _Encoder(model, pooling_of(folder), head)
    return _graph(network, model, WORD_OUTPUTS if head else ENCODER_OUTPUTS)


def _named(types: tuple[Tensor, ...]) -> dict[str, Tensor]:
    return {"token_type_ids": types[0]} if types else {}


def _graph(network: nn.Module, model: Any, outputs: tuple[str, ...]) -> ModelProto:  # noqa: ANN401 - as above
    inputs = ["input_ids", "attention_mask"]
    ids = torch.full((2, 8), 5)
    arguments = [ids, torch.ones_like(ids)]
    if takes_types(model):
        inputs.append("token_type_ids")
        arguments.append(torch.zeros_like(ids))
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of every shape that it fixes
        torch.onnx.export(
            network,
            tuple(arguments),
            written,  # type: ignore[arg-type] # only the newer exporter needs a path
            input_names=inputs,
            output_names=list(outputs),
            dynamic_axes={
                name: {0: "batch", 1: "tokens"} if name != "vector" else {0: "batch"}
                for name in [*inputs, *outputs]
            },
            opset_version=OPSET,
            dynamo=False,  # what the newer exporter writes, the optimiser doesn't fuse
        )
    options = FusionOptions("bert")
    options.enable_embed_layer_norm = False
    options.use_multi_head_attention = True
    fused: ModelProto = optimizer.optimize_model(
        onnx.load_from_string(written.getvalue()),
        "bert",
        num_heads=getattr(model.config, "num_attention_heads", 0),
        hidden_size=getattr(model.config, "hidden_size", 0),
        opt_level=0,
        optimization_options=options,
    ).model
    constants_first(fused)
    without_padding(fused)
    plain_norms(fused)
    plain_biases(fused)
    return fused
