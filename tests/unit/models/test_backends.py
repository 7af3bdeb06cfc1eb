import importlib.util
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from models import backends
from models.backends import backend_of, check_files, load_encoder, load_reader
from models.contracts import ENCODER, READER, ModelError
from models.encoder import SentenceEncoder
from models.loading import encoder_folder
from models.onnx.files import GRAPH, RECORD
from models.onnx.reader import OnnxReader
from models.reader import TransformersReader

find_spec = importlib.util.find_spec


@pytest.fixture
def reader(checkpoints: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoints["bert"], tmp_path / "reader"))


@pytest.fixture
def with_graph(reader: Path) -> Path:
    """Return a reader's folder with files of the names that ONNX files have."""
    (reader / GRAPH).write_bytes(b"graph")
    (reader / RECORD).write_text("{}")
    return reader


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str, *rest: Any) -> object:
        return None if name == "torch" else find_spec(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(backends, "_GPU_FILES", (tmp_path,))
    monkeypatch.setattr(backends, "pick_device", lambda _: "cuda")


def test_auto_takes_onnx_on_a_cpu_where_there_is_a_file(with_graph: Path) -> None:
    assert backend_of(READER, with_graph) == "onnx"
    assert backend_of(READER, with_graph, device="cpu") == "onnx"
    assert backend_of(READER, with_graph, backend="torch") == "torch"


def test_auto_takes_torch_where_there_is_none(reader: Path) -> None:
    assert backend_of(READER, reader) == "torch"


@pytest.mark.usefixtures("gpu")
def test_auto_takes_torch_on_a_gpu(with_graph: Path) -> None:
    assert backend_of(READER, with_graph) == "torch"
    assert backend_of(READER, with_graph, device="cuda") == "torch"
    assert backend_of(READER, with_graph, device="cpu") == "onnx"
    assert backend_of(READER, with_graph, backend="onnx") == "onnx"


def test_a_driver_without_a_gpu_is_no_gpu(
    with_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "_GPU_FILES", (tmp_path,))
    monkeypatch.setattr(backends, "pick_device", lambda _: "cpu")
    assert backend_of(READER, with_graph) == "onnx"


def test_onnx_without_a_file_names_the_command(reader: Path, plain_bert: Path) -> None:
    command = rf"has no {GRAPH}: make it with python -m scripts.export_onnx reader --model {reader}"
    with pytest.raises(ModelError, match=command):
        load_reader(reader, backend="onnx")
    with pytest.raises(ModelError, match=r"export_onnx encoder --model"):
        load_encoder(plain_bert, backend="onnx")


@pytest.mark.parametrize("backend", ["auto", "torch", "onnx"])
def test_a_model_of_the_other_kind_is_refused_before_it_is_loaded(
    reader: Path, backend: str
) -> None:
    for try_it in (check_files, lambda _, name, **chosen: load_encoder(name, **chosen)):
        with pytest.raises(ModelError, match=f"{reader} is of a reader, and an encoder is needed"):
            try_it(ENCODER, reader, backend=backend, device="cpu")
    with pytest.raises(ModelError, match="encoder is of an encoder, and a reader is needed"):
        check_files(READER, encoder_folder("default"), backend=backend, device="cpu")
    check_files(READER, reader, backend="torch", device="cpu")
    with pytest.raises(ModelError, match="encoder is of an encoder, and a reader is needed"):
        TransformersReader(encoder_folder("default"), device="cpu")


def test_a_hub_id_is_looked_up_once(
    checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def found(name: str, **_: object) -> str:
        asked.append(name)
        return str(checkpoints["bert"])

    monkeypatch.setattr("huggingface_hub.snapshot_download", found)
    assert isinstance(load_reader("some/reader", device="cpu"), TransformersReader)
    assert asked == ["some/reader"]


def test_a_reader_embeds_nothing(reader: Path) -> None:
    with pytest.raises(ModelError, match=f"{reader} is of a reader, and an encoder is needed"):
        SentenceEncoder(reader, device="cpu")


def test_onnx_does_not_run_on_a_gpu(with_graph: Path) -> None:
    with pytest.raises(ModelError, match="onnx runs on the CPU: set COVIDQUEST_DEVICE=cpu"):
        backend_of(READER, with_graph, backend="onnx", device="cuda")


def test_an_unknown_backend_is_refused(reader: Path) -> None:
    with pytest.raises(ModelError, match='"auto", "onnx" or "torch", not \'tensorrt\''):
        backend_of(READER, reader, backend="tensorrt")


@pytest.mark.usefixtures("no_torch")
def test_without_torch_there_must_be_a_file(reader: Path) -> None:
    with pytest.raises(ModelError, match="COVIDQUEST_BACKEND=torch, but torch is not installed"):
        backend_of(READER, reader, backend="torch")
    with pytest.raises(ModelError, match=r"torch is not installed, and .* no ONNX file.*export"):
        backend_of(READER, reader)
    (reader / GRAPH).touch()
    assert backend_of(READER, reader) == "onnx"


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_a_gpu_without_torch_says_what_to_install(with_graph: Path, backend: str) -> None:
    said = r"torch is not installed, which a GPU needs: pip install .*torch\.txt.*DEVICE=cpu"
    with pytest.raises(ModelError, match=said):
        backend_of(READER, with_graph, backend=backend, device="cuda")


def test_torch_needs_weights(with_graph: Path) -> None:
    (with_graph / "model.safetensors").unlink()
    assert backend_of(READER, with_graph) == "onnx"
    with pytest.raises(ModelError, match=r"no weights .*which torch needs.*BACKEND=onnx"):
        backend_of(READER, with_graph, backend="torch")


def test_files_are_checked_before_anything_is_loaded(with_graph: Path) -> None:
    with pytest.raises(ModelError, match=f"{RECORD} is no record"):
        check_files(READER, with_graph)
    with pytest.raises(ModelError, match=f"{RECORD} is no record"):
        check_files(READER, with_graph, backend="onnx")
    check_files(READER, with_graph, backend="torch")


def test_a_process_that_will_fork_asks_for_no_gpu(
    with_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(_: str) -> str:
        pytest.fail("it asked torch for a GPU")

    monkeypatch.setattr(backends, "_GPU_FILES", (tmp_path,))
    monkeypatch.setattr(backends, "pick_device", asked)
    check_files(READER, with_graph)
    with pytest.raises(ModelError, match="is no record"):
        check_files(READER, with_graph, device="cpu")
    with pytest.raises(ModelError, match="neither a folder"):
        check_files(READER, tmp_path / "nowhere")


def test_torch_says_that_onnx_would_be_faster(
    reader: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "models.backends"):
        assert isinstance(load_reader(reader, threads=1), TransformersReader)
    [line] = caplog.messages
    assert f"torch runs the reader, which has no {GRAPH}" in line
    assert f"scripts.export_onnx reader --model {reader}" in line
    assert not issubclass(TransformersReader, OnnxReader)
