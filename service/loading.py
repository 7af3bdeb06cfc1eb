"""The composition root: settings in, a ready answerer out."""

import logging
import os
from functools import partial
from pathlib import Path

from files.reading import json_object, reason
from index.hybrid import FEATURES, PLAIN_FEATURES
from index.manifest import CURRENT
from index.packing import CALIBRATION
from index.search import PassageIndex, checked
from index.types import IndexingError
from models.backends import TORCH, backend_of, check_files, load_encoder, load_reader
from models.calibration import LogisticCalibration
from models.contracts import ENCODER, READER, ModelError
from models.loading import DEFAULT, encoder_folder, identity, pick_device, reader_folder
from models.tokenizer import whole_words
from service.answering import Answerer
from service.calibrations import (
    READER_FEATURES,
    Calibrations,
    ReaderCalibration,
    load_calibration,
    load_reader_calibration,
)
from service.following import Following
from service.gpus import visible
from service.metrics import Metrics
from service.reading import NO_ANSWER_FEATURES
from service.settings import Settings, StartError
from service.shared_models import SharedModels

BESIDE = CALIBRATION
"""The folder, beside the versions of an index, of the calibrations that were fitted on it."""
RETRIEVAL_CALIBRATION = "retrieval.json"
NO_ANSWER_CALIBRATION = "no_answer.json"
READER_CALIBRATION = "calibration.json"
"""In a reader's own folder."""
READER_ON_INDEX = "reader.json"
FITTED_WITH = "models.json"
"""Both in the folder beside an index; the second names the models that all were fitted with."""

log = logging.getLogger(__name__)

_AGAIN = "fit the scores again, with scripts/calibrate.py --write index, or remove it"
_SHIPPED = Path(__file__).parent / "calibration"  # of the encoders with and without word vectors


def preflight(settings: Settings) -> None:
    """Check the model folders, the calibrations and every file of the index, cheaply.

    Of an index that is yet to be fetched nothing is known; `service.index_url` checks it.

    Loads no model, so it can run before a server forks. Raises StartError.
    """
    try:
        wanted = {"backend": settings.backend, "device": settings.device}
        encoder = encoder_folder(settings.encoder)
        check_files(ENCODER, encoder, **wanted)
        check_files(READER, settings.reader, **wanted)
        if settings.index_url:
            return  # the index is fetched beside the running server
        _, manifest = checked(settings.index, identity(encoder))
        calibrations_for(settings, FEATURES if manifest.word_dimension else PLAIN_FEATURES)
    except (IndexingError, ModelError) as error:
        raise StartError(_one_line(error)) from error


def load_models(settings: Settings, metrics: Metrics | None = None) -> SharedModels:
    """Load the models. Raises StartError."""
    try:
        wanted = {"backend": settings.backend, "device": settings.device}
        runs = {
            backend_of(ENCODER, settings.encoder, **wanted),
            backend_of(READER, settings.reader, **wanted),
        }
        device = pick_device(settings.device) if TORCH in runs else "cpu"
        encoder = load_encoder(settings.encoder, **wanted, threads=settings.threads)
        reader = load_reader(settings.reader, **wanted, threads=settings.threads)
        ordinary = whole_words(encoder_folder(settings.encoder))
    except ModelError as error:
        raise StartError(_one_line(error)) from error
    if device == "cpu" and settings.device == settings.backend == "auto" and visible(os.environ):
        log.warning(
            "there is a GPU, and torch cannot use it, so the models run on the CPU, many times "
            "slower: see that torch is installed and that its CUDA is not newer than the driver "
            "(nvidia-smi), or set COVIDQUEST_DEVICE=cpu to say that this is meant"
        )
    return SharedModels(
        encoder,
        reader,
        device=device,
        queue=settings.queue,
        metrics=metrics or Metrics(),
        ordinary=ordinary,
        # one text is computed by whoever asks, so with one thread a second would be a second core
        at_once=1 if TORCH in runs or settings.threads == 1 else 2,
    )


def snapshot(settings: Settings, models: SharedModels, *, calibrated: bool = True) -> Answerer:
    """Open the current version of the index, and make all that depends on it.

    Its folder is `settings.index / answerer.source.index_version`. An answerer that is not
    `calibrated` has calibrations that mean nothing, to be replaced. Raises StartError.
    """
    try:
        index = PassageIndex.open(settings.index, models.encoder.name, ordinary=models.ordinary)
        return Answerer(
            index,
            models,
            calibrations_for(settings, index.features) if calibrated else _none(index.features),
            candidates=settings.candidates,
            remembered=settings.cache,
        )
    except (IndexingError, ModelError) as error:
        raise StartError(_one_line(error)) from error


def load_answerer(settings: Settings) -> Answerer:
    """Open the index and load the models. Raises StartError."""
    return snapshot(settings, load_models(settings))


def load_following(settings: Settings, metrics: Metrics) -> Following:
    """Load an answerer that goes over to each new version of the index. Raises StartError."""
    models = load_models(settings, metrics)
    for line in cautions(settings):
        log.warning(line)
    alone = settings.workers <= 1 or models.device != "cpu"  # an idle worker must not slow others
    if settings.read_ahead == "on" and settings.cache and alone:
        models.start_reading_ahead()
    return Following(
        settings.index / CURRENT,
        partial(snapshot, settings, models),
        every=settings.index_poll,
        metrics=metrics,
    )


def calibrations_for(settings: Settings, features: tuple[str, ...]) -> Calibrations:
    """Return the calibrations for an index whose candidates have these features.

    They lie beside the index where `scripts/calibrate.py` was run on it, with these models; else
    the shipped ones serve, and the reader's own from its folder. A reader that has none is taken
    to score like the default reader. Raises ModelError.
    """
    folder = shipped_calibrations(features)
    if _fitted_beside(settings) and not _misfit(settings):
        folder = settings.index / BESIDE
    own = reader_folder(settings.reader) / READER_CALIBRATION
    reader = next((path for path in (folder / READER_ON_INDEX, own) if path.exists()), None)
    return Calibrations(
        retrieval=load_calibration(folder / RETRIEVAL_CALIBRATION, features),
        reader=load_reader_calibration(reader or reader_folder(DEFAULT) / own.name),
        no_answer=load_calibration(folder / NO_ANSWER_CALIBRATION, NO_ANSWER_FEATURES),
    )


def cautions(settings: Settings) -> list[str]:
    """Return a line for each reason why the scores may be no probabilities. Raises ModelError."""
    lines = []
    if _fitted_beside(settings):
        why = _misfit(settings)
        if not why:
            return []
        beside = settings.index / BESIDE
        lines.append(f"the calibrations in {beside} {why}, so the shipped ones serve: {_AGAIN}")
    own = reader_folder(settings.reader) / READER_CALIBRATION
    unknown = {
        "encoder": encoder_folder(settings.encoder) != encoder_folder(DEFAULT),
        "reader": not own.exists(),
    }
    lines += [
        f"no scores were fitted to this {kind}, so they are no probabilities: run "
        "scripts/calibrate.py --write index"
        for kind, is_unknown in unknown.items()
        if is_unknown
    ]
    return lines


def _fitted_beside(settings: Settings) -> bool:
    beside = settings.index / BESIDE
    if beside.exists() and not beside.is_dir():
        raise ModelError(f"{beside} is no folder of calibrations: {_AGAIN}")
    return beside.is_dir()


def _misfit(settings: Settings) -> str:
    """Return why the calibrations beside the index do not fit the models, "" where they do.

    An index that is built again with another encoder keeps those of the one before.
    """
    noted = fitted_with(settings.index / BESIDE)
    if noted is None:
        return "do not say with which models they were fitted"
    encoder, reader = encoder_folder(settings.encoder), reader_folder(settings.reader)
    if noted == {"encoder": identity(encoder), "reader": identity(reader)}:
        return ""
    return f"are of other models ({', '.join(f'{kind} {name}' for kind, name in noted.items())})"


def fitted_with(beside: Path) -> dict[str, str] | None:
    """Return the names of the encoder and the reader that calibrations in a folder were fitted to.

    None where no file tells: then none of them serves. Raises ModelError where it is damaged.
    """
    path = beside / FITTED_WITH
    if not path.exists():
        return None
    try:
        noted = json_object(path)
        return {kind: str(noted[kind]) for kind in (ENCODER, READER)}
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{path} can't be read ({reason(error)}): {_AGAIN}") from error


def shipped_calibrations(features: tuple[str, ...]) -> Path:
    """Return the folder of the shipped calibrations for candidates with these features."""
    return _SHIPPED / ("words" if features == FEATURES else "plain")


def _none(features: tuple[str, ...]) -> Calibrations:
    retrieval, reader, no_answer = (
        LogisticCalibration(names, (0.0,) * len(names), 0.0)
        for names in (features, READER_FEATURES, NO_ANSWER_FEATURES)
    )
    return Calibrations(retrieval, ReaderCalibration(reader), no_answer)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
