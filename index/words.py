"""What counts as a word where a text's length is measured."""

import re

_SPACELESS = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Chinese, Japanese
_FEWEST_WRITTEN = 0.1  # of the words of a text that is more than numbers, marks and names of cells
_LETTERS = 3  # of a word that says something, in a script whose words have many
_LAST_LONG = "\u052f"  # of Latin, Greek and Cyrillic
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


def has_words(text: str) -> bool:
    """Tell whether a text says something: a table without its head is nothing but numbers.

    Less than a tenth of such a text are words of three letters or more.

    >>> has_words("It rose to 3.1 (2.0-4.1)"), has_words("29.0 ± 9.0 CI 31.0 ± 8.0 P < 0.001")
    (True, False)
    """
    words = text.split()
    return sum(map(_says_something, words)) >= max(1, _FEWEST_WRITTEN * len(words))


def _says_something(word: str) -> bool:
    letters = [character for character in word if character.isalpha()]
    return len(letters) >= _LETTERS or any(letter > _LAST_LONG for letter in letters)
