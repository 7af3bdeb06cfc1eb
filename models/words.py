"""Groups a text's tokens into its words, for a vector a word. Imports no neural network library."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from tokenizers import Encoding

from models.contracts import IntArray

NO_WORD = -1


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """The words of a text.

    `of_token` has shape (tokens,): the number, from 0, of the word that each token belongs to, or
    `NO_WORD`. `ranges` has shape (words, 2): where each word begins and ends in the text,
    half-open, in Unicode code points.
    """

    of_token: IntArray
    ranges: IntArray


def words_of(encoding: Encoding, text: str, left_out: Collection[str]) -> Words:
    """Return the words of an encoded text.

    Tokens of one word share its number; words are numbered in order without gaps. Special tokens,
    punctuation, and the words in `left_out` (lower case) are no words.
    """
    numbered = encoding.word_ids
    extents: dict[int, tuple[int, int]] = {}  # by the tokenizer's number of the word
    for word, extent in zip(numbered, encoding.offsets, strict=True):
        if word is not None:
            known = extents.get(word)
            if known is not None:
                extent = min(known[0], extent[0]), max(known[1], extent[1])  # noqa: PLW2901
            extents[word] = extent
    kept = []
    for word, (start, end) in extents.items():
        written = text[start:end]
        is_word = written[:1].isalnum() or any(map(str.isalnum, written))
        if is_word and written.lower() not in left_out:
            kept.append(word)
    numbers = {word: number for number, word in enumerate(kept)}
    of_token = [NO_WORD if w is None else numbers.get(w, NO_WORD) for w in numbered]
    return Words(
        np.array(of_token, np.int64),
        np.array([extents[word] for word in kept], np.int64).reshape(-1, 2),
    )
