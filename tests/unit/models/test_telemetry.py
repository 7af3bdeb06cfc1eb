import os
import subprocess
import sys
from pathlib import Path

from tests.serving import ROOT

READ = (
    "from models.onnx.reader import OnnxReader\n"
    "print(OnnxReader(threads=1).read('How long?', ['It takes 5 days.'])[0].end > 0)\n"
)


def test_onnx_runtime_keeps_no_record_of_this_machine(tmp_path: Path) -> None:
    """Where it sends usage data it keeps them, and an identity of the machine, in the home."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "ORT_"))}
    ended = subprocess.run(
        [sys.executable, "-c", READ],
        cwd=ROOT,
        env=environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.stdout.strip() == "True", ended.stderr[-500:]
    assert not list(tmp_path.rglob("*onnx*"))
    assert "elemetry" not in ended.stderr
