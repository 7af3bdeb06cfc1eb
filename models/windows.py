"""Splits contexts into overlapping windows [question | part of a context] for a reader.

Works on a `tokenizers.Tokenizer` alone, so that every backend shares it. Which special tokens
stand around the question and the context is read off the tokenizer's own template:
`[CLS] q [SEP] c [SEP]` for BERT, `<s> q </s></s> c </s>` for RoBERTa.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from models.contracts import IntArray, ModelError
from models.pieces import Cutter

ENOUGH = 512
"""Tokens from which on a CPU gains nothing by more of them in a batch."""

_MOST_OF_A_QUESTION = 64  # tokens
_ALIKE = 0.9  # of the longest window's length


@dataclass(frozen=True, slots=True)
class Window:
    """One input of a reader: special tokens, the question, and a part of one context.

    `context` is the context's place in the list that was split. `ids` and `type_ids` are
    int64 of shape (tokens,). The tokens of the context are `ids[begin : begin + len(offsets)]`;
    `offsets`, int64 of shape (context tokens, 2), holds the half-open range of code points of
    the context that each of them covers, without white space at either end. A token that
    covers nothing but white space has an empty range and can't begin or end an answer.
    """

    context: int
    ids: IntArray
    type_ids: IntArray
    begin: int
    offsets: IntArray


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows padded on the right to the longest: three int64 arrays of shape (windows, tokens).

    `mask` is 1 on the tokens of a window and 0 on padding. `members` are the windows' places
    in the list that was batched, in the order of the rows.
    """

    members: list[int]
    ids: IntArray
    type_ids: IntArray
    mask: IntArray


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Neighbouring tokens of a window, before they are joined: two arrays of shape (tokens,)."""

    ids: IntArray
    type_ids: IntArray


class Windower:
    """Splits contexts into windows of at most `max_length` tokens, special tokens included.

    Neighbouring windows of a context share `stride` of its tokens, or half of a window's share
    where that is less. The question is cut after 64 tokens, or half a window.

    Raises ModelError where the tokenizer has no template for a pair of texts, or `max_length`
    leaves no room for text.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        max_length: int = 384,
        stride: int = 128,
        remembered: int = 0,
        of: str | Path = "a reader",
    ) -> None:
        """Copy `tokenizer`: the original and its truncation and padding stay as they are.

        `of` is the reader's folder, which an error names.

        Some `remembered` words are cut into tokens once (see `models.pieces.Cutter`).
        """
        own = Tokenizer.from_str(tokenizer.to_str())
        own.no_truncation()
        own.no_padding()
        own.encode_special_tokens = True  # "[SEP]" in a paper is text, not a separator
        self._cutter = Cutter(own, remembered)
        self._prefix, self._middle, self._suffix, self._types = _template(own, of)
        self._room = max_length - sum(
            len(part.ids) for part in (self._prefix, self._middle, self._suffix)
        )
        if self._room < 2:  # noqa: PLR2004 - one token of the question and one of the context
            raise ModelError(
                f"windows of {max_length} tokens leave no room for text; use 16 or more"
            )
        self._stride = stride
        self._max_question_tokens = min(_MOST_OF_A_QUESTION, self._room // 2)

    def split(self, question: str, contexts: Sequence[str]) -> list[Window]:
        """Return the windows of all contexts, in order; none for a context without tokens."""
        asked = self._cutter.cut([question.strip()])[0].ids[: self._max_question_tokens]
        head = _join([self._prefix, _of_type(asked, self._types[0]), self._middle])
        room = self._room - len(asked)
        step = room - min(self._stride, room // 2)
        windows = []
        for place, pieces in enumerate(self._cutter.cut(contexts)):
            body = _of_type(pieces.ids, self._types[1])
            offsets = pieces.offsets
            for first, last in _parts(len(offsets), room, step):
                part = _Tokens(body.ids[first:last], body.type_ids[first:last])
                whole = _join([head, part, self._suffix])
                windows.append(
                    Window(place, whole.ids, whole.type_ids, len(head.ids), offsets[first:last])
                )
        return windows

    def texts_of(self, window: Window) -> tuple[IntArray, IntArray]:
        """Return the tokens of question and context of a window that `split` made."""
        asked = window.ids[len(self._prefix.ids) : window.begin - len(self._middle.ids)]
        return asked, window.ids[window.begin : window.begin + len(window.offsets)]

    def joined(self, question: IntArray, context: IntArray, offsets: IntArray) -> Window | None:
        """Return the window of these tokens of a question and a context, None where it is too long.

        `offsets` are those of the context, as a `Window` has them.
        """
        if len(question) + len(context) > self._room:
            return None
        head = _join([self._prefix, _of_type(question, self._types[0]), self._middle])
        whole = _join([head, _of_type(context, self._types[1]), self._suffix])
        return Window(0, whole.ids, whole.type_ids, len(head.ids), offsets)


def batches(
    windows: Sequence[Window], *, max_tokens: int, pad_id: int, enough_tokens: int = ENOUGH
) -> Iterator[Batch]:
    """Yield batches of windows of similar length, each of at most `max_tokens` with padding.

    A window longer than `max_tokens` is a batch of its own. A batch that has `enough_tokens` takes
    none that would be padded by more than a tenth. Longest first, so that a batch that doesn't fit
    into memory fails at once.
    """
    members: list[int] = []
    longest = 0
    for place in sorted(range(len(windows)), key=lambda place: -len(windows[place].ids)):
        full = (len(members) + 1) * longest > max_tokens
        enough = len(members) * longest >= enough_tokens
        if members and (full or (enough and len(windows[place].ids) < _ALIKE * longest)):
            yield _batch(windows, members, pad_id)
            members = []
        longest = longest if members else len(windows[place].ids)
        members.append(place)
    if members:
        yield _batch(windows, members, pad_id)


def padded(windows: Sequence[Window], pad_id: int, multiple: int = 1) -> Batch:
    """Return one batch of all these windows, in their order, its tokens a multiple of a number."""
    return _batch(windows, list(range(len(windows))), pad_id, multiple)


def _batch(windows: Sequence[Window], members: list[int], pad_id: int, multiple: int = 1) -> Batch:
    longest = max(len(windows[place].ids) for place in members)
    shape = (len(members), -(-longest // multiple) * multiple)
    ids = np.full(shape, pad_id, dtype=np.int64)
    type_ids = np.zeros(shape, dtype=np.int64)
    mask = np.zeros(shape, dtype=np.int64)
    for row, place in enumerate(members):
        length = len(windows[place].ids)
        ids[row, :length] = windows[place].ids
        type_ids[row, :length] = windows[place].type_ids
        mask[row, :length] = 1
    return Batch(members, ids, type_ids, mask)


def _parts(tokens: int, room: int, step: int) -> Iterator[tuple[int, int]]:
    """Yield half-open ranges of at most `room` tokens, `step` apart, that cover all `tokens`.

    >>> list(_parts(10, room=6, step=4))
    [(0, 6), (4, 10)]
    """
    if tokens == 0:
        return
    for first in range(0, max(tokens - room, 0) + step, step):
        yield first, min(first + room, tokens)
        if first + room >= tokens:
            return


def _template(
    tokenizer: Tokenizer, of: str | Path
) -> tuple[_Tokens, _Tokens, _Tokens, tuple[int, int]]:
    """Return what stands before, between and after two texts, and the type id of each text."""
    probe = tokenizer.encode("is", "is")
    texts = np.array([-1 if text is None else text for text in probe.sequence_ids])
    first, second = np.flatnonzero(texts == 0), np.flatnonzero(texts == 1)
    if not first.size or not second.size or first[0] == 0:
        raise ModelError(
            f"the tokenizer of {of} has no template for a question and a context that begins with "
            "a special token; a reader needs one, such as [CLS] question [SEP] context [SEP]: copy "
            "tokenizer.json from the model's source"
        )
    edges = [(0, first[0]), (first[-1] + 1, second[0]), (second[-1] + 1, len(texts))]
    prefix, middle, suffix = (
        _Tokens(np.array(probe.ids[a:b], np.int64), np.array(probe.type_ids[a:b], np.int64))
        for a, b in edges
    )
    return prefix, middle, suffix, (probe.type_ids[first[0]], probe.type_ids[second[0]])


def _of_type(ids: IntArray, type_id: int) -> _Tokens:
    return _Tokens(ids, np.full(len(ids), type_id, dtype=np.int64))


def _join(parts: Sequence[_Tokens]) -> _Tokens:
    return _Tokens(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.type_ids for part in parts]),
    )
