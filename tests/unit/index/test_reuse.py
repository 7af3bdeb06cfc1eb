import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from index.builder import EncoderSpec, build_index
from index.manifest import current_version
from index.vectors import EMBEDDINGS, VectorFile
from models.contracts import FloatArray
from tests.unit.index.fake_encoder import DIMENSION, ENCODER, Silent, encode

SAMPLE = Path(__file__).parents[3] / "data" / "sample"


class Counting:
    """Encodes as the fake does, and remembers what."""

    def __init__(self, name: str = ENCODER.name) -> None:
        self.texts: list[str] = []
        self.spec = EncoderSpec(name, DIMENSION, self.encode)

    def encode(self, texts: Sequence[str]) -> FloatArray:
        self.texts += texts
        return encode(texts)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    shutil.copytree(SAMPLE, tmp_path / "corpus")
    return tmp_path / "corpus"


@pytest.fixture
def index(tmp_path: Path, corpus: Path) -> Path:
    build_index(corpus, tmp_path / "index", ENCODER, Silent(), workers=1)
    return tmp_path / "index"


def vectors_of(index: Path) -> np.ndarray:
    return np.array(VectorFile(current_version(index) / EMBEDDINGS, DIMENSION).read())


def test_nothing_changed_nothing_embedded(corpus: Path, index: Path) -> None:
    before, counting = vectors_of(index), Counting()
    build_index(corpus, index, counting.spec, Silent(), workers=1, reuse=True)
    assert counting.texts == []
    assert np.array_equal(vectors_of(index), before)


def test_only_new_and_changed_passages_are_embedded(corpus: Path, index: Path) -> None:
    metadata = corpus / "metadata.csv"
    with metadata.open(encoding="utf-8", newline="") as file:
        gone, renamed, *rest = csv.DictReader(file)
    renamed["title"] = "Another title that every passage of this paper is embedded with"
    added = dict.fromkeys(renamed, "")
    added |= {"cord_uid": "new", "title": "New", "abstract": "A new abstract of seven words here."}
    with metadata.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(renamed))
        writer.writeheader()
        writer.writerows([added, renamed, *rest])
    counting = Counting()
    report = build_index(corpus, index, counting.spec, Silent(), workers=1, reuse=True)
    titles = {text.split("\n")[0].rsplit(". ", 1)[0] for text in counting.texts}
    assert titles == {"New", renamed["title"]}
    assert report.papers == 1 + 1 + len(rest)
    updated = vectors_of(index)
    build_index(corpus, index, ENCODER, Silent(), workers=1)  # from nothing, the same
    assert np.array_equal(vectors_of(index), updated)
    assert gone["cord_uid"]


@pytest.mark.parametrize("what", ["not asked for", "another encoder", "no vector file"])
def test_vectors_that_are_of_no_use_are_made_again(corpus: Path, index: Path, what: str) -> None:
    if what == "no vector file":
        (current_version(index) / EMBEDDINGS).unlink()
    counting = Counting("other" if what == "another encoder" else ENCODER.name)
    report = build_index(
        corpus, index, counting.spec, Silent(), workers=1, reuse=what != "not asked for"
    )
    assert len(counting.texts) == report.passages
