"""Sets the numbers of citations apart from what they stuck to, where a parse tells which they are.

In print they are superscripts, and a parse joins them to what stands before: "2.2" with references
3 and 24 becomes "2.23,24". A paragraph's `cite_spans` are places of citations in its text, each
with the words there (`text`, in parses of PMC's files `mention`):
https://github.com/allenai/cord19, "Full text".
"""

import re

_NUMBERS = re.compile(r"\d{1,4}(?: ?[,–-] ?\d{1,4})*")
_BETWEEN = re.compile(r" ?[,–-] ?")  # two numbers that are cited together
_STUCK = re.compile(r"[^\s(\[–—/-]\Z")  # what stands before


def with_citations_apart(text: str, cite_spans: object) -> str:
    """Return a paragraph with brackets around the numbers of citations that stuck to a word.

    What is no list of places, or tells other words than the text has there, counts for nothing.

    >>> spans = [{"start": 9, "end": 10, "mention": "3"}, {"start": 11, "end": 13, "mention": "24"}]
    >>> with_citations_apart("It is 2.23,24.", spans)
    'It is 2.2[3,24].'
    """
    pieces: list[str] = []
    done = 0
    for start, end in _runs(text, _places(text, cite_spans)):
        if _STUCK.search(text, max(start - 1, 0), start) and not text[end : end + 1].isalnum():
            pieces += (text[done:start], "[", text[start:end], "]")
            done = end
    return "".join((*pieces, text[done:]))


def _places(text: str, cite_spans: object) -> list[tuple[int, int]]:
    """Return the half-open ranges of the text that are numbers of citations, in order."""
    found = set()
    for span in cite_spans if isinstance(cite_spans, list) else ():
        if isinstance(span, dict):
            start, end = span.get("start"), span.get("end")
            said = span.get("text", span.get("mention"))
            if (
                isinstance(start, int)
                and isinstance(end, int)
                and 0 < start < end <= len(text)
                and isinstance(said, str)
                and len(said) == end - start  # else many long ranges would be copied
                and text[start:end] == said
                and _NUMBERS.fullmatch(text, start, end)
            ):
                found.add((start, end))
    return sorted(found, key=lambda place: (place[0], -place[1]))


def _runs(text: str, places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranges, those joined that only a comma or a dash sets apart."""
    runs: list[tuple[int, int]] = []
    for start, end in places:
        if runs and _BETWEEN.fullmatch(text, runs[-1][1], start):
            runs[-1] = (runs[-1][0], end)
        elif not runs or start >= runs[-1][1]:
            runs.append((start, end))
    return runs
