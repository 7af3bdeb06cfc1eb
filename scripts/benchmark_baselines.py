"""The usual ways to read passages, to compare with: the same weights, the same passages (torch)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from models import pretrained  # noqa: F401 - with it no progress bars
from models.contracts import Span
from scripts.haystack_client import Range

_WINDOW = 384  # tokens
_STRIDE = 128


class PlainReading:
    """The model as transformers gives it, in single precision, its best span by the logits."""

    def __init__(self, folder: Path) -> None:
        """Load tokenizer and model."""
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model: Any = AutoModelForQuestionAnswering.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True
        ).eval()

    def one_at_a_time(self, question: str, passages: Sequence[str]) -> list[Range]:
        """Read in a loop over the passages."""
        return [self._read(question, [passage], padding=False)[0] for passage in passages]

    def one_padded_batch(self, question: str, passages: Sequence[str]) -> list[Range]:
        """Read all in one batch of windows that are padded to their full length."""
        return self._read(question, passages, padding="max_length")

    @torch.inference_mode()
    def _read(self, question: str, passages: Sequence[str], *, padding: str | bool) -> list[Range]:
        """Read padded windows in one batch, and others one by one."""
        encoded = self._tokenizer(
            [question] * len(passages),
            list(passages),
            padding=padding,
            truncation="only_second",
            max_length=_WINDOW,
            stride=_STRIDE,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        of_passage = encoded.pop("overflow_to_sample_mapping")
        offsets = encoded.pop("offset_mapping")
        windows = range(len(of_passage))
        best: list[tuple[float, Range]] = [(-float("inf"), (0, 0))] * len(passages)
        for batch in [list(windows)] if padding else [[window] for window in windows]:
            output = self._model(
                **{name: torch.tensor([rows[w] for w in batch]) for name, rows in encoded.items()}
            )
            for window, start, end in zip(
                batch, output.start_logits, output.end_logits, strict=True
            ):
                found = self._best(start, end, encoded.sequence_ids(window), offsets[window])
                best[of_passage[window]] = max(best[of_passage[window]], found)
        return [where for _, where in best]

    @staticmethod
    def _best(
        start: torch.Tensor,
        end: torch.Tensor,
        texts: list[int | None],
        offsets: list[tuple[int, int]],
    ) -> tuple[float, Range]:
        inside = torch.tensor([text == 1 for text in texts])
        allowed = (inside[:, None] & inside[None, :]).triu()  # an end is not before its start
        scores = (start[:, None] + end[None, :]).masked_fill(~allowed, -torch.inf)
        first, last = divmod(int(scores.argmax()), len(end))
        where = offsets[first][0], offsets[last][1]
        return float(scores[first, last] - start[0] - end[0]), where


def ours(spans: Sequence[Span]) -> list[Range]:
    """Return where the answers of one of our readers are."""
    return [(span.start, span.end) for span in spans]


def agreement(ranges: Sequence[Range], others: Sequence[Range]) -> float:
    """Return the share of passages in which both mark text in common, of those that both mark.

    >>> agreement([(0, 5), (3, 9), (0, 0)], [(4, 8), (9, 12), (1, 2)])
    0.5
    """
    pairs = [(a, b) for a, b in zip(ranges, others, strict=True) if a[1] > a[0] and b[1] > b[0]]
    same = sum(a[0] < b[1] and b[0] < a[1] for a, b in pairs)
    return same / len(pairs) if pairs else 1.0
