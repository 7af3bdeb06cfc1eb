"""Chooses what a model runs on, torch or ONNX Runtime, and loads it."""

import importlib.util
import logging
from pathlib import Path

from models.contracts import ENCODER, READER, Encoder, ModelError, Reader
from models.loading import (
    has_weights,
    hidden_width,
    model_folder,
    pick_device,
    read_config,
    weights_identity,
)
from models.onnx.files import GRAPH, has_graph, verified
from models.pooling import longest_text
from models.span_choice import SpanChoice
from models.tokenizer import load_tokenizer
from models.windows import Windower

AUTO, ONNX, TORCH = "auto", "onnx", "torch"

_GPU_FILES = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/kfd"))
"""One of these is there where a GPU's driver is (dxg: under Windows; kfd: AMD)."""

log = logging.getLogger(__name__)


def backend_of(
    kind: str, name_or_dir: str | Path, *, backend: str = AUTO, device: str = AUTO
) -> str:
    """Return ONNX or TORCH: what a model of a kind (READER, ENCODER) is to run on.

    "auto" takes torch where there is a GPU to use; else ONNX Runtime where the model's folder has
    an ONNX file, and torch where it has none.

    Raises ModelError where the model, or what would run it, is not there.
    """
    folder = model_folder(kind, name_or_dir)
    if _choose(folder, backend, device) == ONNX:
        if not has_graph(folder):
            raise ModelError(f"{folder} has no {GRAPH}: make it with {_how(kind, name_or_dir)}")
        return ONNX
    if not _installed():
        if device == "cuda":
            raise ModelError(_NO_TORCH_FOR_GPU)
        raise ModelError(_NO_TORCH[backend] + _how(kind, name_or_dir))
    if not has_weights(folder):
        raise ModelError(
            f"{folder} has no weights (model.safetensors), which torch needs: to serve its "
            f"{GRAPH}, set COVIDQUEST_BACKEND=onnx and COVIDQUEST_DEVICE=cpu"
        )
    return TORCH


def check_files(
    kind: str, name_or_dir: str | Path, *, backend: str = AUTO, device: str = AUTO
) -> None:
    """See that a model's files are whole and fit together, as far as can be told without loading.

    Where only torch could tell whether there is a GPU, nothing is checked: a process that has asked
    for one cannot fork any more.

    Raises ModelError as `backend_of` does, or where they don't fit.
    """
    folder = model_folder(kind, name_or_dir)
    if backend == AUTO and device == AUTO and _has_driver():
        return
    if backend_of(kind, folder, backend=backend, device=device) == ONNX:
        record = verified(folder, kind, weights_identity(folder))
        tokenizer = load_tokenizer(folder)
        if kind == ENCODER:
            longest_text(folder)
        else:
            Windower(tokenizer, of=folder)
            SpanChoice.load(folder, record.model, hidden_width(read_config(folder)))


_NO_TORCH = {
    TORCH: "COVIDQUEST_BACKEND=torch, but torch is not installed: pip install -r requirements.txt, "
    "or set COVIDQUEST_BACKEND=onnx and, where there is no ONNX file yet, make it elsewhere: ",
    AUTO: "torch is not installed, and the model has no ONNX file: copy it here, or make it where "
    "torch is installed: ",
}
_NO_TORCH_FOR_GPU = (
    "torch is not installed, which a GPU needs: pip install -r requirements/torch.txt -c "
    "constraints.txt, or use the CPU (COVIDQUEST_DEVICE=cpu, --device cpu)"
)


def load_reader(
    name_or_dir: str | Path, *, backend: str = AUTO, device: str = "auto", threads: int = 0
) -> Reader:
    """Load a reader that computes with `threads`, or with every core where that is 0.

    Raises ModelError as `backend_of` does, or where the model can't be loaded.
    """
    folder = model_folder(READER, name_or_dir)  # once: a hub id is looked up on the network
    if backend_of(READER, folder, backend=backend, device=device) == ONNX:
        from models.onnx.reader import OnnxReader  # noqa: PLC0415 - only what is used is imported

        return OnnxReader(folder, threads=threads)
    from models.reader import TransformersReader  # noqa: PLC0415 - likewise: hundreds of megabytes

    _prepare_torch(READER, folder, threads)
    return TransformersReader(folder, device=device)


def load_encoder(
    name_or_dir: str | Path, *, backend: str = AUTO, device: str = "auto", threads: int = 0
) -> Encoder:
    """Load an encoder, as `load_reader` loads a reader. Raises ModelError."""
    folder = model_folder(ENCODER, name_or_dir)
    if backend_of(ENCODER, folder, backend=backend, device=device) == ONNX:
        from models.onnx.encoder import OnnxEncoder  # noqa: PLC0415 - only what is used is imported

        return OnnxEncoder(folder, threads=threads)
    from models.encoder import SentenceEncoder  # noqa: PLC0415 - likewise: hundreds of megabytes

    _prepare_torch(ENCODER, folder, threads)
    return SentenceEncoder(folder, device=device)


def _choose(folder: Path, backend: str, device: str) -> str:
    if backend not in {AUTO, ONNX, TORCH}:
        raise ModelError(f'a backend is "auto", "onnx" or "torch", not {backend!r}')
    if backend == ONNX and device == "cuda":
        raise ModelError(
            "COVIDQUEST_BACKEND=onnx runs on the CPU: set COVIDQUEST_DEVICE=cpu, or "
            "COVIDQUEST_BACKEND=torch for the GPU"
        )
    if backend != AUTO:
        return backend
    on_gpu = device == "cuda" or (device == AUTO and _has_gpu())
    return ONNX if has_graph(folder) and not on_gpu else TORCH


def _how(kind: str, name: str | Path) -> str:
    return f"python -m scripts.export_onnx {kind} --model {name}"


def _installed() -> bool:
    return importlib.util.find_spec("torch") is not None


def _has_gpu() -> bool:
    """Tell whether torch sees a GPU; it is not even imported where there can be none."""
    return _installed() and _has_driver() and pick_device("auto") == "cuda"


def _has_driver() -> bool:
    return any(path.exists() for path in _GPU_FILES)


def _prepare_torch(kind: str, folder: Path, threads: int) -> None:
    """Set torch's threads, and say where another backend would be faster."""
    if threads:
        import torch  # noqa: PLC0415 - hundreds of megabytes

        torch.set_num_threads(threads)
    if not has_graph(folder) and not _has_gpu():
        log.info(
            "torch runs the %s, which has no %s; one is faster on a CPU: %s",
            kind,
            GRAPH,
            _how(kind, folder),
        )
