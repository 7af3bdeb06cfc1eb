"""Moves the edges of a marked answer to where a reader of English would put them. Pure text.

A model marks tokens, and a token may be a piece of a word: the edges move outwards to whole
words and numbers ("SARS-CoV-2", "5.1", "< 10 %", "37.5°C" are never cut), no half of a pair of
brackets or quotes is left alone, and white space and stray punctuation fall off.
"""

import re
import unicodedata

_MAX_WORD = 64  # code points; a longer run (a gene sequence, a URL) is not one word
_HYPHENS = "-\u2010\u2011'\u2019_"
_SIGNS = "-\u2212+$€£"
_COMPARISONS = "<>≤≥‹›~∼≈±"
_PERCENT = "%‰°"
_UNIT = re.compile(r" ?(?:[%‰℃]|° ?[CF]\b)")
_JOINERS = "\u200c\u200d"  # zero-width: between letters of one word, between parts of one emoji
_PAIRS = {"(": ")", "[": "]", "{": "}", "“": "”", "«": "»", "（": "）", "「": "」"}
_OPENERS = {closer: opener for opener, closer in _PAIRS.items()}
_STRAY = ".,;:!?…–—•·。，、；：！？"
_NEAR = 60  # code points from an open bracket in an answer to the end of what it opens
_INITIALS = re.compile(r"(?:[^\W\d_]\.){2,}\Z")  # "U.S.", "e.g."

# Scripts that put no space between words, so a run of letters is not one word: Thai to Myanmar,
# Khmer, Japanese and Chinese.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)


def tidy(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the tidied edges of the non-empty range `text[start:end]`, in code points.

    The result is never empty: a range of nothing but punctuation comes back as it was.

    >>> tidy("found in SARS-CoV-2 (80%).", 14, 22)  # "CoV-2 (8"
    (9, 25)
    """
    start, end = _with_sign_and_unit(text, *_whole_words(text, start, end))
    if end < len(text) and _OPENERS.get(text[end]) and _excess(text, text[end], start, end) < 0:
        end += 1
    if start and (closer := _PAIRS.get(text[start - 1])) and _excess(text, closer, start, end) > 0:
        start -= 1
    start, end = _without_stray_edges(text, start, end)
    if text.count('"', start, end) % 2:
        if start and text[start - 1] == '"':
            start -= 1
        elif text[end : end + 1] == '"':
            end += 1
    paired = _paired(text, start, end)
    return _without_stray_edges(text, start, paired) if paired > start else (start, end)


def _with_sign_and_unit(text: str, start: int, end: int) -> tuple[int, int]:
    """Extend a number over a space to what it is compared by, and to its percent sign or degree."""
    if text[start].isdigit() and start > 1 and text[start - 1] == " ":
        start -= 2 * (text[start - 2] in _COMPARISONS)
    if text[end - 1].isdigit() and (unit := _UNIT.match(text, end)):
        end = unit.end()
    return start, end


def _paired(text: str, start: int, end: int) -> int:
    """Return where a range ends if it ends before a closing bracket that nothing in it opens.

    An open bracket at the end takes what it opens, or goes with all that follows it.
    """
    for closer, opener in _OPENERS.items():
        if not (text.count(closer, start, end) or text.count(opener, start, end)):
            continue
        opened: list[int] = []
        for place in range(start, end):
            if text[place] == opener:
                opened.append(place)
            elif text[place] == closer:
                if not opened:
                    return place
                opened.pop()
        if opened:
            closing = text.find(closer, end, opened[0] + _NEAR)
            between = text[end:closing]
            if closing < 0 or opener in between or "\n" in between:
                return opened[0]
            return closing + 1
    return end


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """Extend both edges to the ends of the words that they cut."""
    left, right = start, end
    while left > 0 and start - left < _MAX_WORD and _inside_word(text, left):
        left -= 1
    while right < len(text) and right - end < _MAX_WORD and _inside_word(text, right):
        right += 1
    return (
        left if start - left < _MAX_WORD else start,
        right if right - end < _MAX_WORD else end,
    )


def _inside_word(text: str, cut: int) -> bool:
    """Tell whether a cut before `text[cut]` (0 < cut < len(text)) would split a word or number."""
    before, after = text[cut - 1], text[cut]
    if unicodedata.category(after).startswith("M") or after in _JOINERS or before in _JOINERS:
        return not before.isspace()  # a mark belongs to the character that it stands on
    if _of_word(before) and _of_word(after):
        return not (_UNSPACED.match(before) or _UNSPACED.match(after))
    if (before.isdigit() and after in _PERCENT) or (before == "°" and after in "CF"):
        return True
    if after.isdigit() and before in _COMPARISONS:
        return True
    if after.isdigit() and before in _SIGNS and (cut == 1 or not _of_word(text[cut - 2])):
        return True
    return _connects(text, cut) or _connects(text, cut - 1)


def _connects(text: str, place: int) -> bool:
    """Tell whether `text[place]` is punctuation that holds one word or number together."""
    if not 0 < place < len(text) - 1:
        return False
    before, mark, after = text[place - 1], text[place], text[place + 1]
    if mark in _HYPHENS:
        return _of_word(before) and _of_word(after)
    return mark in ".,–" and before.isdigit() and after.isdigit()


def _of_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _without_stray_edges(text: str, start: int, end: int) -> tuple[int, int]:
    """Drop white space, stray punctuation and unpaired brackets and quotes from both ends."""
    left, right = start, end
    while left < right:
        if _stray_at_start(text, left, right):
            left += 1
        elif _stray_at_end(text, left, right):
            right -= 1
        else:
            return left, right
    return start, end


def _stray_at_start(text: str, start: int, end: int) -> bool:
    first = text[start]
    if first == "." and text[start + 1 : start + 2].isdigit():
        return False  # ".05"
    return (
        first.isspace()
        or first in _STRAY
        or first in _OPENERS
        or (first in _PAIRS and _excess(text, _PAIRS[first], start, end) < 0)
        or (first == '"' and text.count('"', start, end) % 2 == 1)
    )


def _stray_at_end(text: str, start: int, end: int) -> bool:
    last = text[end - 1]
    if last == "." and _INITIALS.search(text, max(start, end - _MAX_WORD), end):
        return False
    return (
        last.isspace()
        or last in _STRAY
        or last in _PAIRS
        or (last in _OPENERS and _excess(text, last, start, end) > 0)
        or (last == '"' and text.count('"', start, end) % 2 == 1)
    )


def _excess(text: str, closer: str, start: int, end: int) -> int:
    """Count the closing brackets of one kind in a range, less the opening ones."""
    return text.count(closer, start, end) - text.count(_OPENERS[closer], start, end)
