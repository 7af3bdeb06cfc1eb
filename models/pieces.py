"""Cuts texts into tokens, with where each stands; works on a `tokenizers.Tokenizer` alone."""

import json
import re
from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from tokenizers import Encoding, Tokenizer

from models.contracts import IntArray

_BLANKS = np.array([chr(point).isspace() for point in range(0x3002)])  # none is beyond
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACES = "\t\n\r "  # what BERT's tokenizers split at, whatever else they do
_AS_SPACE = dict.fromkeys(map(ord, _SPACES), " ")
_GAPS = np.array([chr(point) in _SPACES for point in range(34)])
_LONGEST = 64  # code points of a word that is remembered
_ROW = 3 * np.dtype(np.intc).itemsize  # bytes of a token of a word


@dataclass(frozen=True, slots=True)
class Pieces:
    """The tokens of a text, without special ones.

    `ids`, int64, has shape (tokens,). `offsets`, int64 of shape (tokens, 2), holds the half-open
    range of code points that each covers, without white space at either end. A token that covers
    nothing but white space has an empty range.
    """

    ids: IntArray
    offsets: IntArray


class Cutter:
    """Cuts texts into tokens. Safe to use from several threads.

    Where a tokenizer treats each word as if it were alone, as BERT's do, words are cut once, and
    some `remembered` of them kept: a text of known words takes less than half of the time.
    """

    def __init__(self, tokenizer: Tokenizer, remembered: int) -> None:
        """Take a tokenizer that neither pads nor truncates."""
        self._tokenizer = tokenizer
        self._most = remembered if _cuts_words_alone(tokenizer) else 0
        self._known: dict[str, bytes] = {}

    def cut(self, texts: Sequence[str]) -> list[Pieces]:
        """Return the tokens of each text. A lone surrogate is read as U+FFFD."""
        plain = [without_surrogates(text) for text in texts]
        if self._most:
            return self._by_words(plain)
        return [
            Pieces(np.array(encoding.ids, np.int64), _trimmed_offsets(text, encoding))
            for text, encoding in zip(plain, self._encoded(plain), strict=True)
        ]

    def _by_words(self, texts: Sequence[str]) -> list[Pieces]:
        known = self._known
        if len(known) > self._most:
            known = self._known = {}  # another thread goes on with the one that it has
        split = [list(filter(None, text.translate(_AS_SPACE).split(" "))) for text in texts]
        new = self._rows_of(set(chain.from_iterable(split)).difference(known))
        once = {word: row for word, row in new.items() if len(word) > _LONGEST}
        known.update((word, row) for word, row in new.items() if len(word) <= _LONGEST)
        return [
            _joined([once[word] if word in once else known[word] for word in words], text)
            for words, text in zip(split, texts, strict=True)
        ]

    def _rows_of(self, words: Collection[str]) -> dict[str, bytes]:
        """Return for each word the number, the beginning and the end of each of its tokens."""
        found = {}
        for word, encoding in zip(words, self._encoded(list(words)), strict=True):
            rows = zip(encoding.ids, encoding.offsets, strict=True)
            found[word] = array("i", [n for id_, place in rows for n in (id_, *place)]).tobytes()
        return found

    def _encoded(self, texts: Sequence[str]) -> list[Encoding]:
        if not texts:
            return []
        return self._tokenizer.encode_batch(texts, add_special_tokens=False)


def _joined(rows: Sequence[bytes], text: str) -> Pieces:
    """Return the tokens of a text from those of its words."""
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    gap = _GAPS[np.minimum(points, len(_GAPS) - 1)]
    starts = np.flatnonzero(~gap & np.append(True, gap[:-1]))
    found = np.frombuffer(b"".join(rows), np.intc).reshape(-1, 3).astype(np.int64)
    counts = np.fromiter(map(len, rows), np.int64, len(rows)) // _ROW
    return Pieces(found[:, 0], found[:, 1:] + np.repeat(starts, counts)[:, None])


def without_surrogates(text: str) -> str:
    """Replace each lone surrogate, which no tokenizer accepts, with U+FFFD; offsets stay valid."""
    return _SURROGATE.sub("\ufffd", text)


def _cuts_words_alone(tokenizer: Tokenizer) -> bool:
    """Tell whether what stands around a word, beyond white space, changes nothing of its tokens."""
    definition = json.loads(tokenizer.to_str())
    parts = [(definition[name] or {}).get("type") for name in ("normalizer", "pre_tokenizer")]
    special = all(token["special"] for token in definition["added_tokens"])
    return parts == ["BertNormalizer", "BertPreTokenizer"] and special


def _trimmed_offsets(text: str, encoding: Encoding) -> IntArray:
    """Return shape (tokens, 2): each token's range of `text` without white space at its ends."""
    trimmed = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    blank = np.append(_BLANKS[np.minimum(points, len(_BLANKS) - 1)], False)
    starts, ends = trimmed.T
    for row in np.flatnonzero((ends > starts) & (blank[starts] | blank[ends - 1])).tolist():
        start, end = trimmed[row].tolist()
        covered = text[start:end]
        begin = start + len(covered) - len(covered.lstrip())
        trimmed[row] = begin, max(begin, start + len(covered.rstrip()))
    return trimmed
