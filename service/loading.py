"""The composition root: settings in, a ready answerer out."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

from index.hybrid import FEATURES
from index.manifest import CURRENT
from index.search import PassageIndex, checked
from index.types import IndexingError
from models import calibration
from models.contracts import Encoder, ModelError, Reader
from models.loading import DEFAULT, encoder_folder, identity, reader_folder
from service.answering import EVIDENCE, Answerer, Calibrations
from service.following import Following
from service.settings import Settings

SHARED_CALIBRATIONS = Path(__file__).parent / "calibration"
"""The folder of the calibrations that belong to no single model."""


class StartError(Exception):
    """The service cannot start. The message is one line: what is wrong and how to mend it."""


def preflight(settings: Settings) -> None:
    """Check the model folders, the calibrations and every file of the index, cheaply.

    Loads no model, so it can run before a server forks. Raises StartError.
    """
    try:
        encoder = encoder_folder(settings.encoder)
        calibrations_for(settings.reader)
        checked(settings.index, identity(encoder))
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


def snapshot(settings: Settings, models: Models) -> Answerer:
    """Open the current version of the index, and make all that depends on it.

    Its folder is `settings.index / answerer.source.index_version`. Raises StartError.
    """
    try:
        return Answerer(
            PassageIndex.open(settings.index, models.encoder.name),
            models.encoder,
            models.reader,
            calibrations_for(settings.reader),
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


def calibrations_for(reader: str = DEFAULT) -> Calibrations:
    """Return the calibrations to use with a reader, given as a folder, a hub id or "default".

    A reader's own lies in its folder as calibration.json; one that has none is taken to score
    like the default reader. Raises ModelError.
    """
    own = reader_folder(reader) / "calibration.json"
    return Calibrations(
        retrieval=_calibration(SHARED_CALIBRATIONS / "retrieval.json", FEATURES),
        reader=calibration.load(own if own.is_file() else reader_folder(DEFAULT) / own.name),
        no_answer=_calibration(SHARED_CALIBRATIONS / "no_answer.json", EVIDENCE),
    )


def _calibration(path: Path, features: tuple[str, ...]) -> calibration.LogisticCalibration:
    found = calibration.load(path)
    if found.features != features:
        raise ModelError(f"{path} was fitted to other features: run scripts/calibrate.py --write")
    return found


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
