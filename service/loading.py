"""The composition root: settings in, a ready answerer out."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

from index.hybrid import FEATURES, PLAIN_FEATURES
from index.manifest import CURRENT
from index.search import PassageIndex, checked
from index.types import IndexingError
from models import calibration
from models.calibration import LogisticCalibration
from models.contracts import Encoder, ModelError, Reader
from models.loading import DEFAULT, encoder_folder, identity, reader_folder
from service.answering import EVIDENCE, Answerer, Calibrations
from service.following import Following
from service.settings import Settings

BESIDE = "calibration"
"""The folder, beside the versions of an index, of the calibrations that were fitted on it."""
RETRIEVAL_CALIBRATION = "retrieval.json"
NO_ANSWER_CALIBRATION = "no_answer.json"
READER_CALIBRATION = "calibration.json"

_SHIPPED = Path(__file__).parent / "calibration"  # of the encoders with and without word vectors


class StartError(Exception):
    """The service cannot start. The message is one line: what is wrong and how to mend it."""


def preflight(settings: Settings) -> None:
    """Check the model folders, the calibrations and every file of the index, cheaply.

    Of an index that is yet to be fetched nothing is known; `service.index_url` checks it.

    Loads no model, so it can run before a server forks. Raises StartError.
    """
    try:
        encoder = encoder_folder(settings.encoder)
        if settings.index_url:
            return  # the index is fetched beside the running server
        _, manifest = checked(settings.index, identity(encoder))
        calibrations_for(settings, FEATURES if manifest.word_dimension else PLAIN_FEATURES)
    except (IndexingError, ModelError) as error:
        raise StartError(_one_line(error)) from error


@dataclass(frozen=True, slots=True)
class Models:
    """The models of a process, loaded once, and the lock that whoever computes with them holds."""

    encoder: Encoder
    reader: Reader
    device: str
    turn: Lock


def load_models(settings: Settings) -> Models:
    """Load the models. Raises StartError."""
    import torch  # noqa: PLC0415 - hundreds of megabytes that `preflight` must not load

    from models.encoder import SentenceEncoder  # noqa: PLC0415 - likewise
    from models.loading import pick_device  # noqa: PLC0415
    from models.reader import TransformersReader  # noqa: PLC0415

    if settings.threads:
        torch.set_num_threads(settings.threads)
    try:
        device = pick_device(settings.device)
        encoder = SentenceEncoder(settings.encoder, device=device)
        reader = TransformersReader(settings.reader, device=device)
    except ModelError as error:
        raise StartError(_one_line(error)) from error
    return Models(encoder, reader, device, Lock())


def snapshot(settings: Settings, models: Models, *, calibrated: bool = True) -> Answerer:
    """Open the current version of the index, and make all that depends on it.

    Its folder is `settings.index / answerer.source.index_version`. An answerer that is not
    `calibrated` has calibrations that mean nothing, to be replaced. Raises StartError.
    """
    try:
        index = PassageIndex.open(settings.index, models.encoder.name)
        return Answerer(
            index,
            models.encoder,
            models.reader,
            calibrations_for(settings, index.features) if calibrated else _none(index.features),
            candidates=settings.candidates,
            device=models.device,
            turn=models.turn,
        )
    except (IndexingError, ModelError) as error:
        raise StartError(_one_line(error)) from error


def load_answerer(settings: Settings) -> Answerer:
    """Open the index and load the models. Raises StartError."""
    return snapshot(settings, load_models(settings))


def load_following(settings: Settings) -> Following:
    """Load an answerer that goes over to each new version of the index. Raises StartError."""
    models = load_models(settings)
    return Following(
        settings.index / CURRENT, partial(snapshot, settings, models), every=settings.index_poll
    )


def calibrations_for(settings: Settings, features: tuple[str, ...]) -> Calibrations:
    """Return the calibrations for an index whose candidates have these features.

    Those of retrieval and of no answer lie beside the index where `scripts/calibrate.py` was run
    on it; else the shipped ones serve. The reader's own lies in its folder; one that has none is
    taken to score like the default reader. Raises ModelError.
    """
    own = reader_folder(settings.reader) / READER_CALIBRATION
    beside = settings.index / BESIDE
    folder = beside if beside.is_dir() else shipped_calibrations(features)
    return Calibrations(
        retrieval=_calibration(folder / RETRIEVAL_CALIBRATION, features),
        reader=calibration.load(own if own.is_file() else reader_folder(DEFAULT) / own.name),
        no_answer=_calibration(folder / NO_ANSWER_CALIBRATION, EVIDENCE),
    )


def shipped_calibrations(features: tuple[str, ...]) -> Path:
    """Return the folder of the shipped calibrations for candidates with these features."""
    return _SHIPPED / ("words" if features == FEATURES else "plain")


def _none(features: tuple[str, ...]) -> Calibrations:
    return Calibrations(
        *(
            LogisticCalibration(names, (0.0,) * len(names), 0.0)
            for names in (features, ("span score",), EVIDENCE)
        )
    )


def _calibration(path: Path, features: tuple[str, ...]) -> LogisticCalibration:
    found = calibration.load(path)
    if found.features != features:
        raise ModelError(f"{path} was fitted to other features: run scripts/calibrate.py --write")
    return found


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
