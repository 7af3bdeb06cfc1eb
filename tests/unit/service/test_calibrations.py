"""Which calibrations serve an index."""

import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index.hybrid import FEATURES, PLAIN_FEATURES
from models.calibration import LogisticCalibration
from models.contracts import ModelError
from models.loading import reader_folder
from service.calibrations import READER_FEATURES, Calibrations
from service.loading import (
    BESIDE,
    NO_ANSWER_CALIBRATION,
    READER_CALIBRATION,
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
    assert found.reader.features == READER_FEATURES


def test_what_is_shipped_fits_an_index_with_words(settings: Settings) -> None:
    assert calibrations_for(settings, FEATURES).retrieval.features == FEATURES


def test_the_folders_of_both_kinds_differ() -> None:
    assert shipped_calibrations(PLAIN_FEATURES).name == "plain"
    assert shipped_calibrations(FEATURES).name == "words"


def test_those_beside_an_index_come_first(settings: Settings) -> None:
    beside(settings, FEATURES)
    found = calibrations_for(settings, FEATURES)
    assert (found.retrieval, found.no_answer) == (fitted(FEATURES, 0.25), fitted(EVIDENCE, 0.5))
    assert found.reader.features == READER_FEATURES  # the reader's own, from its folder


def test_those_of_another_kind_of_index_are_refused(settings: Settings) -> None:
    beside(settings, PLAIN_FEATURES)
    with pytest.raises(ModelError, match=r"retrieval.json was fitted to other features: run"):
        calibrations_for(settings, FEATURES)


def test_a_reader_of_other_features_is_refused(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "reader"
    shutil.copytree(reader_folder("default"), folder, copy_function=os.symlink)
    (folder / READER_CALIBRATION).unlink()
    fitted(("span score", "luck"), 0.0).save(folder / READER_CALIBRATION)
    with pytest.raises(ModelError, match=r"calibration.json was fitted to other features"):
        calibrations_for(replace(settings, reader=str(folder)), FEATURES)


def calibrations(reader: LogisticCalibration) -> Calibrations:
    return Calibrations(fitted(FEATURES, 0.0), reader, fitted(EVIDENCE, 0.0))


def test_a_reader_that_was_fitted_to_spans_alone_serves() -> None:
    alone = calibrations(LogisticCalibration(("span score",), (1.0,), 0.0))
    assert alone.reader_scores([0.0, -math.inf], [0.9, 0.1]) == [0.5, 0.0]
    assert alone.reader_bound(0.0) == alone.reader_bound(1.0) == 1.0
    assert alone.reader_scores([], []) == []


def test_the_bound_of_a_reader_falls_with_the_retrieval_score() -> None:
    both = calibrations(LogisticCalibration(READER_FEATURES, (0.5, 1.0), -2.0, highest=(4.0, 9.0)))
    (score,) = both.reader_scores([4.0], [0.5])
    assert score == pytest.approx(0.5)  # 0.5 x 4 + log(1) - 2 = 0
    assert both.reader_scores([99.0], [0.5]) == [score]
    bounds = [both.reader_bound(retrieval) for retrieval in (0.0, 0.001, 0.2, 0.5, 1.0)]
    assert bounds == sorted(bounds)
    assert 0 < bounds[0] < 1e-6
    assert score < bounds[3] < score + 1e-6
    assert bounds[-1] <= 1


def test_no_score_is_above_the_bound_of_what_was_found_better() -> None:
    draw = np.random.default_rng(3)
    weights = (0.13, 0.46)
    both = calibrations(LogisticCalibration(READER_FEATURES, weights, -1.5, highest=(14.0, 3.0)))
    found = draw.random(300)
    scores = both.reader_scores(draw.normal(0, 10, 300), found)
    for score, retrieval in zip(scores, found, strict=True):
        assert score <= both.reader_bound(retrieval)


def test_a_reader_whose_score_speaks_against_a_span_has_no_bound() -> None:
    odd = LogisticCalibration(READER_FEATURES, (-0.1, 1.0), 0.0, highest=(4.0, 9.0))
    assert calibrations(odd).reader_bound(0.1) == 1.0


def test_half_a_folder_is_refused(settings: Settings) -> None:
    beside(settings, FEATURES)
    (settings.index / BESIDE / NO_ANSWER_CALIBRATION).unlink()
    with pytest.raises(ModelError, match=r"no_answer.json"):
        calibrations_for(settings, FEATURES)
