"""The composition root: settings in, a ready answerer out."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from files.reading import one_line
from index.hybrid import FEATURES, PLAIN_FEATURES
from index.manifest import CURRENT
from index.search import PassageIndex, described
from index.types import IndexingError
from models.backends import TORCH, backend_of, check_files, load_encoder, load_reader
from models.contracts import ENCODER, READER, ModelError
from models.loading import encoder_folder, identity, pick_device, reader_folder
from models.tokenizer import whole_words
from service.answering import Answerer
from service.fitted import Fitted, unfitted
from service.following import Following
from service.gpus import visible
from service.metrics import Metrics
from service.settings import Settings, StartError
from service.shared_models import SharedModels

log = logging.getLogger(__name__)


def preflight(settings: Settings) -> None:
    """Check the model folders, the calibrations and that the index has all its files, cheaply.

    What the files of the index hold is compared with their checksums when it is opened: of a large
    one that takes minutes, and the port is to be bound before. Of an index that is yet to be
    fetched nothing is known; `service.index_url` checks it.

    Loads no model, so it can run before a server forks. Raises StartError.
    """
    with _start_errors():
        settings = with_folders(settings)
        wanted = {"backend": settings.backend, "device": settings.device}
        check_files(ENCODER, settings.encoder, **wanted)
        check_files(READER, settings.reader, **wanted)
        if settings.index_url:
            return  # the index is fetched beside the running server
        encoder, reader = identity(settings.encoder), identity(settings.reader)
        _, manifest = described(settings.index, encoder)
        features = FEATURES if manifest.word_dimension else PLAIN_FEATURES
        Fitted(settings, encoder, reader).calibrations(features)


def with_folders(settings: Settings) -> Settings:
    """Return settings that name both models by their folders. Raises ModelError.

    A hub id is looked up on the network each time, so this is done once, before all else.
    """
    return replace(
        settings,
        encoder=str(encoder_folder(settings.encoder)),
        reader=str(reader_folder(settings.reader)),
    )


def load_models(settings: Settings, metrics: Metrics | None = None) -> SharedModels:
    """Load the models. Raises StartError."""
    with _start_errors():
        settings = with_folders(settings)
        wanted = {"backend": settings.backend, "device": settings.device}
        runs = {
            backend_of(ENCODER, settings.encoder, **wanted),
            backend_of(READER, settings.reader, **wanted),
        }
        device = pick_device(settings.device) if TORCH in runs else "cpu"
        encoder = load_encoder(settings.encoder, **wanted, threads=settings.threads)
        reader = load_reader(settings.reader, **wanted, threads=settings.threads)
        ordinary = whole_words(encoder_folder(settings.encoder))
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


def snapshot(
    settings: Settings, models: SharedModels, fitted: Fitted | None, *, verified: str = ""
) -> Answerer:
    """Open the current version of the index, and make all that depends on it.

    Its folder is `settings.index / answerer.source.index_version`. Without `fitted` it has
    calibrations that mean nothing, to be replaced. The files of the version `verified` were read
    and compared just now. Raises StartError.
    """
    with _start_errors():
        index = PassageIndex.open(
            settings.index, models.encoder.name, ordinary=models.ordinary, verified=verified
        )
        return Answerer(
            index,
            models,
            fitted.calibrations(index.features) if fitted else unfitted(index.features),
            candidates=settings.candidates,
            remembered=settings.cache,
        )


def load_answerer(settings: Settings) -> Answerer:
    """Open the index and load the models. Raises StartError."""
    with _start_errors():
        settings = with_folders(settings)
    models = load_models(settings)
    return snapshot(settings, models, fitted_to(settings, models))


def load_following(settings: Settings, metrics: Metrics, verified: str = "") -> Following:
    """Load an answerer that goes over to each new version of the index. Raises StartError.

    The files of the version `verified` were read and compared just now.
    """
    with _start_errors():
        settings = with_folders(settings)
    models = load_models(settings, metrics)
    alone = settings.workers <= 1 or models.device != "cpu"  # an idle worker must not slow others
    if settings.read_ahead == "on" and settings.cache and alone:
        models.start_reading_ahead()
    return Following(
        settings.index / CURRENT,
        Snapshots(settings, models, verified),
        every=settings.index_poll,
        metrics=metrics,
    )


def fitted_to(settings: Settings, models: SharedModels) -> Fitted:
    """Return the calibrations for models that were just loaded. Raises StartError."""
    with _start_errors():
        return Fitted(settings, models.encoder.name, models.reader.name)


class Snapshots:
    """Takes a `snapshot` at each call, and warns of what is new about its scores."""

    def __init__(self, settings: Settings, models: SharedModels, verified: str = "") -> None:
        """Take models that were just loaded; `verified` is for the first snapshot alone."""
        self._settings = settings
        self._models = models
        self._fitted = fitted_to(settings, models)
        self._verified = verified
        self._told: list[str] = []

    def __call__(self) -> Answerer:
        """Take a snapshot. Raises StartError."""
        verified, self._verified = self._verified, ""
        taken = snapshot(self._settings, self._models, self._fitted, verified=verified)
        with _start_errors():
            cautions = self._fitted.cautions()
        for line in cautions:
            if line not in self._told:
                log.warning(line)
        self._told = cautions
        return taken


@contextmanager
def _start_errors() -> Iterator[None]:
    """Raise StartError, in one line, for what is wrong with the index or a model."""
    try:
        yield
    except (IndexingError, ModelError) as error:
        raise StartError(one_line(error)) from error
