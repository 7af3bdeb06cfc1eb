import json
import shutil
import sys
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from huggingface_hub.utils import filter_repo_objects

from models.contracts import ModelError
from models.loading import (
    encoder_folder,
    identity,
    max_positions,
    pick_device,
    read_config,
    reader_folder,
    resolve,
)


@pytest.fixture
def copy(checkpoints: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoints["bert"], tmp_path / "copy"))


def test_a_complete_folder_resolves_to_itself(checkpoints: dict[str, Path]) -> None:
    assert resolve(checkpoints["bert"]) == checkpoints["bert"]
    assert resolve(str(checkpoints["bert"])) == checkpoints["bert"]


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ModelError, match=rf"has no .*{name}"):
        resolve(copy)


def test_pickled_weights_are_no_weights(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickled weights"):
        resolve(copy)


def test_a_hub_id_resolves_to_its_download(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(name: str, **options: Any) -> str:
        asked.append((name, options["allow_patterns"]))
        return str(copy)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert resolve("someone/reader") == copy
    [(name, patterns)] = asked
    assert name == "someone/reader"
    assert not any("bin" in pattern for pattern in patterns)
    wanted = {"model.safetensors", "tokenizer.json", "model.int8.json", "model.int8.onnx"}
    others = {"pytorch_model.bin", "onnx/model.onnx", "model.onnx"}
    fetched = filter_repo_objects([*wanted, *others], allow_patterns=patterns)
    assert set(fetched) == wanted


def test_an_unreachable_hub_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> str:
        raise huggingface_hub.errors.LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(ModelError, match=r"neither a folder nor .* hub: give the path"):
        resolve("someone/reader")


def test_without_the_hubs_package_a_name_that_is_no_folder_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    said = "no/reader is no folder here, .* or pip install -r requirements/serve.txt -c constraints"
    with pytest.raises(ModelError, match=said):
        resolve("no/reader")


@pytest.mark.parametrize("name", ["/no/such/folder", "./relative", "a b", "a/b/c"])
def test_what_is_no_hub_id_is_refused_without_a_download(name: str) -> None:
    with pytest.raises(ModelError, match="neither a folder nor"):
        resolve(name)


def test_the_defaults_come_with_the_application() -> None:
    assert (reader_folder("default") / "MODEL_CARD.md").is_file()
    assert (encoder_folder("default") / "modules.json").is_file()
    assert (encoder_folder("default") / "late_interaction.json").is_file()


def test_the_stock_encoder_is_a_package() -> None:
    assert (encoder_folder("stock") / "modules.json").is_file()
    assert not (encoder_folder("stock") / "late_interaction.json").exists()


def test_identity_depends_on_contents_alone(checkpoints: dict[str, Path], copy: Path) -> None:
    name = identity(copy)
    assert name == identity(checkpoints["bert"])  # another folder, the same model
    assert name.startswith("bert-2x32@")
    assert len(name) == len("bert-2x32@") + 8
    assert identity(checkpoints["distilbert"]).startswith("distilbert-2x32@")
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert identity(copy) != name  # one bit of one weight


def test_config_must_be_an_object(copy: Path) -> None:
    (copy / "config.json").write_text("[1]")
    with pytest.raises(ModelError, match="it is no JSON object"):
        read_config(copy)
    (copy / "config.json").write_text("{")
    with pytest.raises(ModelError, match="can't be read"):
        read_config(copy)


def test_positions_that_a_model_can_read(checkpoints: dict[str, Path]) -> None:
    bounds = {name: max_positions(read_config(folder)) for name, folder in checkpoints.items()}
    assert bounds == dict.fromkeys(checkpoints, 64)  # RoBERTa and MPNet have 66, less 2
    assert max_positions({"model_type": "roberta", "max_position_embeddings": 514}) == 512
    assert max_positions(json.loads('{"model_type": "t5"}')) is None
    assert max_positions({"max_position_embeddings": -1}) is None


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == pick_device("cpu") == "cpu"
    with pytest.raises(ModelError, match="sees no GPU"):
        pick_device("cuda")
    with pytest.raises(ModelError, match="not 'tpu'"):
        pick_device("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto") == pick_device("cuda") == "cuda"
    assert pick_device("cpu") == "cpu"
