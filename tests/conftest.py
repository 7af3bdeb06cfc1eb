"""What the end-to-end tests share: indexes, and one server with the real models."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import settings
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from index.search import checked
from index.types import IndexingError
from models.loading import encoder_folder, identity
from tests.serving import MODELS_LIMIT, ROOT, Server, run, serving
from tests.unit.index.indexes import SAMPLE, build

HOSTILE_TITLE = "<img src=x> Masks & <script>document.title = 'pwned'</script> \N{MICROBE}"
HOSTILE_ABSTRACT = (
    '\N{MICROBE}\N{MICROBE} In the Zürich ward the β-CoV <img src=x onerror="alert(1)"> was '
    "followed for a year \N{FACE WITH MEDICAL MASK}. Cafe\N{COMBINING ACUTE ACCENT} staff wore "
    "masks of \N{MATHEMATICAL BOLD CAPITAL N}95 quality for \N{DOUBLE-STRUCK CAPITAL R}₀ above 2. "
    "The masks lowered the number of infections by 42% \N{FLEXED BICEPS} within three weeks."
)


class Compiled(BytecodeCache):
    """Keeps compiled templates in memory, for all applications that the tests make."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


Flask.jinja_options = {"bytecode_cache": Compiled()}
settings.register_profile("covidquest", deadline=None, derandomize=True)  # alike on any machine
settings.load_profile("covidquest")


@pytest.fixture(scope="session")
def sample_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the published index of the sample corpus, or build one where that cannot be used."""
    published = ROOT / "var" / "sample"
    try:
        checked(published, identity(encoder_folder("default")))
    except IndexingError:
        folder = tmp_path_factory.mktemp("sample") / "index"
        build_by_command(SAMPLE, folder)
        return folder
    return published


@pytest.fixture(scope="session")
def fake_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of the sample corpus, for the fake models."""
    folder = tmp_path_factory.mktemp("fake") / "index"
    build(SAMPLE, folder)
    return folder


@pytest.fixture(scope="session")
def hostile_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the index of one paper with HTML and characters of every width in its text."""
    corpus = tmp_path_factory.mktemp("hostile")
    record = {
        "cord_uid": "hostile1",
        "title": HOSTILE_TITLE,
        "abstract": HOSTILE_ABSTRACT,
        "authors": 'Doe, <s>Jane</s>; "Roe"',
        "journal": "<s>Journal</s>",
        "url": "javascript:alert(1)",
        "publish_time": "2020-05-01",
    }
    with (
        (SAMPLE / "metadata.csv").open(encoding="utf-8") as sample,
        (corpus / "metadata.csv").open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, next(csv.reader(sample)), restval="")
        writer.writeheader()
        writer.writerow(record)
    (corpus / "document_parses").mkdir()
    index = tmp_path_factory.mktemp("hostile-index")
    build_by_command(corpus, index)
    return index


def build_by_command(corpus: Path, folder: Path) -> None:
    """Build an index with the real encoder."""
    command = [sys.executable, "-m", "scripts.build_index", "--workers", "1"]
    ended = run([*command, "--corpus", str(corpus), "--index", str(folder)], limit=MODELS_LIMIT)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="session")
def server(sample_index: Path) -> Iterator[Server]:
    """Return a server with the real models, ready to answer from the sample corpus."""
    with serving(COVIDQUEST_INDEX=str(sample_index), COVIDQUEST_WORKERS="1") as running:
        yield running
        assert running.process.poll() is None, running.logged()
        assert running.stop() == 0
        assert "Traceback" not in running.logged()
