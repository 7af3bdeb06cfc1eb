"""The composition root: settings in, a ready answerer out."""

from pathlib import Path

from index.hybrid import FEATURES
from index.search import PassageIndex, checked
from index.types import IndexingError
from models import calibration
from models.contracts import ModelError
from models.loading import DEFAULT, encoder_folder, identity, reader_folder
from service.answering import EVIDENCE, Answerer, Calibrations
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


def load_answerer(settings: Settings) -> Answerer:
    """Open the index and load the models. Raises StartError."""
    import torch  # noqa: PLC0415 - hundreds of megabytes that `preflight` must not load

    from models.encoder import SentenceEncoder  # noqa: PLC0415 - likewise
    from models.loading import pick_device  # noqa: PLC0415
    from models.reader import TransformersReader  # noqa: PLC0415

    if settings.threads:
        torch.set_num_threads(settings.threads)
    try:
        device = pick_device(settings.device)
        encoder = SentenceEncoder(settings.encoder, device=device)
        return Answerer(
            PassageIndex.open(settings.index, encoder.name),
            encoder,
            TransformersReader(settings.reader, device=device),
            calibrations_for(settings.reader),
            candidates=settings.candidates,
            device=device,
        )
    except (IndexingError, ModelError) as error:
        raise StartError(_one_line(error)) from error


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
