import os
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from service.gpus import free_place, own_gpu
from tests.serving import LIMIT, ROOT, serving


def test_a_place_that_became_free_is_taken_again() -> None:
    assert [free_place(taken) for taken in (set(), {0}, {1}, {0, 1, 3})] == [0, 1, 0, 2]


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("0,1", ["0", "1", "0"]),
        (" 3, GPU-5c , ", ["3", "GPU-5c", "3"]),
        ("2", [None] * 3),
        ("", [None] * 3),  # all are hidden
    ],
)
def test_named_gpus_are_shared_out(visible: str, expected: list[str | None]) -> None:
    environ = {"CUDA_VISIBLE_DEVICES": visible}
    assert [own_gpu(place, environ) for place in range(3)] == expected


def test_else_gpus_are_counted(tmp_path: Path) -> None:
    assert own_gpu(0, {}, tmp_path) is None
    for name in ("nvidia1", "nvidia7", "nvidiactl", "nvidia-uvm", "nvidia-caps", "null"):
        (tmp_path / name).touch()
    assert [own_gpu(place, {}, tmp_path) for place in range(3)] == ["0", "1", "0"]


def test_gunicorn_gives_each_worker_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    hooks = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    server, worker = SimpleNamespace(WORKERS={1: SimpleNamespace(place=0)}), SimpleNamespace()
    hooks["pre_fork"](server, worker)
    hooks["post_fork"](server, worker)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "6"


def test_workers_start_with_gpus_to_choose_from() -> None:
    fake = ["--config", "tests/fake_gunicorn.conf.py"]
    variables = {"COVIDQUEST_WORKERS": "2", "CUDA_VISIBLE_DEVICES": "4,6"}
    with serving(*fake, limit=LIMIT, **variables) as server:
        assert server.get("/readyz").status == 200
        assert server.stop() == 0
        assert "Error" not in server.logged()
