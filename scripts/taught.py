"""Keeps what a teacher says of each window, so that it reads each of them once."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from files.checksums import sha256
from files.reading import one_line
from files.writing import whole_file
from models.contracts import ModelError
from models.loading import identity
from models.windows import Batch

Said: TypeAlias = NDArray[np.float16]
"""A teacher's start and end logits of a window, shape (2, tokens that it has of the student's)."""


class Taught:
    """What a teacher said of windows: in memory, a kilobyte each, and in the files of a folder.

    A window is known by its tokens, so another run that makes the same one needs no teacher.
    """

    def __init__(self, folder: Path) -> None:
        """Read what the folder holds, which need not be there. Raises ModelError for damage."""
        self._folder = folder
        self._said: dict[int, Said] = {}
        self._new: list[int] = []
        for path in sorted(folder.glob("*.safetensors")):
            self._said.update(_read(path))

    @classmethod
    def of(cls, folder: Path, base: Path, teacher: Path) -> Self:
        """Return what this teacher said of windows in the tokens of `base`. Raises ModelError."""
        tokens = sha256(base / "tokenizer.json")
        return cls(folder / f"{identity(teacher)}-{tokens[:8]}")

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self._said)

    def __contains__(self, key: int) -> bool:
        """Tell whether something was said of the window of this key."""
        return key in self._said

    def __getitem__(self, key: int) -> Said:
        """Return what was said of it. Raises KeyError."""
        return self._said[key]

    def add(self, key: int, said: Said) -> None:
        """Keep what was said of a new window, until `write` in memory alone."""
        self._said[key] = said
        self._new.append(key)

    def write(self) -> None:
        """Write a file of what is new, complete or absent. Raises OSError."""
        if not self._new:
            return
        said = [self._said[key] for key in self._new]
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{_number(self._new):016x}.safetensors"
        with whole_file(path) as file:
            file.write(
                save(
                    {
                        "keys": np.array(self._new, np.int64),
                        "tokens": np.array([one.shape[1] for one in said], np.int64),
                        "said": np.ascontiguousarray(np.concatenate(said, axis=1)),
                    }
                )
            )
        self._new = []


def keys_of(ours: Batch, theirs: Batch) -> list[int]:
    """Return a number for each window that no other has: of its tokens, and of the teacher's.

    Texts that are the same to a student may not be so to a teacher.
    """
    lengths = zip(ours.mask.sum(1), theirs.mask.sum(1), strict=True)
    return [
        _number((*ours.ids[row, :own], -1, *theirs.ids[row, :other]))
        for row, (own, other) in enumerate(lengths)
    ]


def _number(numbers: Sequence[int]) -> int:
    """Return 63 bits that tell these numbers from others."""
    found = hashlib.blake2b(np.array(numbers, np.int64).tobytes(), digest_size=8)
    return int.from_bytes(found.digest()) >> 1


def _read(path: Path) -> dict[int, Said]:
    try:
        stored = load_file(path)
        said = np.split(stored["said"], np.cumsum(stored["tokens"])[:-1], axis=1)
        return dict(zip(stored["keys"].tolist(), said, strict=True))
    except (OSError, SafetensorError, ValueError, LookupError) as error:
        raise ModelError(
            f"{path} is damaged ({one_line(error)[:200]}): remove it, and the teacher reads its "
            "windows again"
        ) from error
