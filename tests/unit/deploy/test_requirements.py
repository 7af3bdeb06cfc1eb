"""The lists of packages agree: requirements, constraints, the image's, NOTICE."""

import re
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.serving import ROOT

LEFT_OUT = "huggingface-hub"
"""What the CPU image lacks although a package says that it needs it: it has its models."""


def name_of(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def lines(path: Path) -> list[str]:
    """Return the lines of a list, those of the lists that it names among them."""
    found: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.split("#")[0].strip()
        if text.startswith("-r "):
            found += lines(ROOT / text.removeprefix("-r ").strip())
        elif text:
            found.append(text)
    return found


def pins(path: Path) -> dict[str, str]:
    return {name_of(name): version for name, _, version in (p.partition("==") for p in lines(path))}


def needed(names: Iterable[str], without: str = "") -> set[str]:
    """Return packages and all that they need in turn, as their own metadata say."""
    found: set[str] = set()
    todo = [name_of(name) for name in names]
    while todo:
        name = todo.pop()
        if name in found or name == without:
            continue
        found.add(name)
        for text in distribution(name).requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(name_of(requirement.name))
    return found


@pytest.mark.parametrize("name", ["requirements.txt", "requirements/sbom.txt"])
def test_everything_is_pinned(name: str) -> None:
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines(ROOT / name))


def test_the_constraints_pin_every_requirement_and_what_it_needs() -> None:
    constraints, required = pins(ROOT / "constraints.txt"), pins(ROOT / "requirements.txt")
    assert constraints | required == constraints | {"torch": required["torch"]}
    assert needed(required) - set(constraints) <= {"torch"}


def test_the_image_has_what_serving_needs_and_nothing_else() -> None:
    serving = pins(ROOT / "requirements/serve.txt")
    listed = {name_of(line) for line in lines(ROOT / "requirements/image-cpu.txt")}
    assert listed == needed(set(serving) - {LEFT_OUT}, without=LEFT_OUT)
    assert listed <= set(pins(ROOT / "constraints.txt"))


def test_the_notice_tells_the_licence_of_everything_that_is_shipped() -> None:
    text = (ROOT / "NOTICE").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| ([a-z0-9-]+) \| (.+) \|$", text, re.MULTILINE))
    both = pins(ROOT / "requirements/serve.txt") | pins(ROOT / "requirements/torch.txt")
    theirs = re.compile(r"nvidia-|cuda-|triton$")  # told in words: only torch's CUDA build has them
    shipped = {name for name in needed(both) if not theirs.match(name)}
    assert set(told) - {"---"} == shipped
    for name in shipped:
        expression = distribution(name).metadata.get("License-Expression")
        assert told[name] == (expression or told[name])
