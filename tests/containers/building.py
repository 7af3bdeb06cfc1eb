"""Builds an image with Debian's buildah, on a base that debootstrap makes. Needs to be root."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.serving import ROOT

WORK = Path(os.environ.get("CONTAINER_TEST_DIR", ROOT / "var" / "containers")).absolute()
"""Where the base, buildah's storage and the image lie; gigabytes."""

_BASE = "localhost/covidquest-base"
_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
_MACHINE = ("/etc/ssl/certs", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates")
_NAMES = ("/etc/hosts", "/etc/resolv.conf")


def buildah(*arguments: str) -> str:
    """Run a command of buildah; return what it printed."""
    storage = ["--storage-driver", "vfs", "--root", str(WORK / "storage")]
    command = ["buildah", *storage, "--runroot", str(WORK / "run")]
    environment = os.environ | {"BUILDAH_ISOLATION": "chroot"}
    ended = subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, (
        f"buildah {arguments[0]}: {ended.stdout[-3000:]}{ended.stderr[-3000:]}"
    )
    return ended.stdout.strip()


@dataclass(frozen=True)
class Image:
    """A built image, its files as a folder, and those of the base that it stands on."""

    root: Path
    base: Path
    config: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        return dict(entry.split("=", 1) for entry in self.config["Env"])

    @property
    def user(self) -> tuple[int, int]:
        user, group = self.config["User"].split(":")
        return int(user), int(group)


def base_folder() -> Path:
    """Return the files of a small Debian with Python; made once."""
    folder = WORK / "base"
    done = WORK / "base.done"
    if not done.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        subprocess.run(["rm", "-rf", str(folder)], check=True)
        make = [
            "debootstrap",
            "--variant=minbase",
            f"--include={_PACKAGES}",
            "bookworm",
            str(folder),
        ]
        subprocess.run(make, check=True, capture_output=True)
        for rubbish in ("var/cache/apt/archives", "var/lib/apt/lists"):
            subprocess.run(["rm", "-rf", str(folder / rubbish)], check=True)
        done.touch()
    return folder


def build(dockerfile: str) -> Image:
    """Build an image of the checkout with the machine's way to packages, and open it."""
    base = base_folder()
    if not buildah("images", "--quiet", "--filter", f"reference={_BASE}"):
        container = buildah("from", "scratch")
        buildah("add", "--quiet", container, str(base), "/")
        buildah("commit", "--quiet", container, _BASE)
        buildah("rm", container)
    mounts = [argument for pair in _mounts() for argument in ("-v", ":".join([*pair, "ro"]))]
    name = f"localhost/covidquest-{dockerfile.lower().replace('dockerfile.', '')}"
    buildah(
        "build", "--quiet", "--format", "docker", "--layers=false", "--pull-never", *mounts,
        "--build-arg", f"BASE_IMAGE={_BASE}", "-f", dockerfile, "-t", name, ".",
    )  # fmt: skip
    config = json.loads(buildah("inspect", "--type", "image", name))["Docker"]["config"]
    root = Path(buildah("mount", buildah("from", "--pull-never", name)))
    return Image(root, base, config)


def clean() -> None:
    """Delete what a build left, but for the base."""
    buildah("rm", "--all")
    buildah("rmi", "--all", "--force")
    subprocess.run(["rm", "-rf", str(WORK / "storage"), str(WORK / "run")], check=True)


def _mounts() -> Iterator[tuple[str, str]]:
    """Yield what a build needs of this machine to fetch packages: from where, to where."""
    for path in (*_MACHINE, *_NAMES):
        if Path(path).exists():
            yield path, path
    settings = _pip_settings()
    file = WORK / "pip.conf"
    file.write_text(
        "[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()),
        encoding="utf-8",
    )
    yield str(file), "/etc/pip.conf"
    for path in sorted(set(re.findall(r"(?:^|\s|file://)(/\S+)", "\n".join(settings.values())))):
        folder = path.removesuffix("/simple")
        if Path(folder).exists() and not folder.startswith("/etc/ssl/certs"):
            yield folder, folder


def _pip_settings() -> dict[str, str]:
    """Return pip's own settings on this machine, by files or by environment."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^[\w:.-]*?\.([\w-]+)='(.*)'$", listed, re.MULTILINE)
    return {name: value.replace("\\n", "\n  ") for name, value in found}
