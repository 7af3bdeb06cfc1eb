"""Moves the edges of a marked answer to where a reader of English would put them. Pure text.

A model marks tokens, and a token may be a piece of a word: the edges move outwards to whole
words and numbers ("SARS-CoV-2", "5.1", "< 10 %", "37.5°C" are never cut), no half of a pair of
brackets or quotes is left alone, and white space and stray punctuation fall off. So does what is of
the text around the answer: numbers of citations and of a list's items, brackets around all of it.
"""

import re
import unicodedata

from models.citation_marks import without_citation

_MAX_WORD = 64  # code points; a longer run (a gene sequence, a URL) is not one word
_HYPHENS = "-\u2010\u2011\u2212'\u2019_"  # a minus too: "mg kg−1"
_SIGNS = "-\u2212+$€£"
_COMPARISONS = "<>≤≥‹›~∼≈±"
_PERCENT = "%‰°"
_COMPARED = re.compile(rf"(?:[<>]=|[{_COMPARISONS}]) \Z")
_COMPARED_EQUAL = re.compile(r"[<>]= ?\d")
_UNIT = re.compile(r" ?(?:[%‰℃]|° ?[CF]\b)")
_JOINERS = "\u200c\u200d"  # zero-width: between letters of one word, between parts of one emoji
_PAIRS = {"(": ")", "[": "]", "{": "}", "“": "”", "«": "»", "（": "）", "「": "」"}
_OPENERS = {closer: opener for opener, closer in _PAIRS.items()}
_STRAY = ".,;:!?…–—•·。，、；：！？"
_NEAR = 60  # code points from an open bracket in an answer to the end of what it opens
_UNWRAPPED = "(["  # where they enclose all
_INTERVAL = re.compile(r"(?:[,;] ?|(?<=[\d%]) )9\d ?% ?-?C[rR]?Is?\b")
_ITEM = r"(?:\d{1,2}|[a-h]|i{1,3}|iv|vi{0,3})"  # what numbers the items of a list
_AND = r"(?:and/or|and|or)"
_ITEM_FIRST = re.compile(rf"(?:\(?{_ITEM}\)|\d{{1,2}}\.(?= +[A-Z])) +")
_BEFORE_ITEM = re.compile(rf"(?:^|[:;,.\n]|\b{_AND})\s*\Z")
_ITEM_LAST = re.compile(rf"(?:[,;.:](?: {_AND})?| {_AND}) {_ITEM}\Z")
_LONGEST_TAIL = 20  # code points: a list's number or an interval, with what stands before it
_OPENED = 200  # code points before a closing bracket in which what opens it is looked for
_TITLE = re.compile(r"\b(?:Dr|Prof|Mrs?|Ms)\Z")
_NAME = re.compile(r"\.?(?: (?:[A-Z]\.)+| [A-Z][^\W\d_]+(?:[-'’][^\W\d_]+)*){1,4}")
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
    start, end = _without_item(text, start, end), _with_name(text, start, end)
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


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the edges of a tidied answer without what is not its own, in code points.

    These are brackets that enclose all of it, and at its end the number of a citation or of a
    list's next item, and a trailing "95% CI" whose bounds are outside the answer. Never empty. For
    the answer that was chosen: brackets help to choose.

    >>> trimmed("in four (80%).", 8, 13)
    (9, 12)
    """
    if (tail := _without_tail(text, start, end)) < end:
        start, end = _without_stray_edges(text, start, tail)
    return _unwrapped(text, start, end)


def _with_sign_and_unit(text: str, start: int, end: int) -> tuple[int, int]:
    """Extend a number over a space to what it is compared by, and to its percent sign or degree."""
    if text[start].isdigit() and (sign := _COMPARED.search(text, max(0, start - 3), start)):
        start = sign.start()
    if text[end - 1].isdigit() and (unit := _UNIT.match(text, end)):
        end = unit.end()
    return start, end


def _without_item(text: str, start: int, end: int) -> int:
    """Return where a range begins without the number of a list's item: "4. Masks", "2) masks"."""
    item = _ITEM_FIRST.match(text, start, end)
    if item and item.end() < end and _BEFORE_ITEM.search(text, max(0, start - 9), start):
        return item.end()
    return start


def _with_name(text: str, start: int, end: int) -> int:
    """Extend a range that ends in a title to the name behind it: "Dr", "Dr Li Wenliang"."""
    name = _NAME.match(text, end) if _TITLE.search(text, max(start, end - 5), end) else None
    return name.end() if name else end


def _without_tail(text: str, start: int, end: int) -> int:
    """Return where a range ends without what begins something else, if more than that remains."""
    end = max(without_citation(text, start, end), start + 1)
    near = max(start + 1, end - _LONGEST_TAIL)
    interval = _INTERVAL.search(text, near, end + _LONGEST_TAIL)
    if interval and interval.start() < end <= interval.end():
        return interval.start()
    if text[end : end + 1] == ")" and _excess(text, ")", max(0, end - _OPENED), end) >= 0:
        item = _ITEM_LAST.search(text, near, end)
        return item.start() if item else end
    return end


def _unwrapped(text: str, start: int, end: int) -> tuple[int, int]:
    """Drop a pair of brackets that encloses all of a range."""
    opener, closer = text[start], text[end - 1]
    if opener not in _UNWRAPPED or closer != _PAIRS[opener] or end - start < 3:  # noqa: PLR2004
        return start, end
    depth = 0
    for place in range(start, end - 1):
        depth += (text[place] == opener) - (text[place] == closer)
        if not depth:
            return start, end  # "(a) or (b)"
    return _without_stray_edges(text, start + 1, end - 1)


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
    if after.isdigit() and before in _SIGNS and (cut == 1 or not _of_word(text[cut - 2])):
        return True
    return _connects(text, cut) or _connects(text, cut - 1) or _compares(text, cut)


def _connects(text: str, place: int) -> bool:
    """Tell whether `text[place]` is punctuation that holds one word or number together."""
    if not 0 < place < len(text) - 1:
        return False
    before, mark, after = text[place - 1], text[place], text[place + 1]
    if mark in _HYPHENS:
        return _of_word(before) and _of_word(after)
    return mark in ".,–" and before.isdigit() and after.isdigit()


def _compares(text: str, cut: int) -> bool:
    """Tell whether a cut would part a number from what compares it, or "<" from "=" before one."""
    before, after = text[cut - 1], text[cut]
    if after == "=" or before == "=":
        return bool(_COMPARED_EQUAL.match(text, max(0, cut - 1 - (before == "="))))
    return after.isdigit() and before in _COMPARISONS


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
