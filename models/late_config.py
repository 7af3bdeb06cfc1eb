"""What a late interaction head says of itself, beside its weights (see `models.late`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from files.reading import json_object

CONFIG = "late_interaction.json"


@dataclass(frozen=True, slots=True)
class LateConfig:
    """The sizes of a head, and the words that a passage keeps no vector for (lower case)."""

    hidden: int
    dimension: int
    left_out: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read that of an encoder's folder.

        Raises OSError, and ValueError, TypeError or KeyError where it says nonsense.
        """
        fields = json_object(folder / CONFIG)
        left_out = tuple(map(str, fields["left_out"]))
        return cls(int(fields["hidden"]), int(fields["dimension"]), left_out)
