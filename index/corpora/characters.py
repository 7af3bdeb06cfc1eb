"""Removes characters that nobody sees, and mends those that were read in the wrong encoding."""

import re

_INVISIBLE = re.compile(  # formatting (Cf) and private use (Co); Hangul's fillers
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001-\U000e007f"
    "\ue000-\uf8ff\U000f0000-\U0010fffd"
    "\u115f\u1160\u3164\uffa0]"
)
_JOINER = re.compile(  # it has a meaning between letters of Arabic or Indic scripts, and in emoji
    "(?<![^\\x00-\u052f\\s])[\u200c\u200d]|[\u200c\u200d](?![^\\x00-\u052f\\s])"
)
_HYPHENATED = re.compile("(?<=[^\\W\\d_])\u00ad\\s+(?=[a-z])")  # at the end of a line
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")
_C1 = {
    code: bytes([code]).decode("cp1252")
    for code in range(0x80, 0xA0)
    if code not in {0x81, 0x85, 0x8D, 0x8F, 0x90, 0x9D}  # a line's end, and none of cp1252
}
_REST = f"\\x80-\\xbf…{''.join(_C1.values())}"
_MISREAD = re.compile(  # UTF-8 that was read as Latin-1 or cp1252
    f"[ÂÃ][\\x80-\\xbf]|[ÎÏÐÑ][{_REST}]|â[{_REST}]{{2}}"
)


def visible(text: str) -> str:
    r"""Return `text` without characters that are not seen; controls become a space.

    >>> visible("corona\u200bvirus, knowl\u00ad edge, a\x00b, pâ\x80¯=â\x80¯0.02, \x93only\x94")
    'coronavirus, knowledge, a b, p\u202f=\u202f0.02, “only”'
    """
    if text.isascii() and text.isprintable():
        return text
    text = _MISREAD.sub(_read_again, text).translate(_C1)
    text = _JOINER.sub("", _INVISIBLE.sub("", _HYPHENATED.sub("", text)))
    return _CONTROL.sub(" ", text)


def _read_again(misread: re.Match[str]) -> str:
    try:
        return b"".join(map(_byte, misread[0])).decode("utf-8")
    except UnicodeDecodeError:
        return misread[0]


def _byte(character: str) -> bytes:
    return character.encode("latin-1" if character <= "\xff" else "cp1252")
