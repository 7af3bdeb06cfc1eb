"""What a command says where a package that it needs is not installed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.ending import missing
from tests.serving import ROOT

_WITHOUT = """
import runpy, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
sys.argv = ["-m", *{arguments}]
import scripts
runpy.run_module("scripts.{command}", run_name="__main__", alter_sys=True)
"""


def run_without(
    absent: set[str], command: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    code = _WITHOUT.format(absent=absent, command=command, arguments=arguments)
    return subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("command", "absent", "file"),
    [
        ("calibrate --help", "sklearn", "requirements.txt"),
        ("evaluate --help", "ir_measures", "requirements.txt"),
        ("export_onnx reader --index", "torch", "requirements/torch.txt"),  # not for --help
    ],
)
def test_one_line_names_the_package_and_the_file_that_has_it(
    sample_index: Path, command: str, absent: str, file: str
) -> None:
    index = [str(sample_index)] if command.endswith("--index") else []
    done = run_without({absent}, *command.split(), *index)
    expected = f"{absent} is not installed: pip install -r {file} -c constraints.txt\n"
    assert (done.returncode, done.stderr) == (1, expected)


@pytest.mark.parametrize("file", ["serve", "torch"])
def test_each_package_is_named_with_the_file_that_lists_it(file: str) -> None:
    modules = {"faiss-cpu": "faiss"}
    path = f"requirements/{file}.txt"
    for package in re.findall(r"^([\w-]+)==", (ROOT / path).read_text(), re.MULTILINE):
        module = modules.get(package, package.replace("-", "_"))
        assert f"-r {path} " in missing(module), package


def test_what_trains_needs_nothing_that_measures() -> None:
    measuring = {"ir_measures", "torchmetrics", "sklearn", "pytest"}
    done = run_without(measuring, "train_encoder", "--help")
    assert (done.returncode, done.stderr) == (0, "")
