"""Whether the calibrations that lie beside an index can be read, as a service has to."""

import json
from pathlib import Path

from models import calibration
from models.contracts import ModelError
from service.calibrations import load_reader_calibration
from service.loading import (
    BESIDE,
    FITTED_WITH,
    NO_ANSWER_CALIBRATION,
    READER_ON_INDEX,
    RETRIEVAL_CALIBRATION,
)


def wrong_calibrations(index_dir: Path) -> list[str]:
    """Return what is wrong with each calibration beside an index; nothing where there is none."""
    folder = index_dir / BESIDE
    needed = (RETRIEVAL_CALIBRATION, NO_ANSWER_CALIBRATION)
    wrong = []
    if (folder / FITTED_WITH).is_file():  # else a service uses none of them
        wrong += [f"{folder / name} is missing" for name in needed if not (folder / name).is_file()]
    for path in sorted(folder.glob("*.json")):
        try:
            _read(path)
        except ModelError as error:
            wrong.append(" ".join(str(error).split()))
        except (OSError, ValueError, TypeError) as error:
            wrong.append(f"{path} can't be read ({error}): fit it again")
    return wrong


def _read(path: Path) -> None:
    if path.name == FITTED_WITH:
        dict(json.loads(path.read_text(encoding="utf-8")))
    elif path.name == READER_ON_INDEX:
        load_reader_calibration(path)
    else:
        calibration.load(path)
