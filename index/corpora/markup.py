"""Turns markup and the characters of special fonts into plain text."""

import html
import re
from html.entities import html5

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[A-Za-z][A-Za-z\d]{1,31});")
_ESCAPED = 2  # times at most: "&amp;lt;"
_LETTERS = dict(
    zip("abgdezhqiklmnxoprstufcywDQLXPSFYWV", "αβγδεζηθικλμνξοπρστυφχψωΔΘΛΞΠΣΦΨΩς", strict=True)
)
_FONTS = {
    **{0xF000 + ord(key): letter for key, letter in _LETTERS.items()},
    **{0xF000 + ord(sign): sign for sign in " ()*+=[]<>%&/.,:;0123456789~"},
    **dict(zip(range(0xFB00, 0xFB07), ("ff", "fi", "fl", "ffi", "ffl", "st", "st"), strict=True)),
    0xF02D: "−",
    0xF0A2: "′",
    0xF0A3: "≤",
    0xF0A5: "∞",
    0xF0AE: "→",
    0xF0B0: "°",
    0xF0B1: "±",
    0xF0B2: "″",
    0xF0B3: "≥",
    0xF0B4: "×",
    0xF0B7: "•",
    0xF0BB: "≈",
    0xF0E0: "→",
}
"""Adobe's Symbol font, where PDF extraction puts its characters, Wingdings' arrow and ligatures."""
_IN_FONTS = re.compile("[\uf020-\uf0ff\ufb00-\ufb06]")
_POWER = re.compile(r"(?<=\d)\s*(?:<sup\s*>|\[sup\])\s*(?=[-−+]?\d)", re.IGNORECASE)
_TAG = re.compile(
    r"""</?(p|br|div|h\d|sec|title|a|b|i|u|em|strong|sub|sup|span|italic|bold|jats:\w+)
        (?:\s+[\w:-]+="[^"<>]{0,200}")*\s*/?>""",
    re.VERBOSE | re.IGNORECASE,
)
_BLOCKS = re.compile(r"(?:jats:)?(?:p|br|div|h\d|sec|title)", re.IGNORECASE)
_BBCODE = re.compile(r"\[(sub|sup|i|b)\]([^\[\]]{1,80})\[/\1\]|\[/sup\]", re.IGNORECASE)


def plain(text: str) -> str:
    r"""Return `text` with characters for the references to them, and without tags.

    What no reference and no known tag is, stays.

    >>> plain("P&#x000e4;diatrie&nbsp;&amp;amp; AT&T, in <i>vitro</i>: a<b and &lt;0.05")
    'Pädiatrie\xa0& AT&T, in vitro: a<b and <0.05'
    >>> plain("at 37\uf0b0C, 10<sup>3</sup> cells[3] and CO[sub]2[/sub]")
    'at 37°C, 10^3 cells[3] and CO2'
    """
    if "&" in text:
        for _ in range(_ESCAPED):
            text = _ENTITY.sub(_character, text)
    if _IN_FONTS.search(text):
        text = text.translate(_FONTS)
    if "<" in text or "[/" in text:
        text = _TAG.sub(_space_for, _POWER.sub("^", text))
        text = _BBCODE.sub(lambda found: found[2] or "", text)
    return text


def _character(found: re.Match[str]) -> str:
    """Return the character that a reference stands for; what is none stays as it is."""
    named = found[0][1] != "#"
    return found[0] if named and found[0][1:] not in html5 else html.unescape(found[0])


def _space_for(tag: re.Match[str]) -> str:
    """Return what a tag becomes: nothing within a line."""
    return " " if _BLOCKS.fullmatch(tag[1]) else ""
