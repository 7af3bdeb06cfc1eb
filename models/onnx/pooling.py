"""Reads from an encoder's folder how its texts are cut and its vectors pooled."""

import json
from pathlib import Path
from typing import Any

from models.contracts import ModelError
from models.loading import max_positions, read_config

MEAN, CLS = "mean", "cls"

_MODULES = {"Transformer", "Pooling", "Normalize"}
_LEGACY = {"pooling_mode_mean_tokens": MEAN, "pooling_mode_cls_token": CLS}


def pooling_of(folder: Path) -> str:
    """Return how an encoder pools its tokens: MEAN, also where it doesn't say, or CLS.

    Raises ModelError where it is another way, or the encoder has further layers.
    """
    path = folder / "modules.json"
    modules = _read(path) if path.is_file() else []
    kinds = {str(module["type"]).rpartition(".")[2]: str(module["path"]) for module in modules}
    if further := sorted(set(kinds) - _MODULES):
        raise ModelError(f"{path}: no ONNX file can be made of an encoder with {further[0]}")
    if "Pooling" not in kinds:
        return MEAN
    config = _read(folder / kinds["Pooling"] / "config.json")
    named = [mode for name, mode in config.items() if name == "pooling_mode"]
    modes = named or [_LEGACY.get(k, k) for k, on in config.items() if "_mode_" in k and on is True]
    if modes not in ([MEAN], [CLS]):
        raise ModelError(f"{folder}: no ONNX file can be made of an encoder that pools by {modes}")
    return str(modes[0])


def longest_text(folder: Path) -> int:
    """Return after how many tokens an encoder cuts a text, special tokens included."""
    bounds = [max_positions(read_config(folder))]
    for name, key in (
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
    ):
        if (folder / name).is_file():
            bounds.append(_read(folder / name).get(key))
            if isinstance(bounds[-1], int) and name.startswith("sentence"):
                return bounds[-1]
    return min([bound for bound in bounds if isinstance(bound, int)], default=512)


def _read(path: Path) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} can't be read: {error}") from error
