"""One process a GPU: which of the machine's GPUs a worker sees. Loads no CUDA, so it can fork."""

from collections.abc import Collection, Mapping
from itertools import count
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"


def free_place(taken: Collection[int]) -> int:
    """Return the least number, from 0, that no other worker has.

    >>> free_place({0, 1, 3})
    2
    """
    return next(place for place in count() if place not in taken)


def own_gpu(place: int, environ: Mapping[str, str], devices: Path = Path("/dev")) -> str | None:
    """Return what the worker at a place should have as `CUDA_VISIBLE_DEVICES`.

    The GPUs are those that the variable names already, else those whose files are in `devices`;
    where there are more workers than GPUs, they share them. None where there is nothing to choose.
    """
    if VISIBLE in environ:
        gpus = [name for part in environ[VISIBLE].split(",") if (name := part.strip())]
    else:
        files = [path for path in devices.glob("nvidia*") if path.name[6:].isdecimal()]
        gpus = [str(number) for number in range(len(files))]
    return gpus[place % len(gpus)] if len(gpus) > 1 else None
