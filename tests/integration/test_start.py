"""A start that cannot succeed ends at once, with one line that says why."""

import json
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from index.manifest import FORMAT, current_version
from models.loading import reader_folder
from models.onnx.files import RECORD, Record
from service.loading import preflight
from service.settings import Settings, StartError
from tests.serving import COMMAND, MODELS_LIMIT, run
from tests.unit.index.indexes import change_manifest, turn_a_bit


def refusal(**changes: str) -> str:
    """Return the line with which the start is refused, before any server is there."""
    with pytest.raises(StartError) as refused:
        preflight(Settings.from_environment(changes))
    assert "\n" not in str(refused.value)
    return str(refused.value)


def refusal_of_the_server(**changes: str) -> str:
    ended = run(COMMAND, **changes)
    assert ended.returncode == 1, ended.stderr
    assert not ended.stdout
    (line,) = [line for line in ended.stderr.splitlines() if "Starting gunicorn" not in line]
    assert line.startswith("covidquest: cannot start: ")
    return line


@pytest.fixture
def index(sample_index: Path, tmp_path: Path) -> Path:
    """Return a copy of the sample index, to be damaged."""
    return Path(shutil.copytree(sample_index, tmp_path / "index"))


def copy_of_reader(folder: Path) -> Path:
    """Copy the default reader into a new `folder`, to be damaged; its weights are a link."""
    folder.mkdir()
    for file in reader_folder("default").iterdir():
        if file.suffix == ".safetensors":
            (folder / file.name).symlink_to(file)
        else:
            shutil.copy(file, folder)
    return folder


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    return copy_of_reader(tmp_path / "reader")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def test_no_index(tmp_path: Path) -> None:
    line = refusal_of_the_server(COVIDQUEST_INDEX=str(tmp_path / "nothing"))
    assert f"{tmp_path}/nothing is not there" in line
    assert "scripts.build_index" in line


def test_a_folder_that_is_no_index(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("cord_uid,title\n", encoding="utf-8")
    assert f"{tmp_path} is not an index" in refusal(COVIDQUEST_INDEX=str(tmp_path))


def test_a_version_that_is_gone(index: Path) -> None:
    shutil.rmtree(current_version(index))
    assert "which is not in it" in refusal(COVIDQUEST_INDEX=str(index))


@pytest.mark.parametrize(
    ("damage", "name", "said", "refused"),
    [
        (truncate, "vectors.faiss", "bytes where", refusal_of_the_server),
        (Path.unlink, "passages.sqlite", "is missing", refusal),
    ],
)
def test_a_damaged_file(
    index: Path,
    damage: Callable[[Path], object],
    name: str,
    said: str,
    refused: Callable[..., str],
) -> None:
    damage(current_version(index) / name)
    line = refused(COVIDQUEST_INDEX=str(index))
    assert name in line
    assert said in line


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_flipped_bit(index: Path, workers: str) -> None:
    """Only reading the files shows it: the worker that opens them ends the server."""
    turn_a_bit(current_version(index) / "passages.sqlite")
    changes = {"COVIDQUEST_INDEX": str(index), "COVIDQUEST_WORKERS": workers}
    ended = run(COMMAND, limit=MODELS_LIMIT, **changes)
    assert ended.returncode == 3
    lines = [line for line in ended.stderr.splitlines() if "cannot start: " in line]
    assert 1 <= len(lines) <= int(workers)
    for line in lines:
        assert "passages.sqlite was altered" in line
        assert line.endswith("build or copy the index again")
    assert "serving index version" not in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("text", ["", "null", '{"format": 2}', "\udcff"])
def test_a_broken_manifest(index: Path, text: str) -> None:
    path = current_version(index) / "manifest.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    assert "manifest.json is not a manifest" in refusal(COVIDQUEST_INDEX=str(index))


def test_an_index_of_a_later_program(index: Path) -> None:
    change_manifest(current_version(index), format=FORMAT + 1)
    assert "update the program" in refusal(COVIDQUEST_INDEX=str(index))


def test_an_index_of_another_encoder(index: Path) -> None:
    change_manifest(current_version(index), encoder="bert-12x768@00000000")
    line = refusal(COVIDQUEST_INDEX=str(index))
    assert "built with the encoder bert-12x768@00000000" in line


def test_no_reader(sample_index: Path, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "reader")
    line = refusal(COVIDQUEST_INDEX=str(sample_index), COVIDQUEST_READER=nowhere)
    assert f"{nowhere} is neither a folder nor a model" in line


@pytest.mark.parametrize(
    ("name", "said"), [("tokenizer.json", "tokenizer"), ("config.json", "config")]
)
def test_a_reader_that_lacks_a_file(sample_index: Path, reader: Path, name: str, said: str) -> None:
    (reader / name).unlink()
    line = refusal(COVIDQUEST_INDEX=str(sample_index), COVIDQUEST_READER=str(reader))
    assert f"{reader} is not a model's folder: it has no {said}" in line


def test_a_reader_without_any_weights(sample_index: Path, reader: Path) -> None:
    for name in ("model.safetensors", "model.int8.onnx"):
        (reader / name).unlink()
    line = refusal(COVIDQUEST_INDEX=str(sample_index), COVIDQUEST_READER=str(reader))
    assert f"{reader} is not a model's folder: it has no weights" in line


def test_a_reader_with_a_broken_calibration(sample_index: Path, reader: Path) -> None:
    (reader / "calibration.json").write_text("{}", encoding="utf-8")
    line = refusal(COVIDQUEST_INDEX=str(sample_index), COVIDQUEST_READER=str(reader))
    assert f"{reader}/calibration.json" in line


def test_a_reader_whose_tokenizer_joins_no_pair(sample_index: Path, reader: Path) -> None:
    path = reader / "tokenizer.json"
    fields = json.loads(path.read_text(encoding="utf-8")) | {"post_processor": None}
    path.write_text(json.dumps(fields), encoding="utf-8")
    changes = {"COVIDQUEST_INDEX": str(sample_index), "COVIDQUEST_READER": str(reader)}
    assert f"{path} is not the one that {RECORD} describes" in refusal(**changes)
    replace(Record.read(reader), tokenizer="").write(reader)
    assert f"the tokenizer of {reader} has no template" in refusal(**changes)


def test_a_reader_whose_weights_are_cut_off(sample_index: Path, reader: Path) -> None:
    """Only loading them shows it: the worker ends the server."""
    weights = reader / "model.safetensors"
    weights.unlink()
    weights.write_bytes(b"\0" * 1000)
    changes = {"COVIDQUEST_INDEX": str(sample_index), "COVIDQUEST_READER": str(reader)}
    changes["COVIDQUEST_BACKEND"] = "torch"
    ended = run(COMMAND, limit=MODELS_LIMIT, **changes)
    assert ended.returncode == 3
    (line,) = [line for line in ended.stderr.splitlines() if "cannot start: " in line]
    assert f"{reader} can't be loaded: " in line
    assert "Traceback" not in ended.stderr


def test_an_encoder_that_is_not_there(sample_index: Path, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "encoder")
    line = refusal(COVIDQUEST_INDEX=str(sample_index), COVIDQUEST_ENCODER=nowhere)
    assert f"{nowhere} is neither a folder nor a model" in line


def test_a_bad_setting(sample_index: Path) -> None:
    changes = {"COVIDQUEST_INDEX": str(sample_index), "COVIDQUEST_CANDIDATES": "none"}
    line = refusal_of_the_server(**changes)
    assert "COVIDQUEST_CANDIDATES='none' is not a whole number from 1 to 500" in line


def test_a_port_that_is_taken(sample_index: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refusal_of_the_server(COVIDQUEST_INDEX=str(sample_index), PORT=str(port))
    assert f"cannot listen on 127.0.0.1:{port} (Address already in use): set PORT" in line


def test_an_address_of_another_machine(sample_index: Path) -> None:
    changes = {"COVIDQUEST_INDEX": str(sample_index), "COVIDQUEST_HOST": "192.0.2.1"}
    line = refusal_of_the_server(**changes)
    assert "cannot listen on 192.0.2.1:" in line
    assert "set COVIDQUEST_HOST to an address of this machine" in line
