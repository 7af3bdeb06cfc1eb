"""What can be known of the Dockerfiles without building them. tests/containers builds one."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import ROOT

DOCKERFILES = ["Dockerfile.cpu", "Dockerfile.gpu"]


def last_stage(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8").rsplit("\nFROM ", 1)[1]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_finds_nothing(name: str) -> None:
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("hadolint")), "--no-color", name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_command_is_the_procfiles(name: str) -> None:
    (command,) = re.findall(r"^CMD (\[.*\])$", last_stage(name), re.MULTILINE)
    procfile = (ROOT / "Procfile").read_text(encoding="utf-8")
    assert procfile == f"web: {' '.join(json.loads(command))}\n"


@pytest.mark.parametrize("name", DOCKERFILES)
def test_nothing_is_installed_in_the_last_stage_and_it_does_not_run_as_root(name: str) -> None:
    stage = last_stage(name)
    assert not re.search(r"\bpip\b|apt-get|curl|wget", stage)
    assert "\nUSER 10001:10001\n" in stage
    assert "\nHEALTHCHECK " in stage
    copied = re.findall(r"^COPY (.*)$", stage, re.MULTILINE)
    assert [line.split()[0] for line in copied] == ["--from=packages", "--from=application"]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_base_and_its_digest_are_arguments(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.search(r"^ARG BASE_IMAGE=\S+\nARG BASE_DIGEST=$", text, re.MULTILINE)
    images = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert images[0] == "${BASE_IMAGE}${BASE_DIGEST:+@}${BASE_DIGEST}"
    assert set(images[1:]) == {"base", "packages"}


@pytest.mark.parametrize("name", DOCKERFILES)
def test_all_that_is_copied_is_sent_to_the_build(name: str) -> None:
    sent = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    for line in re.findall(r"^COPY (?!--from)(.*)$", (ROOT / name).read_text(), re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            parts = Path(source).parts
            assert any("/".join(parts[:n]) in sent for n in range(1, len(parts) + 1)), source


def test_the_gpu_image_takes_the_gpus_that_the_toolkit_shows_it() -> None:
    stage = last_stage("Dockerfile.gpu")
    assert "NVIDIA_VISIBLE_DEVICES=all" in stage
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility" in stage
    assert "COVIDQUEST_DEVICE=auto" in stage
    assert "COVIDQUEST_WORKERS" not in stage  # one for each GPU


def test_the_scripts_of_the_build_are_sound() -> None:
    subprocess.run(["bash", "-n", str(ROOT / "deploy/prepare_image.sh")], check=True)
