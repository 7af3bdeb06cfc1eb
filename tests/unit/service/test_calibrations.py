"""Which calibrations serve an index."""

import json
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
from models.loading import encoder_folder, identity, reader_folder
from service.calibrations import (
    READER_FEATURES,
    ReaderCalibration,
    SpanRange,
    load_reader_calibration,
)
from service.fitted import (
    BESIDE,
    FITTED_WITH,
    NO_ANSWER_CALIBRATION,
    READER_CALIBRATION,
    READER_ON_INDEX,
    RETRIEVAL_CALIBRATION,
    Fitted,
    shipped_calibrations,
)
from service.reading import NO_ANSWER_FEATURES
from service.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "index").mkdir()
    return replace(Settings(), index=tmp_path / "index")


def fitted(features: tuple[str, ...], intercept: float) -> LogisticCalibration:
    return LogisticCalibration(features, (1.0,) * len(features), intercept)


def chosen(settings: Settings) -> Fitted:
    """Return the calibrations of the models whose names or folders are set."""
    encoder, reader = encoder_folder(settings.encoder), reader_folder(settings.reader)
    return Fitted(settings, identity(encoder), identity(reader))


def beside(settings: Settings, features: tuple[str, ...]) -> None:
    folder = settings.index / BESIDE
    folder.mkdir()
    models = {
        "encoder": identity(encoder_folder("default")),
        "reader": identity(reader_folder("default")),
    }
    (folder / FITTED_WITH).write_text(json.dumps(models))
    fitted(features, 0.25).save(folder / RETRIEVAL_CALIBRATION)
    fitted(NO_ANSWER_FEATURES, 0.5).save(folder / NO_ANSWER_CALIBRATION)


def test_what_is_shipped_fits_an_index_without_words(settings: Settings) -> None:
    found = chosen(settings).calibrations(PLAIN_FEATURES)
    assert found.retrieval.features == PLAIN_FEATURES
    assert found.no_answer.features == NO_ANSWER_FEATURES
    assert found.reader.logistic.features == READER_FEATURES


def test_what_is_shipped_fits_an_index_with_words(settings: Settings) -> None:
    assert chosen(settings).calibrations(FEATURES).retrieval.features == FEATURES


def test_the_folders_of_both_kinds_differ() -> None:
    assert shipped_calibrations(PLAIN_FEATURES).name == "plain"
    assert shipped_calibrations(FEATURES).name == "words"


def test_those_beside_an_index_come_first(settings: Settings) -> None:
    beside(settings, FEATURES)
    found = chosen(settings).calibrations(FEATURES)
    assert (found.retrieval, found.no_answer) == (
        fitted(FEATURES, 0.25),
        fitted(NO_ANSWER_FEATURES, 0.5),
    )
    assert found.reader.logistic.features == READER_FEATURES  # the reader's own, from its folder
    own = ReaderCalibration(fitted(READER_FEATURES, 0.75), SpanRange(-2.0, 3.0, 0.5))
    own.save(settings.index / BESIDE / READER_ON_INDEX)
    assert chosen(settings).calibrations(FEATURES).reader == own


def test_models_that_nothing_was_fitted_to_are_named(settings: Settings, tmp_path: Path) -> None:
    assert chosen(settings).cautions() == []
    copy = shutil.copytree(
        encoder_folder("default"), tmp_path / "encoder", copy_function=os.symlink
    )
    assert chosen(replace(settings, encoder=str(copy))).cautions() == []
    reader = tmp_path / "reader"
    shutil.copytree(reader_folder("default"), reader, copy_function=os.symlink)
    (reader / READER_CALIBRATION).unlink()
    others = replace(settings, reader=str(reader), encoder="stock")
    assert [line.split(",")[0] for line in chosen(others).cautions()] == [
        "no scores were fitted to this encoder",
        "no scores were fitted to this reader",
    ]
    beside(others, FEATURES)
    noted = {"encoder": identity(encoder_folder("stock")), "reader": identity(reader)}
    (settings.index / BESIDE / FITTED_WITH).write_text(json.dumps(noted))
    assert chosen(others).cautions() == []


def test_those_of_another_kind_of_index_are_refused(settings: Settings) -> None:
    beside(settings, PLAIN_FEATURES)
    with pytest.raises(ModelError, match=r"retrieval.json was fitted to other features: run"):
        chosen(settings).calibrations(FEATURES)


def test_a_reader_of_other_features_is_refused(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "reader"
    shutil.copytree(reader_folder("default"), folder, copy_function=os.symlink)
    (folder / READER_CALIBRATION).unlink()
    fitted(("span score", "luck"), 0.0).save(folder / READER_CALIBRATION)
    with pytest.raises(ModelError, match=r"calibration.json was fitted to other features"):
        chosen(replace(settings, reader=str(folder))).calibrations(FEATURES)


def test_a_range_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    calibration = ReaderCalibration(fitted(READER_FEATURES, 0.0), SpanRange(-2.0, 3.0, 0.5))
    calibration.save(path)
    assert load_reader_calibration(path) == calibration
    written = path.read_text()
    for number, wrong in [
        ("3.0", '"three"'),
        ("3.0", "3.0, 4.0"),
        ("3.0", "-3.0"),
        ("3.0", "NaN"),
        ("0.5", "-0.5"),
        ("0.5", "null"),
    ]:
        path.write_text(written.replace(number, wrong))
        with pytest.raises(ModelError, match="has no numbers as 'lowest and highest span score' "):
            load_reader_calibration(path)


def test_one_that_was_fitted_before_the_range_could_rise_serves(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    logistic = fitted(READER_FEATURES, 0.0)
    logistic.save(path)
    assert load_reader_calibration(path) == ReaderCalibration(logistic)
    path.write_text(path.read_text()[:-3] + ', "lowest and highest span score": [-2, 3]}')
    assert load_reader_calibration(path) == ReaderCalibration(logistic, SpanRange(-2.0, 3.0))


def reader(alone: float, product: float, bias: float, rise: float = 0.0) -> ReaderCalibration:
    logistic = LogisticCalibration(READER_FEATURES, (alone, product), bias)
    return ReaderCalibration(logistic, SpanRange(-1.0, 3.0, rise))


def test_without_a_range_all_scores_count() -> None:
    every = ReaderCalibration(LogisticCalibration(READER_FEATURES, (1.0, 0.0), -1e8))
    assert every.scores([0.0, -math.inf], [0.9, 0.1]) == [0.5, 0.0]
    assert every.bound(0.0) == every.bound(1.0) == 1.0
    assert every.scores([], []) == []


def test_a_sure_span_of_a_badly_found_passage_counts_as_a_less_sure_one() -> None:
    one = reader(0.5, 0.0, -2.0, rise=2.0)
    worst, even = one.scores([99.0, 99.0], [0.0, 0.5])
    assert worst == pytest.approx(0.5)  # 3, which is 4 above the lowest
    assert even == pytest.approx(1 / (1 + math.exp(-7)))  # 3 + 2 x 7
    assert one.scores([2.5, 2.5], [0.0, 0.5]) == pytest.approx([1 / (1 + math.exp(0.25))] * 2)


def test_a_span_counts_the_more_the_better_its_passage_was_found() -> None:
    even = reader(0.0, 0.1, -2.8)
    (half,) = even.scores([3.0], [0.5])
    assert half == pytest.approx(0.5)  # 0.1 x (3 + 1) x (log(1) + 7) - 2.8 = 0
    assert even.scores([99.0], [0.5]) == [half]  # above the highest
    unlikely = 1 / (1 + math.exp(2.8))
    assert even.scores([3.0, 3.0, -1.0], [1e-4, 0.0, 0.9]) == pytest.approx([unlikely] * 3)
    assert even.scores([-math.inf], [0.9]) == pytest.approx([unlikely])  # below the lowest
    (apart,) = reader(0.7, 0.1, -2.8).scores([3.0], [0.0])
    assert apart == pytest.approx(0.5)  # 0.7 x 4 - 2.8 = 0, however badly it was found


def test_the_bound_falls_with_the_retrieval_score() -> None:
    even = reader(0.0, 0.1, -2.8)
    bounds = [even.bound(retrieval) for retrieval in (0.0, 1e-4, 0.01, 0.2, 0.5, 1.0)]
    assert bounds == sorted(bounds)
    assert bounds[1] == bounds[0] == pytest.approx(1 / (1 + math.exp(2.8)))
    assert even.scores([3.0], [0.5])[0] < bounds[4] == pytest.approx(0.5)
    assert bounds[-1] <= 1


@pytest.mark.parametrize("rise", [0.0, 2.0])
@pytest.mark.parametrize("product", [0.1, 0.0, -0.1])
@pytest.mark.parametrize("alone", [0.3, -0.3])
def test_no_score_is_above_the_bound_of_what_was_found_as_well(
    alone: float, product: float, rise: float
) -> None:
    draw = np.random.default_rng(3)
    one = reader(alone, product, -1.5, rise)
    found = draw.random(300) ** 5
    for score, retrieval in zip(one.scores(draw.normal(0, 5, 300), found), found, strict=True):
        assert score <= one.bound(retrieval)


def test_what_is_no_file_or_no_folder_is_not_passed_over(
    settings: Settings, tmp_path: Path
) -> None:
    (settings.index / BESIDE).touch()
    for asked in (Fitted.cautions, lambda of: of.calibrations(FEATURES)):
        with pytest.raises(ModelError, match=r"calibration is no folder of calibrations: fit"):
            asked(chosen(settings))
    (settings.index / BESIDE).unlink()
    reader = tmp_path / "reader"
    shutil.copytree(reader_folder("default"), reader, copy_function=os.symlink)
    (reader / READER_CALIBRATION).unlink()
    (reader / READER_CALIBRATION).mkdir()
    with pytest.raises(ModelError, match=r"calibration.json is not a calibration .*a directory"):
        chosen(replace(settings, reader=str(reader))).calibrations(FEATURES)


@pytest.mark.parametrize("noted", ["{}", "[]", '{"encoder": "e"}'])
def test_models_that_are_not_named_are_refused(settings: Settings, noted: str) -> None:
    beside(settings, FEATURES)
    (settings.index / BESIDE / FITTED_WITH).write_text(noted)
    with pytest.raises(ModelError, match=r"models.json can't be read \(it (has no|is no JSON)"):
        chosen(settings).calibrations(FEATURES)


def test_half_a_folder_is_refused(settings: Settings) -> None:
    beside(settings, FEATURES)
    (settings.index / BESIDE / NO_ANSWER_CALIBRATION).unlink()
    with pytest.raises(ModelError, match=r"no_answer.json"):
        chosen(settings).calibrations(FEATURES)
