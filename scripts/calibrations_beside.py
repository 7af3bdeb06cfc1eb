"""Whether the calibrations that lie beside an index can be read, as a service has to."""

from pathlib import Path

from files.reading import one_line
from models import calibration
from models.contracts import ModelError
from service.calibrations import load_reader_calibration
from service.fitted import (
    BESIDE,
    FITTED_WITH,
    NO_ANSWER_CALIBRATION,
    READER_ON_INDEX,
    RETRIEVAL_CALIBRATION,
    fitted_with,
)


def wrong_calibrations(index_dir: Path) -> list[str]:
    """Return what is wrong with each calibration beside an index; nothing where there is none."""
    folder = index_dir / BESIDE
    needed = (RETRIEVAL_CALIBRATION, NO_ANSWER_CALIBRATION)
    if not folder.is_dir():
        return [f"{folder} is no folder of calibrations: remove it"] if folder.exists() else []
    try:
        if fitted_with(folder) is None:
            return []  # a service uses none of them
    except ModelError as error:
        return [one_line(error)]
    wrong = [f"{folder / name} is missing" for name in needed if not (folder / name).exists()]
    for path in sorted(folder.glob("*.json")):
        try:
            _read(path)
        except ModelError as error:
            wrong.append(one_line(error))
    return wrong


def _read(path: Path) -> None:
    if path.name == READER_ON_INDEX:
        load_reader_calibration(path)
    elif path.name != FITTED_WITH:
        calibration.load(path)
