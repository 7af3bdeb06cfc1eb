"""The real server on ONNX Runtime: what it imports, and how it refuses what it cannot run."""

import json
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from files.checksums import sha256
from models.contracts import READER
from models.loading import encoder_folder, identity
from models.onnx.files import GRAPH, RECORD, Record
from service.settings import Settings, StartError
from tests.integration.test_start import copy_of_reader, refusal
from tests.serving import COMMAND, MODELS_LIMIT, ROOT, run, serving

KEPT_OUT = {"torch", "transformers", "sentence_transformers", "huggingface_hub", "onnx"}
QUESTION = "How long is the incubation period of COVID-19?"


@pytest.mark.skipif(
    not all((ROOT / "models/weights" / kind / GRAPH).is_file() for kind in ("reader", "encoder")),
    reason="the shipped models have no ONNX files: python -m scripts.export_onnx reader (encoder)",
)
def test_nothing_that_serves_imports_torch(sample_index: Path, tmp_path: Path) -> None:
    names = tmp_path / "modules"
    config = ["--config", str(ROOT / "tests/modules_gunicorn.conf.py")]
    changes = {"MODULES_FILE": str(names), "COVIDQUEST_BACKEND": "onnx"}
    with serving(*config, COVIDQUEST_INDEX=str(sample_index), **changes) as server:
        reply = server.post_json({"question": QUESTION})
        assert reply.status == 200
        assert reply.json()["answers"]
        assert server.stop() == 0
    imported = set(names.read_text(encoding="utf-8").split())
    assert {"onnxruntime", "tokenizers", "models.onnx.reader"} <= imported
    assert not KEPT_OUT & imported


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    """Return a copy of the default reader with a graph that nothing can run.

    A record describes the graph rightly.
    """
    folder = copy_of_reader(tmp_path / "reader")
    node = onnx.helper.make_node("Identity", ["input_ids"], ["start_logits"])
    ids = onnx.helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["tokens"])
    logits = onnx.helper.make_tensor_value_info("start_logits", onnx.TensorProto.INT64, ["tokens"])
    graph = onnx.helper.make_graph([node], "later", [ids], [logits])
    later = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 99)])
    onnx.save(later, folder / GRAPH)
    Record(READER, identity(folder), sha256(folder / GRAPH)).write(folder)
    return folder


def _record(folder: Path, **changes: object) -> None:
    fields = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    (folder / RECORD).write_text(json.dumps(fields | changes), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / GRAPH).write_bytes(b"\x08\x08"), "is not the file that"),
        (lambda folder: _record(folder, opset=99), "opset 99"),
        (lambda folder: _record(folder, model="bert-6x384@00000000"), "was made from bert-6x384@0"),
        (lambda folder: (folder / RECORD).unlink(), f"has no {RECORD}"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "has no tokenizer"),
    ],
)
def test_files_that_do_not_fit_stop_the_start(
    sample_index: Path, reader: Path, damage: Callable[[Path], object], said: str
) -> None:
    damage(reader)
    assert said in refusal(COVIDQUEST_INDEX=str(sample_index), COVIDQUEST_READER=str(reader))


def test_a_graph_of_a_later_opset_stops_the_server(sample_index: Path, reader: Path) -> None:
    """Only loading it shows that: the worker ends the server."""
    changes = {"COVIDQUEST_INDEX": str(sample_index), "COVIDQUEST_READER": str(reader)}
    ended = run(COMMAND, limit=MODELS_LIMIT, **changes)
    assert ended.returncode == 3, ended.stderr
    assert "Traceback" not in ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if "cannot start: " in line]
    assert f"ONNX Runtime can't run {reader}/{GRAPH}" in line
    assert "export the model again" in line


def test_onnx_without_a_file_names_the_command(sample_index: Path, reader: Path) -> None:
    (reader / GRAPH).unlink()
    (reader / RECORD).unlink()
    changes = {"COVIDQUEST_READER": str(reader), "COVIDQUEST_BACKEND": "onnx"}
    encoder = encoder_folder("default")
    if not (encoder / GRAPH).is_file():  # then that is the first to be missed
        changes["COVIDQUEST_READER"] = "default"
    line = refusal(COVIDQUEST_INDEX=str(sample_index), **changes)
    assert f"has no {GRAPH}: make it with python -m scripts.export_onnx" in line


def test_settings_out_of_their_limits_stop_the_start() -> None:
    changes = {"COVIDQUEST_BACKEND": "tensorrt", "COVIDQUEST_THREADS": "257"}
    with pytest.raises(StartError) as refused:
        Settings.from_environment(changes)
    assert "COVIDQUEST_BACKEND='tensorrt' is not one of auto, onnx, torch" in str(refused.value)
    assert "COVIDQUEST_THREADS='257' is not a whole number from 0 to 256" in str(refused.value)
