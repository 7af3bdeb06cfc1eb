"""What counts as a word where a text's length is measured."""

import re

_SPACELESS = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Chinese, Japanese
_WORD = re.compile(rf"[{_SPACELESS}]|[^\s{_SPACELESS}]{{1,100}}")


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return the half-open code point ranges of the words of `text`.

    A word is a run of characters other than white space. Of Chinese and Japanese, which put no
    spaces, each character counts, and of a longer run (a genome) every 100 characters.

    >>> word_spans("5.1 days")
    [(0, 3), (4, 8)]
    """
    return [match.span() for match in _WORD.finditer(text)]


def count_words(text: str) -> int:
    """Return the number of words of `text`.

    >>> count_words("SARS-CoV-2 spreads"), count_words("新型冠状病毒")
    (2, 6)
    """
    return len(_WORD.findall(text))
