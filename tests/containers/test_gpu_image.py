"""Dockerfile.gpu, built with the torch that this machine's pip gives, and run without a GPU.

What only a GPU shows, that CUDA is found and used, is not tested here.
"""

from collections.abc import Iterator

import pytest

from service.questions import QUESTIONS
from tests.containers.building import Image, build, clean
from tests.containers.running import MB, cut_off_network, started
from tests.serving import ROOT, free_port

MEMORY = 8_000 * MB


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Build the image; from then on there is no network."""
    built = build("Dockerfile.gpu")
    cut_off_network()
    yield built
    clean()


def test_the_image_runs_the_procfiles_command_as_a_user_without_rights(image: Image) -> None:
    command = (ROOT / "Procfile").read_text().strip().removeprefix("web: ")
    assert " ".join(image.config["Cmd"]) == command
    assert image.user == (10001, 10001)
    assert image.environment["NVIDIA_VISIBLE_DEVICES"] == "all"
    (packages,) = (image.root / "opt/venv/lib").glob("python3*/site-packages")
    assert {"torch", "transformers", "faiss", "gunicorn"} <= {p.name for p in packages.iterdir()}


def test_without_a_gpu_it_warns_and_answers_on_the_cpu(image: Image) -> None:
    with started(image, free_port(), memory=MEMORY) as (server, peak):
        server.wait_for("/readyz", 120)
        for question in QUESTIONS[:10]:
            found = server.post_json({"question": question.text})
            assert found.status == 200
            assert found.json()["answers"], question.text
            assert found.json()["models"]["device"] == "cpu"
        assert "no GPU is visible, so the models run on the CPU" in server.logged()
        print(f"measured: peak memory without a GPU: {peak.bytes / MB:.0f} MB")
        assert server.stop() == 0, server.logged()


def test_torch_serves_too(image: Image) -> None:
    """On a GPU it does; here on the CPU."""
    with started(image, free_port(), memory=MEMORY, COVIDQUEST_BACKEND="torch") as (server, peak):
        server.wait_for("/readyz", 180)
        found = server.post_json({"question": QUESTIONS[1].text})
        assert "days" in found.json()["answers"][0]["answer"]
        print(f"measured: peak memory with torch: {peak.bytes / MB:.0f} MB")
        assert server.stop() == 0, server.logged()


def test_the_same_image_builds_indexes(image: Image) -> None:
    """On /dev/shm, the place that a container can write without a volume."""
    command = "python -m scripts.build_index --corpus data/sample --index /dev/shm/i --limit 5"
    with started(image, free_port(), command.split(), memory=MEMORY) as (building, _):
        assert building.process.wait(300) == 0, building.logged()
        assert "papers" in building.logged()
