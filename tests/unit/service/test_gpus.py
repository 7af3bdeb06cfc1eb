"""Which GPUs a worker has. There is none here: device files are stood in for by empty ones."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from service.gpus import LostGPUError, free, is_lost, missing, visible
from service.loading import load_models
from service.settings import Settings
from tests.fake_models import FakeEncoder, FakeReader
from tests.serving import ROOT


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    for name in ("nvidia0", "nvidia3", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("environ", "gpus"),
    [
        ({}, ("0", "1")),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, ("0", "1")),
        ({"NVIDIA_VISIBLE_DEVICES": "0,3"}, ("0", "1")),  # as the container toolkit put them there
        ({"NVIDIA_VISIBLE_DEVICES": "GPU-ab12"}, ("GPU-ab12",)),  # which nobody acted on
        ({"NVIDIA_VISIBLE_DEVICES": "none"}, ()),
        ({"NVIDIA_VISIBLE_DEVICES": "void"}, ()),
        ({"CUDA_VISIBLE_DEVICES": "3", "NVIDIA_VISIBLE_DEVICES": "all"}, ("3",)),
        ({"CUDA_VISIBLE_DEVICES": "MIG-1, MIG-2"}, ("MIG-1", "MIG-2")),
        ({"CUDA_VISIBLE_DEVICES": ""}, ()),
        ({"CUDA_VISIBLE_DEVICES": "0,-1,1"}, ("0",)),
    ],
)
def test_the_gpus_that_are_visible(
    environ: dict[str, str], gpus: tuple[str, ...], devices: Path
) -> None:
    assert visible(environ, devices) == gpus


def test_a_machine_without_a_gpu(tmp_path: Path) -> None:
    assert visible({"NVIDIA_VISIBLE_DEVICES": "all"}, tmp_path) == ()
    assert visible({"NVIDIA_VISIBLE_DEVICES": "0"}, tmp_path) == ()


def test_each_worker_has_a_gpu_of_its_own_and_its_successor_has_the_same() -> None:
    taken: list[str | None] = []
    for _ in range(3):
        taken.append(free(("0", "1", "2"), taken))
    assert taken == ["0", "1", "2"]
    taken.remove("1")  # that worker ended
    assert free(("0", "1", "2"), taken) == "1"
    assert free((), []) is None


@pytest.mark.parametrize(
    ("environ", "gpus", "warned"),
    [
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, (), True),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, ("0",), False),
        ({"NVIDIA_VISIBLE_DEVICES": "none"}, (), False),
        ({}, (), False),
    ],
)
def test_a_container_that_was_to_have_gpus_says_that_it_sees_none(
    environ: dict[str, str], gpus: tuple[str, ...], tmp_path: Path, *, warned: bool
) -> None:
    assert ("no GPU is visible" in missing(environ, gpus, tmp_path)) is warned
    (tmp_path / "dxg").touch()
    assert missing(environ, gpus, tmp_path) == ""


def test_an_error_of_the_device_is_told_from_others() -> None:
    assert is_lost(torch.AcceleratorError("CUDA error: unspecified launch failure\nmore"))
    assert not is_lost(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_lost(RuntimeError("CUDA error"))


def test_what_is_said_of_a_lost_gpu_is_one_line() -> None:
    said = str(LostGPUError(torch.AcceleratorError("CUDA error: GPU is lost\nCompile with")))
    assert said.startswith("the GPU cannot be used any more (CUDA error: GPU is lost): see")
    assert "\n" not in said


def test_a_server_whose_gpu_vanishes_ends_with_one_line() -> None:
    code = (
        "import torch\n"
        "from service.app import create_app\n"
        "from service.settings import Settings\n"
        "from tests.fake_app import FakeAnswerer\n"
        "class Lost(FakeAnswerer):\n"
        "    def answer(self, query):\n"
        "        raise torch.AcceleratorError('CUDA error: GPU is lost')\n"
        "client = create_app(Settings(), Lost()).test_client()\n"
        "client.post('/api/v1/answers', json={'question': 'How long?'})\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 3
    (line,) = ended.stderr.splitlines()
    assert "cannot go on: the GPU cannot be used any more (CUDA error: GPU is lost)" in line


@pytest.mark.parametrize(
    ("gpus", "device", "warned"),
    [("0", "auto", True), ("", "auto", False), ("0", "cpu", False)],
)
def test_a_gpu_that_torch_cannot_use_is_told(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    gpus: str,
    device: str,
    warned: bool,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    monkeypatch.setattr("service.loading.load_encoder", lambda *_, **__: FakeEncoder())
    monkeypatch.setattr("service.loading.load_reader", lambda *_, **__: FakeReader())
    load_models(Settings(device=device, threads=1))
    assert ("torch cannot use it" in caplog.text) == warned
