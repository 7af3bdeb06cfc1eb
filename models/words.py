"""Groups a text's tokens into its words, for a vector a word. Imports no neural network library."""

from collections.abc import Collection
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

IntArray: TypeAlias = NDArray[np.int64]

NO_WORD = -1


def word_of_each_token(encoding: Encoding, text: str, left_out: Collection[str]) -> IntArray:
    """Return shape (tokens,): the number, from 0, of the word that each token belongs to.

    Tokens of one word share its number; words are numbered in order without gaps. `NO_WORD` stands
    for special tokens, punctuation, and the words in `left_out` (lower case).
    """
    words: IntArray = np.full(len(encoding.ids), NO_WORD, np.int64)
    count = 0
    numbers: dict[int, int] = {}
    ranges: dict[int, tuple[int, int]] = {}
    for word, (start, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
        if word is not None:
            first, last = ranges.get(word, (start, end))
            ranges[word] = min(first, start), max(last, end)
    for word, (start, end) in ranges.items():
        written = text[start:end].lower()
        if written not in left_out and any(character.isalnum() for character in written):
            numbers[word] = count
            count += 1
    for token, word in enumerate(encoding.word_ids):
        if word is not None:
            words[token] = numbers.get(word, NO_WORD)
    return words
