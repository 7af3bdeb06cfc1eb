"""What make does before anything is installed."""

import subprocess
from pathlib import Path

import pytest

from tests.serving import ROOT

_SYSTEM = """#!/bin/sh
case "$*" in *venv*)
  for folder; do :; done
  mkdir -p "$folder/bin" && printf '#!/bin/sh\\n' > "$folder/bin/python"
  chmod +x "$folder/bin/python" && echo "$*" >> "$0.made";;
esac
"""
"""Stands for the system's python3: what it makes can do everything, and notes how it was made."""


def make(*arguments: str) -> str:
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_a_virtual_environment_without_pip_is_made_anew(tmp_path: Path) -> None:
    venv, system = tmp_path / "venv", tmp_path / "python3"
    for path, script in ((system, _SYSTEM), (venv / "bin" / "python", "#!/bin/sh\nexit 1\n")):
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(script)
        path.chmod(0o755)
    wanted = [f"VENV={venv}", f"PYTHON={system}", f"{venv}/.complete"]
    make(*wanted)
    make("-W", "constraints.txt", *wanted)  # one that has pip is kept
    assert (tmp_path / "python3.made").read_text() == f"-m venv --clear {venv}\n"


@pytest.mark.parametrize("port", ["abc", "0", "65536", "80 81", ""])
def test_a_port_is_checked_before_anything_is_made(tmp_path: Path, port: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        make("run", f"PORT={port}", f"VENV={tmp_path}/venv", "PYTHON=/bin/false")
    assert caught.value.stdout == f"PORT={port} is not a whole number from 1 to 65535\n"
    make("port", "PORT=65535")


def test_help_shows_each_target_in_columns() -> None:
    lines = make("help").splitlines()
    assert "make help            show this" in lines
    assert len(lines) >= 8
    assert {line[:5] + line[19:21] for line in lines} == {"make   "}
