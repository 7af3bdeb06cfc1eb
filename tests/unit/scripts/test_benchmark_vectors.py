import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from scripts.benchmark_vectors import main, noisy_copies
from tests.fake_models import FakeEncoder
from tests.making import unit
from tests.unit.index.indexes import build
from tests.unit.index.release import write_dirty_release


@pytest.fixture(scope="module")
def index_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("benchmarked")
    corpus, _ = write_dirty_release(root / "corpus")
    build(corpus, root / "index")
    return root / "index"


def test_copies_are_near_their_rows_and_no_two_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.benchmark_vectors._SLAB", 7)
    rows = unit(10, 384, seed=1).astype(np.float16)  # not the seed of the noise
    made = np.concatenate(list(noisy_copies(rows, 35, 0.5)))
    assert made.shape == (35, 384)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, rtol=1e-3)
    np.testing.assert_allclose(made[:10], rows, atol=1e-3)
    cosines = np.sum(made * np.tile(rows, (4, 1))[:35].astype(np.float32), axis=1)
    assert cosines[10:] == pytest.approx(1 / np.sqrt(1 + 0.5**2), abs=0.05)
    assert len(np.unique(made, axis=0)) == 35


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory below /proc")
def test_there_is_a_row_for_each_size_and_kind(
    index_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = SimpleNamespace(SentenceEncoder=lambda *_, **__: FakeEncoder())
    monkeypatch.setitem(sys.modules, "models.encoder", module)
    sizes = ["--passages", "200", "300"]
    assert main(["--index", str(index_dir), *sizes, "--kinds", "fp16", "sq8"]) == 0
    out = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in out[2:]]
    assert {len(row) for row in rows} == {10}
    assert [row[:2] for row in rows[2:]] == [
        [size, kind] for size in ("200", "300") for kind in ("fp16", "sq8")
    ]
    assert all(row[-2:] == ["1.000", "1.000"] for row in rows[2:])
    assert main(["--index", str(index_dir), "--passages", "20", "--kinds", "ivfpq"]) == 1
    assert "ivfpq needs" in capsys.readouterr().err


def test_an_index_of_another_encoder_is_refused(
    index_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = SimpleNamespace(name="other", dimension=8)
    module = SimpleNamespace(SentenceEncoder=lambda *_, **__: other)
    monkeypatch.setitem(sys.modules, "models.encoder", module)
    assert main(["--index", str(index_dir)]) == 1
    assert "was built with fake: give it as --encoder" in capsys.readouterr().err
    assert main(["--index", str(tmp_path)]) == 1
    assert "is not an index" in capsys.readouterr().err
