"""Which GPUs there are, which of them a worker has, and what to do when one vanishes.

Nothing here imports torch: gunicorn's master asks, and whoever initialises CUDA must not fork.
"""

import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

_DEVICES = Path("/dev")
_NODE = re.compile(r"nvidia\d+")
_ALL = {"", "all"}
_NONE = {"none", "void"}


class LostGPUError(Exception):
    """The GPU of this process vanished or failed. The message is one line."""

    def __init__(self, error: Exception) -> None:
        """Tell what the driver said, in its first line."""
        first, *_ = [*str(error).splitlines(), ""]
        super().__init__(
            f"the GPU cannot be used any more ({first}): see that nvidia-smi "
            "lists it and restart; with COVIDQUEST_DEVICE=auto the CPU serves where it is gone"
        )


def visible(environ: Mapping[str, str], devices: Path = _DEVICES) -> tuple[str, ...]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them.

    CUDA_VISIBLE_DEVICES decides where it is set. Else these are the device files: the container
    toolkit puts those into a container that NVIDIA_VISIBLE_DEVICES names, and CUDA numbers them
    from 0. Where there are more files than the variable names, nothing was left out, and the
    variable's own names are taken.

    >>> visible({"CUDA_VISIBLE_DEVICES": "2,0,-1,1"})
    ('2', '0')
    >>> visible({"NVIDIA_VISIBLE_DEVICES": "none"})
    ()
    """
    chosen = environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return _until_invalid(chosen)
    named = environ.get("NVIDIA_VISIBLE_DEVICES", "").strip()
    if named.lower() in _NONE:
        return ()
    nodes = [path for path in devices.iterdir() if _NODE.fullmatch(path.name)]
    names = () if named.lower() in _ALL else tuple(name.strip() for name in named.split(","))
    if nodes and names and len(names) != len(nodes):
        return names
    return tuple(str(number) for number in range(len(nodes)))


def _until_invalid(chosen: str) -> tuple[str, ...]:
    """Return the devices that CUDA sees: those before the first -1 or empty name."""
    names: list[str] = []
    for name in (part.strip() for part in chosen.split(",")):
        if name in {"", "-1"}:
            break
        names.append(name)
    return tuple(names)


def free(gpus: Sequence[str], taken: Sequence[str | None]) -> str | None:
    """Return the GPU that the fewest workers have, the first of equals; None without GPUs.

    >>> free(("0", "1"), ["0"]), free(("0", "1"), ["0", "1"]), free((), [])
    ('1', '0', None)
    """
    counts = Counter(taken)
    return min(gpus, key=lambda gpu: counts[gpu], default=None)


def is_lost(error: BaseException) -> bool:
    """Tell whether an error means that this process can use its GPU no more.

    After an error of the device every later call fails too. Want of its memory is none of these.
    """
    torch = sys.modules.get("torch")
    if torch is None or isinstance(error, torch.OutOfMemoryError):
        return False
    return isinstance(error, torch.AcceleratorError)


def missing(environ: Mapping[str, str], gpus: Sequence[str], devices: Path = _DEVICES) -> str:
    """Say what is wrong where a container was to have GPUs and sees none; else "".

    NVIDIA_VISIBLE_DEVICES is set by Dockerfile.gpu, or by who runs it. Under Windows a GPU has
    another device file.
    """
    wanted = environ.get("NVIDIA_VISIBLE_DEVICES", "").strip().lower()
    if gpus or wanted in _NONE | {""} or (devices / "dxg").exists():
        return ""
    return (
        "no GPU is visible, so the models run on the CPU, many times slower: see that nvidia-smi "
        "lists one here, or set COVIDQUEST_DEVICE=cpu to say that this is meant"
    )
