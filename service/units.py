"""The units that numbers in answers have. Pure; no HTML here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: how the page writes it, what it measures, and its size in that kind's base unit.

    `zero` is the number in this unit where the base unit's scale has its 0.
    """

    name: str
    kind: str
    size: float
    pattern: str
    zero: float = 0

    def to_base(self, value: float) -> float:
        """Return a number of these as one of the base unit."""
        return (value - self.zero) * self.size

    def from_base(self, value: float) -> float:
        """Return a number of the base unit as one of these."""
        return value / self.size + self.zero


_DEGREE = "[°º˚•∘◦oO]"  # what extractions and typesetters put for it

UNITS = (
    Unit("minutes", "time", 1 / 1440, r"min(?:utes?|s)?"),
    Unit("hours", "time", 1 / 24, r"h(?:ours?|rs?)?"),
    Unit("days", "time", 1, r"d(?:ays?)?"),
    Unit("weeks", "time", 7, r"w(?:ee)?ks?"),
    Unit("months", "time", 365.25 / 12, r"months?"),
    Unit("years", "time", 365.25, r"y(?:ea)?rs?"),
    Unit("%", "share", 1, r"%|per ?cent"),
    Unit("nm", "length", 1e-9, r"nm|nanomet(?:re|er)s?"),
    Unit("µm", "length", 1e-6, r"[µμu]m|micromet(?:re|er)s?|microns?"),
    Unit("mm", "length", 1e-3, r"mm(?! ?Hg)|millimet(?:re|er)s?(?! of mercury)"),
    Unit("cm", "length", 1e-2, r"cm(?! ?H)|centimet(?:re|er)s?(?! of water)"),
    Unit("km", "length", 1e3, r"km|kilomet(?:re|er)s?"),
    Unit("m", "length", 1, r"m|met(?:re|er)s?"),
    Unit("feet", "length", 0.3048, r"ft|feet|foot"),
    Unit("°C", "temperature", 1, rf"{_DEGREE} ?C|℃|deg(?:rees?|\.)? ?(?:C|Celsius)"),
    Unit(
        "°F", "temperature", 5 / 9, rf"{_DEGREE} ?F|℉|deg(?:rees?|\.)? ?(?:F|Fahrenheit)", zero=32
    ),
    Unit("kb", "sequence length", 1, r"kbp?|kilobases?(?: pairs?)?"),
    Unit("fold", "factor", 1, r"fold|times(?= (?:higher|lower|more|less|greater|as))"),
)
REPRODUCTION = Unit("", "reproduction number", 1, "")
