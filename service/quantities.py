"""Finds the number with its unit that an answer gives. Pure; no HTML here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from math import isclose

from service.numerals import MINUS, NUMBER, is_rest, value_of
from service.units import REPRODUCTION, UNITS, Unit

_ABOUT_REPRODUCTION = re.compile(
    r"\bR ?[0₀](?!\d|[.·]\d)|\bR\(0\)|reproducti(?:on|ve) (?:number|rate|ratio)"
)

_MOST_INFECTED = 100
"""Above any reproduction number: such a number is a year, or counts people."""

_SIGNED = rf"(?:(?<![\w%)°])[{MINUS}])?{NUMBER}"
_TO = r" ?(?:-|‐|–|—|~|～|∼|to|or) ?(?:(?<=to )up to )?"
_AND = rf"(?:{_TO}|(?(between) and |(?!)))"
_PLUS_MINUS = r"(?:±|\+/?[-−])"
_SPREAD = (  # what stands between a mean or a median and its unit
    rf"(?: ?{_PLUS_MINUS} ?[\d.·]{{1,12}}"
    rf"| ?[(\[](?:(?:SD|SE|s\.?d\.?|IQR|[Rr]ange|95 ?%|{_PLUS_MINUS})[^()\[\]]{{0,30}}"
    r"|[\d.· ,–-]{1,20})[)\]])"
)
_UNIT = "|".join(f"(?P<u{n}>{unit.pattern})" for n, unit in enumerate(UNITS))
_LOW_UNIT = "|".join(f"(?P<l{n}>{unit.pattern})" for n, unit in enumerate(UNITS))
_QUANTITY = re.compile(
    rf"(?P<between>\b[Bb]etween )?(?:(?<![\w.,·])|(?<=\bfrom))(?<![A-Za-z]-)"
    rf"(?<!\d )(?<!±)(?<!± )(?<!\+/)(?<!\+/[-−])(?<!\+[-−])(?!(?<=\+)[-−])"
    rf"(?P<low>{_SIGNED})(?: ?(?:{_LOW_UNIT})(?={_AND}{_SIGNED}))?"
    rf"(?:{_AND}(?P<high>{_SIGNED}))?{_SPREAD}?"
    rf"[ -]?(?:{_UNIT})(?![\w²³/])(?! ?[{MINUS}]1(?!\d))"
)
_MARKS_OF_REFERENCES = r"(?:(?<=[\[,–-])|(?<=, ))\d{1,4}(?:[,–-] ?\d{1,4}){0,20}\]"
_BARE = re.compile(
    rf"(?<![\w.,·±+*/×-])(?<![±+*/×] )(?<!\bR )(?<!\bR\()(?!{_MARKS_OF_REFERENCES})"
    rf"(?!(?<=\()\d+\))"  # of an equation
    rf"(?P<low>{NUMBER})(?:{_TO}(?P<high>{NUMBER}))?(?![\w%-])(?![.,·]\d)"
    rf"(?! ?(?:[*/×=]|\+(?!/?[{MINUS}]))| [-−] )"  # it goes on as a formula
)
_LISTED = re.compile(
    rf"(?<![\w.-])(?!(?:19|20)\d\d\b){NUMBER}(?: ?\([^()]{{0,20}}\))?"
    r" ?(?:,|,? (?:and|or)|&| (?:vs\.?|versus)) ?$",
    re.IGNORECASE,
)
_BOUNDS = {
    "<": r"(?:less|fewer|lower|shorter|smaller|younger) than|below|under|<",
    ">": r"(?:more|greater|higher|longer|larger|older) than|above|exceed(?:s|ed|ing)?|>",
    "≤": r"at (?:the )?most|(?:no|not) (?:more|longer|later) than|(?:not|never) exceed(?:ing)?"
    r"|up to|(?:less|fewer|lower) than or equal to|[≤≦⩽]|<(?: ?or)? ?=",
    "≥": r"at (?:the )?least|(?:no|not) (?:less|fewer) than"
    r"|(?:more|greater|higher) than or equal to|[≥≧⩾]|>(?: ?or)? ?=",
}
_BOUND = re.compile(
    rf"(?<!\w)(?:{'|'.join(f'(?P<b{n}>{words})' for n, words in enumerate(_BOUNDS.values()))}) ?$",
    re.IGNORECASE,
)
_BOUND_AFTER = re.compile(
    r"(?: of age|[ -]old)? (?:or"
    r"|and(?= (?:older|younger)\b| (?:above|over|below|under)(?: ?[.,;)]|$)))"
    r" (?:(?P<least>above|greater|higher|longer|more|older|over)"
    r"|(?P<most>below|fewer|less|lower|shorter|under|younger))\b(?! than\b)",
    re.IGNORECASE,
)
_OVER = re.compile(r"(?P<aged>\b(?:aged?|ages) over|\bover the age of) $|\bover $", re.IGNORECASE)
_OF_AGE = re.compile(r"[ -](?:of age|olds?)\b")
_RANGE_GOES_ON = re.compile(rf"[^.;,]{{1,60}}? to (?:up to )?{NUMBER}[ -]?(?:h|d|w|m|y|%)")
_BEFORE = 32  # characters before a number in which words that make it a bound are looked for
_COUNT = re.compile(
    r"(?<![\w.,·])(?<![A-Za-z]-)(?<!COVID )(?<!CoV )(?<!enzyme )(?!2019[ -]n)"  # not of a name
    r"(?<!oronavirus )(?<!nterleukin )"
    r"(?!\d+(?:, ?\d+)*\])"  # nor a mark of references
    rf"(?P<low>\d{{1,3}}(?: \d{{3}}){{1,4}}(?!\d)|{NUMBER})(?!\w)"
    r"(?: ?(?P<times>thousand|million|billion)\b)?"
)
_TIMES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, None: 1}
_FILLING = re.compile(
    r"an?|about|above|almost|and|approximately|are|around|at|average|be|been|below|between|by"
    r"|estimated|for|from|in|is|its?|least|less|mean|median|more|most|nearly|of|on|or|over"
    r"|rang(?:e|ed|es|ing)|roughly|than|the|to|under|up|was|were|with"
)
_ASIDE = re.compile(r"\([^()]*\)?|\[[^\[\]]*\]?")
_LISTS = re.compile(
    r"(?: ?[(\[][^()\[\]]{0,40}[)\]])?"
    r" ?(?:,|,? (?:and|or|vs\.?|versus|compared (?:to|with))) [~∼≈]?(?!95 ?%)\d",
    re.IGNORECASE,
)
_TORN = re.compile(rf"\d \d[\d.·]{{0,6}}{_TO}$")  # a range, whose lower end is not to be read
_CLOSES = re.compile(r"[^(\[]*[)\]]\W*\w")  # a bracket that the number stands in
_BESIDE = 4
"""Words that may stand beside the number of an answer which is one."""
_CONFIDENCE = re.compile(
    r" ?(?:%|per ?cent) ?(?:CI|CrI|C\.I\.|HPD|confidence|credib|credible|uncertainty|interval)"
)
_INTERVAL = re.compile(
    rf"[^.;]{{0,12}}\b9\d ?% ?(?:CI|CrI|confidence|credible)[^\d;]{{0,24}}"
    rf"(?P<low>{NUMBER})(?: ?%)?(?:{_TO}|, ?)(?P<high>{NUMBER})"
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number or a range of numbers, in `unit`; `low == high` for a single one.

    `interval` is the confidence interval that follows it, if one does, in the same unit. `bound` is
    one of `<>≤≥` where the number is only said to be a bound. `low_unit` is the unit that a range's
    lower end is given in, where that is another.
    """

    low: float
    high: float
    unit: Unit
    interval: tuple[float, float] | None = None
    bound: str = ""
    low_unit: Unit | None = None

    @property
    def least(self) -> "Quantity":
        """The lower end alone, in its own unit."""
        unit = self.low_unit or self.unit
        low = unit.from_base(self.unit.to_base(self.low))
        return Quantity(low, low, unit, bound=self.bound)

    @property
    def greatest(self) -> "Quantity":
        """The upper end alone."""
        return Quantity(self.high, self.high, self.unit, bound=self.bound)

    @property
    def key(self) -> tuple[str, str, float, float]:
        """What equal quantities have in common: kind, bound, and both ends in its base unit.

        >>> one, other = quantity_in("72 hours"), quantity_in("three days")
        >>> one.key == other.key
        True
        """
        low, high = (float(f"{self.unit.to_base(end):.12g}") for end in (self.low, self.high))
        return self.unit.kind, self.bound, low, high

    def __str__(self) -> str:
        """Write the quantity as the page does.

        >>> str(quantity_in("between two and 14 d")), str(quantity_in("below 6.40 per cent"))
        ('2–14 days', '<6.4%')
        >>> str(quantity_in("10 days to 2 weeks"))
        '10 days–2 weeks'
        """
        if self.low_unit and self.low_unit != self.unit:
            return f"{self.least}–{self.greatest}"
        number = _plain(self.low)
        if self.high != self.low:
            number += f" to {_plain(self.high)}" if self.low < 0 else f"–{_plain(self.high)}"
        number = self.bound + number.replace("-", "−")
        name = self.unit.name
        if self.low == self.high == 1:
            name = {"feet": "foot"}.get(name, name.removesuffix("s"))
        space = "" if name in {"%", ""} else "-" if name == "fold" else " "
        return f"{number}{space}{name}"


def _plain(number: float) -> str:
    """Write a number in six digits; whole, and without a power of ten, where that is not enough.

    >>> [_plain(number) for number in (5.10, 1 / 3, 1_234_567, 0.00001)]
    ['5.1', '0.333333', '1,234,567', '0.00001']
    """
    written = f"{number:g}"
    return written if "e" not in written else f"{Decimal(f'{number:.12g}'):,f}"


def quantity_in(sentence: str, start: int = 0, end: int | None = None) -> Quantity | None:
    """Return the first quantity of a sentence that its half-open range [start, end) touches.

    A number and its unit may lie on both sides of the end. The size of a confidence interval
    ("95% CI") is none, nor is a list ("24, 48 and 72 h"). Without a unit only the reproduction
    number has one.

    >>> str(quantity_in("It was 5.1 days (95% CI, 4.5 to 5.8 days).", 7, 10))
    '5.1 days'
    """
    found = _found(sentence, start, len(sentence) if end is None else end)
    return _made(found, sentence, start) if found else None


def quantity_of(sentence: str, start: int, end: int) -> Quantity | None:
    """Return the quantity that an answer is, as `quantity_in` does; None where it says more.

    >>> said = "Bats host many viruses, and more than 20% of mammals are bats."
    >>> quantity_of(said, 0, len(said)), str(quantity_of(said, 24, 48))
    (None, '>20%')
    """
    found = _found(sentence, start, end)
    if found is None:
        return None
    last = _INTERVAL.match(sentence, found.end()) or found
    beside = f"{sentence[start : max(start, found.start())]} {sentence[last.end() : end]}"
    if _LISTS.match(sentence[last.end() : end]) or _CLOSES.match(sentence[found.end() : end]):
        return None
    words = re.findall(r"\w[\w.-]*", _ASIDE.sub(" ", beside).lower())
    left = [word for word in words if not _FILLING.fullmatch(word)]
    return quantity_in(sentence, start, end) if len(left) <= _BESIDE else None


def numbers_in(sentence: str, start: int, end: int) -> frozenset[tuple[str, float]]:
    """Return the numbers in a half-open range of a sentence, each with its bound, without units.

    Those of names ("COVID-19", "H1N1") are none, nor is "one".

    >>> sorted(numbers_in("Of COVID-19, 78 064 to more than 2.5 million", 0, 44))
    [('', 78064.0), ('>', 2500000.0)]
    """
    return frozenset(
        (_bound(_before(found, sentence)), value_of(found["low"]) * _TIMES[found["times"]])
        for found in _COUNT.finditer(sentence, start, end)
        if found["low"].lower() != "one"
    )


def in_digits(text: str) -> str:
    """Return a text with its numbers in plain digits, but for those of names.

    >>> in_digits("Six of 78 064, or 2.5 million, have COVID-19")
    '6 of 78064, or 2500000, have COVID-19'
    """
    return _COUNT.sub(lambda found: f"{value_of(found['low']) * _TIMES[found['times']]:.15g}", text)


def _found(sentence: str, start: int, end: int) -> re.Match[str] | None:
    """Return the first match of a quantity that the range touches."""
    for found in _quantities(sentence):
        if found.start() < end and start < found.end():
            return found
    if _ABOUT_REPRODUCTION.search(sentence):
        for found in _BARE.finditer(sentence):
            rest = is_rest(found["low"], _before(found, sentence))
            few = value_of(found["low"]) < _MOST_INFECTED
            if start <= found.start("low") < end and few and not rest:
                return found
    return None


def _quantities(sentence: str) -> Iterator[re.Match[str]]:
    for found in _QUANTITY.finditer(sentence):
        before = _before(found, sentence)
        begins = before.lower().endswith("from ") and not found["high"]
        other = (
            _LISTED.search(before)
            or _TORN.search(before)
            or is_rest(found["low"].lstrip(MINUS), before)
            or (begins and _RANGE_GOES_ON.match(sentence, found.end()))
        )
        if not (other or _CONFIDENCE.match(sentence, found.end("low"))):
            yield found


def _unit_of(found: re.Match[str], end: str) -> Unit | None:
    """Return the unit behind the upper ("u") or the lower ("l") end of a range."""
    groups = found.groupdict()
    return next((u for n, u in enumerate(UNITS) if groups.get(f"{end}{n}") is not None), None)


def _made(found: re.Match[str], sentence: str, start: int) -> Quantity:
    """Return what was found; of two that are no range the one that is asked for from `start` on."""
    unit = _unit_of(found, "u") or REPRODUCTION
    before = _before(found, sentence)
    low = value_of(found["low"])
    high = value_of(found["high"]) if found["high"] else low
    low_unit = _unit_of(found, "l") or unit
    if low_unit.kind != unit.kind:  # no range, but two numbers
        if start >= found.start("high"):
            return Quantity(high, high, unit)
        return Quantity(low, low, low_unit, bound=_bound(before))
    if low_unit != unit and isclose(low_unit.to_base(low), unit.to_base(high)):
        return Quantity(low, low, low_unit)
    if low_unit != unit:
        ends = (low, low_unit), (high, unit)
        (low, low_unit), (high, unit) = sorted(ends, key=lambda end: end[1].to_base(end[0]))
        return Quantity(unit.from_base(low_unit.to_base(low)), high, unit, low_unit=low_unit)
    interval = _INTERVAL.match(sentence, found.end())
    within = (value_of(interval["low"]), value_of(interval["high"])) if interval else None
    around = within if within and within[0] <= low <= high <= within[1] else None
    bound = "" if found["high"] else _bound_of(unit, before, sentence[found.end() :])
    return Quantity(min(low, high), max(low, high), unit, around, bound)


def _before(found: re.Match[str], sentence: str) -> str:
    return sentence[: found.start("low")][-_BEFORE:]


def _bound(before: str) -> str:
    """Return what the words before a number make it a bound of, as a sign; "" where they don't."""
    found = _BOUND.search(before)
    return next(sign for n, sign in enumerate(_BOUNDS) if found[f"b{n}"]) if found else ""


def _bound_of(unit: Unit, before: str, after: str) -> str:
    """Return what the words around a number with its unit make it a bound of, as `_bound` does.

    "Over" is one before a percentage and years of age: "over 5 days" may well be during them.
    """
    if bound := _bound(before):
        return bound
    if found := _BOUND_AFTER.match(after):
        return "≥" if found["least"] else "≤"
    over = _OVER.search(before)
    aged = over and unit.name == "years" and (over["aged"] or _OF_AGE.match(after))
    return ">" if aged or (over and unit.name == "%") else ""
