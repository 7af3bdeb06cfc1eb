"""Settings in, a ready answerer out: what is looked up and read for it, and how often."""

import json
import os
import shutil
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from files import checksums
from index.manifest import current_version
from index.packing import pack
from models.loading import reader_folder
from service.fetch_progress import FetchProgress
from service.fitted import BESIDE, FITTED_WITH, NO_ANSWER_CALIBRATION, RETRIEVAL_CALIBRATION
from service.fitted import READER_CALIBRATION as OWN
from service.index_url import fetch_index
from service.loading import Snapshots, load_following, load_models, preflight
from service.metrics import Metrics
from service.settings import Settings, StartError
from service.shared_models import SharedModels
from tests.unit.index.indexes import turn_a_bit

SHIPPED = Path(__file__).parents[3] / "service" / "calibration" / "words"


@pytest.fixture
def index(sample_index: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample_index, tmp_path / "index"))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count by name the files of an index that are read from beginning to end."""
    counted: Counter[str] = Counter()

    def sha256(path: Path) -> str:
        counted[path.name] += 1
        return checksums.sha256(path)

    monkeypatch.setattr("index.manifest.sha256", sha256)
    return counted


@pytest.fixture(scope="module")
def models() -> SharedModels:
    return load_models(Settings(backend="onnx", device="cpu"))


def served(index: Path, **changes: object) -> Settings:
    return replace(Settings(backend="onnx", device="cpu", index=index, index_poll=0), **changes)


def test_a_models_name_is_looked_up_once_and_not_for_each_version(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub id is a question to a server far away; one that is down must stop no new version."""
    asked: Counter[str] = Counter()

    def from_hub(name: str) -> Path:
        asked[name] += 1
        return Path(__file__).parents[3] / "models" / "weights" / name.removeprefix("me/")

    def counts() -> dict[str, int]:
        found = dict(asked)
        asked.clear()
        return found

    monkeypatch.setattr("models.loading._from_hub", from_hub)
    settings = served(index, reader="me/reader", encoder="me/encoder")
    once = {"me/reader": 1, "me/encoder": 1}
    preflight(settings)
    assert counts() == once
    following = load_following(settings, Metrics())
    assert counts() == once
    following._take()
    assert counts() == {}


def test_before_the_port_is_bound_no_file_of_the_index_is_read(
    index: Path, read: Counter[str]
) -> None:
    """That of a large one takes minutes, and a platform gives one. The opening finds damage."""
    turn_a_bit(current_version(index) / "passages.sqlite")
    preflight(served(index))
    assert not read
    with pytest.raises(StartError, match=r"passages\.sqlite was altered"):
        load_following(served(index), Metrics())


def test_what_is_missing_or_cut_off_is_found_before_any_file_is_read(
    index: Path, read: Counter[str], models: SharedModels
) -> None:
    *_, last = sorted(path for path in current_version(index).iterdir() if path.is_file())
    last.write_bytes(last.read_bytes()[:-1])
    for opened in (partial(preflight, served(index)), Snapshots(served(index), models)):
        with pytest.raises(StartError, match=rf"{last.name} has [0-9,]+ bytes where"):
            opened()
    assert not read


@pytest.fixture
def fetched(sample_index: Path, tmp_path: Path) -> Settings:
    """Return settings with the address of the sample index, packed."""
    sha256, _ = pack(sample_index, tmp_path / "index.tar")
    address = (tmp_path / "index.tar").as_uri()
    return served(tmp_path / "there", index_url=address, index_sha256=sha256)


def test_each_file_of_a_fetched_index_is_compared_once(
    fetched: Settings, read: Counter[str], models: SharedModels
) -> None:
    for _ in range(2):  # the second finds it there
        read.clear()
        take = Snapshots(fetched, models, fetch_index(fetched, FetchProgress()))
        take()
        assert read
        assert set(read.values()) == {1}
    turn_a_bit(current_version(fetched.index) / "vectors.faiss")
    with pytest.raises(StartError, match=r"vectors\.faiss was altered"):
        take()  # it was known to be whole for the first snapshot alone


def test_another_version_than_was_fetched_is_compared(
    fetched: Settings, models: SharedModels
) -> None:
    verified = fetch_index(fetched, FetchProgress())
    before = current_version(fetched.index)
    later = before.with_name("20991231T000000.000000-00000000")
    shutil.copytree(before, later)
    turn_a_bit(later / "vectors.faiss")
    (fetched.index / "CURRENT").write_text(later.name)
    with pytest.raises(StartError, match=r"vectors\.faiss was altered"):
        Snapshots(fetched, models, verified)()


def calibrated(index: Path, bias: float, **models: str) -> None:
    """Write calibrations beside an index; their retrieval has this bias."""
    beside = index / BESIDE
    beside.mkdir(exist_ok=True)
    shutil.copy(SHIPPED / NO_ANSWER_CALIBRATION, beside)
    fields = json.loads((SHIPPED / RETRIEVAL_CALIBRATION).read_text()) | {"bias": bias}
    (beside / RETRIEVAL_CALIBRATION).write_text(json.dumps(fields))
    (beside / FITTED_WITH).write_text(json.dumps(models))


def test_calibrations_are_for_the_models_that_are_loaded_whatever_lies_in_their_folder(
    index: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "reader"
    shutil.copytree(reader_folder("default"), folder, copy_function=os.symlink)
    settings = served(index, reader=str(folder))
    models = load_models(settings)
    calibrated(index, 0.5, encoder=models.encoder.name, reader=models.reader.name)
    take = Snapshots(settings, models)
    before = take().calibrations
    assert before.retrieval.bias == 0.5
    for path in folder.iterdir():  # the next reader, to be served after a restart
        path.unlink()
    (folder / OWN).write_text("{}")
    assert take().calibrations == before
    shutil.rmtree(folder)
    assert take().calibrations == before


def test_what_is_new_about_the_scores_is_told_with_a_version(
    index: Path, models: SharedModels, caplog: pytest.LogCaptureFixture
) -> None:
    def told() -> list[str]:
        found = caplog.messages
        caplog.clear()
        return found

    take = Snapshots(served(index), models)
    take()
    assert told() == []
    calibrated(index, 0.5, encoder="bert-1x2@0", reader=models.reader.name)
    take()
    (line,) = told()
    assert "are of other models (encoder bert-1x2@0, reader bert-" in line
    take()
    assert told() == []
    calibrated(index, 0.5, encoder=models.encoder.name, reader=models.reader.name)
    take()
    assert told() == []
    calibrated(index, 0.5, encoder="bert-1x2@0", reader=models.reader.name)
    take()
    assert told() == [line]
