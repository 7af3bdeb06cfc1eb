"""Which calibrations serve an index."""

from dataclasses import replace
from pathlib import Path

import pytest

from index.hybrid import FEATURES, PLAIN_FEATURES
from models.calibration import LogisticCalibration
from models.contracts import ModelError
from service.loading import (
    BESIDE,
    NO_ANSWER_CALIBRATION,
    RETRIEVAL_CALIBRATION,
    calibrations_for,
    shipped_calibrations,
)
from service.reading import EVIDENCE
from service.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "index").mkdir()
    return replace(Settings(), index=tmp_path / "index")


def fitted(features: tuple[str, ...], intercept: float) -> LogisticCalibration:
    return LogisticCalibration(features, (1.0,) * len(features), intercept)


def beside(settings: Settings, features: tuple[str, ...]) -> None:
    folder = settings.index / BESIDE
    folder.mkdir()
    fitted(features, 0.25).save(folder / RETRIEVAL_CALIBRATION)
    fitted(EVIDENCE, 0.5).save(folder / NO_ANSWER_CALIBRATION)


def test_what_is_shipped_fits_an_index_without_words(settings: Settings) -> None:
    found = calibrations_for(settings, PLAIN_FEATURES)
    assert found.retrieval.features == PLAIN_FEATURES
    assert found.no_answer.features == EVIDENCE
    assert found.reader.features == ("span score",)


def test_what_is_shipped_fits_an_index_with_words(settings: Settings) -> None:
    assert calibrations_for(settings, FEATURES).retrieval.features == FEATURES


def test_the_folders_of_both_kinds_differ() -> None:
    assert shipped_calibrations(PLAIN_FEATURES).name == "plain"
    assert shipped_calibrations(FEATURES).name == "words"


def test_those_beside_an_index_come_first(settings: Settings) -> None:
    beside(settings, FEATURES)
    found = calibrations_for(settings, FEATURES)
    assert (found.retrieval, found.no_answer) == (fitted(FEATURES, 0.25), fitted(EVIDENCE, 0.5))
    assert found.reader.features == ("span score",)  # the reader's own, from its folder


def test_those_of_another_kind_of_index_are_refused(settings: Settings) -> None:
    beside(settings, PLAIN_FEATURES)
    with pytest.raises(ModelError, match=r"retrieval.json was fitted to other features: run"):
        calibrations_for(settings, FEATURES)


def test_half_a_folder_is_refused(settings: Settings) -> None:
    beside(settings, FEATURES)
    (settings.index / BESIDE / NO_ANSWER_CALIBRATION).unlink()
    with pytest.raises(ModelError, match=r"no_answer.json"):
        calibrations_for(settings, FEATURES)
