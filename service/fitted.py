"""Which calibrations serve: those that were fitted on the index, or the shipped ones."""

from pathlib import Path

from files.reading import json_object, reason
from index.hybrid import FEATURES
from index.packing import CALIBRATION
from models.calibration import LogisticCalibration
from models.contracts import ENCODER, READER, ModelError
from models.loading import DEFAULT, encoder_folder, identity, reader_folder
from service.calibrations import (
    READER_FEATURES,
    Calibrations,
    ReaderCalibration,
    load_calibration,
    load_reader_calibration,
)
from service.reading import NO_ANSWER_FEATURES
from service.settings import Settings

BESIDE = CALIBRATION
"""The folder, beside the versions of an index, of the calibrations that were fitted on it."""
RETRIEVAL_CALIBRATION = "retrieval.json"
NO_ANSWER_CALIBRATION = "no_answer.json"
READER_CALIBRATION = "calibration.json"
"""In a reader's own folder."""
READER_ON_INDEX = "reader.json"
FITTED_WITH = "models.json"
"""Both in the folder beside an index; the second names the models that all were fitted with."""

_AGAIN = "fit the scores again, with scripts/calibrate.py --write index, or remove it"
_SHIPPED = Path(__file__).parent / "calibration"  # of the encoders with and without word vectors


class Fitted:
    """The calibrations for an encoder and a reader, chosen anew for each version of an index.

    What is known of the models is known from the beginning. Their folders are not looked at later:
    by then the next models may lie there, to be loaded by the next start.
    """

    def __init__(self, settings: Settings, encoder: str, reader: str) -> None:
        """Take the names of the models that `settings` lead to. Raises ModelError.

        A reader that has no calibration of its own is taken to score like the default reader.
        """
        own, default = reader_folder(settings.reader) / READER_CALIBRATION, encoder_folder(DEFAULT)
        known = {
            ENCODER: encoder_folder(settings.encoder) == default or encoder == identity(default),
            READER: own.exists(),
        }
        self._unknown = [kind for kind, is_known in known.items() if not is_known]
        self._reader = load_reader_calibration(
            own if known[READER] else reader_folder(DEFAULT) / own.name
        )
        self._names = {ENCODER: encoder, READER: reader}
        self._beside = settings.index / BESIDE

    def calibrations(self, features: tuple[str, ...]) -> Calibrations:
        """Return the calibrations for an index whose candidates have these features.

        They lie beside the index where `scripts/calibrate.py` was run on it, with these models;
        else the shipped ones serve, and the reader's own. Raises ModelError.
        """
        serves = self._has_beside() and not self._misfit()
        folder = self._beside if serves else shipped_calibrations(features)
        of_index = folder / READER_ON_INDEX
        return Calibrations(
            retrieval=load_calibration(folder / RETRIEVAL_CALIBRATION, features),
            reader=load_reader_calibration(of_index) if of_index.exists() else self._reader,
            no_answer=load_calibration(folder / NO_ANSWER_CALIBRATION, NO_ANSWER_FEATURES),
        )

    def cautions(self) -> list[str]:
        """Return a line for each reason why scores may be no probabilities. Raises ModelError."""
        lines = []
        if self._has_beside():
            why = self._misfit()
            if not why:
                return []
            lines.append(
                f"the calibrations in {self._beside} {why}, so the shipped ones serve: {_AGAIN}"
            )
        lines += [
            f"no scores were fitted to this {kind}, so they are no probabilities: run "
            "scripts/calibrate.py --write index"
            for kind in self._unknown
        ]
        return lines

    def _has_beside(self) -> bool:
        if self._beside.exists() and not self._beside.is_dir():
            raise ModelError(f"{self._beside} is no folder of calibrations: {_AGAIN}")
        return self._beside.is_dir()

    def _misfit(self) -> str:
        """Return why the calibrations beside the index do not fit the models, "" where they do.

        An index that is built again with another encoder keeps those of the one before.
        """
        noted = fitted_with(self._beside)
        if noted is None:
            return "do not say with which models they were fitted"
        if noted == self._names:
            return ""
        names = ", ".join(f"{kind} {name}" for kind, name in noted.items())
        return f"are of other models ({names})"


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


def unfitted(features: tuple[str, ...]) -> Calibrations:
    """Return calibrations that mean nothing, to be replaced."""
    retrieval, reader, no_answer = (
        LogisticCalibration(names, (0.0,) * len(names), 0.0)
        for names in (features, READER_FEATURES, NO_ANSWER_FEATURES)
    )
    return Calibrations(retrieval, ReaderCalibration(reader), no_answer)
