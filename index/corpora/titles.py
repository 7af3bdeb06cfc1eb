"""Cleans titles, names of journals, and headings of what else stood on their page."""

import re
from bisect import insort
from collections.abc import Sequence
from itertools import pairwise

from index.corpora.cleaning import clean

_SPACES = re.compile(r"\s+")
_BEFORE_TITLE = re.compile(
    r"""^(?:(?i:TITLE\ PAGE\W+(?:Title:?\s+)? | (?:(?:full|short)\ )?title:\s* | running\ title:\s*)
      | P\ a\ g\ e\s+ | D\ R\ A\ F\ T\s+ | (?:Title|TITLE)\s+(?=[A-Z][a-z]+[\ -])
      | Article\ type:.{0,40}?\ Title:\s+
      | Original\ (?:Article|investigation)\b:?\s+(?=[A-Z]))(?=\w)""",
    re.VERBOSE,
)
_AFTER_TITLE = re.compile(
    r"""\s+[*#]?\s*(?:
        (?i:(?:(?:Short\ )?Running\ (?:title|head) | Short\ title | Corresponding\ aut\w*
          | Word\ count | List\ of\ authors)\b)
      | (?:Authors?|AUTHORS)['’]?(?:$|:|\ \(|\ names?\b|\ and\ (?:contributions|affiliations)
                       |\ Contributions|\ summary)
      | Affiliations?(?:$|:) | (?:Abbreviations|Keywords)\b(?:$|:|(?=\ [A-Z])) | A\ PREPRINT\b
      | (?:One\ Sentence\ Summary|Summary\ sentence): | Correspondence\ to\b | Introduction$)""",
    re.VERBOSE,
)
_NUMBER_ALONE = re.compile(r"(?<!\S)[1-9]\d?(?!\S| %)")
_LAST_NUMBERS = re.compile(r"(?:\d{1,3}\s+)+")  # of a reversed title
_SHORTEST_LINE = 12  # characters between two numbers of lines in a title
_SHORTEST_HEAD = 5  # words that are left of a title
_ISSUE = re.compile(r"\.\s+(?:19|20)\d\d(?:\s+[A-Z][a-z]{2}\b.*)?$")  # of a whole citation
_SPOILT_PLACE = re.compile(r"(?<=[a-z])[(1](?=[A-Z][a-z]+\)$)")
_HEADING_NUMBERS = re.compile(
    r"^\d{1,2}(?:\.\d{1,2})*(?=[A-Z][a-z])"  # 2.1Methods
    r"|^(?:\d{1,3}(?:\.\d{1,2})*[\s.:;|)]+)+"  # 2.1. Methods
)
_LAST_LINE_NUMBERS = re.compile(r"(?:\d{1,4}\s+)+")  # Methods 112: of a reversed heading
_LONGEST_TITLE = 5_000  # characters that are looked at, likewise below
_LONGEST_HEADING = 2_000


def clean_title(text: str) -> str:
    """Return a clean title without what else stood on its page.

    >>> clean_title("TITLE PAGE Title: Masks in three hospital wards Running title: Masks")
    'Masks in three hospital wards'
    >>> clean_title("Title 1 Masks in three wards of 2 one hospital in winter 3 4 Authors 5")
    'Masks in three wards of one hospital in winter'
    """
    text = _BEFORE_TITLE.sub("", _without_numbered_lines(clean(text[:_LONGEST_TITLE])))
    title = _AFTER_TITLE.split(text, maxsplit=1)[0].rstrip()
    return _without_numbered_lines(title) if len(title.split()) >= _SHORTEST_HEAD else text


def _without_numbered_lines(title: str) -> str:
    """Return a title without the numbers of its page's lines, two at least that rise by one.

    Two of them stand side by side, as of lines without text, or the last one ends the title.
    """
    runs: list[list[re.Match[str]]] = []
    ending: dict[int, list[int]] = {}  # by their last number: the places of runs, ascending
    for number in _NUMBER_ALONE.finditer(title):
        value = int(number[0])
        if before := ending.get(value - 1):
            run = before.pop()
            runs[run].append(number)
        else:
            run = len(runs)
            runs.append([number])
        insort(ending.setdefault(value, []), run)
    lines = {n.span() for run in runs if _are_of_lines(run, title) for n in run}
    if not lines:
        return title
    rest = _NUMBER_ALONE.sub(lambda n: "" if n.span() in lines else n[0], title)
    return _SPACES.sub(" ", _without_end(_LAST_NUMBERS, rest)).strip()


def _without_end(backwards: re.Pattern[str], text: str) -> str:
    """Return a text without its end, which a pattern finds from behind: from each place is slow."""
    found = backwards.match(text[::-1])
    return text[: len(text) - found.end()] if found else text


def _are_of_lines(run: Sequence[re.Match[str]], title: str) -> bool:
    gaps = [after.start() - before.end() for before, after in pairwise(run)]
    ends = run[-1].end() == len(title) and all(gap >= _SHORTEST_LINE for gap in gaps)
    return bool(gaps) and (ends or min(gaps) == 1)


def clean_journal(text: str) -> str:
    """Return the name of a journal: what follows it in a citation goes, a place has its bracket.

    >>> clean_journal("Lancet. 2020 Mar 11. pii: S0140-6736(20)30566-3. doi:")
    'Lancet'
    >>> clean_journal("Medicine1Baltimore)"), clean_journal("Rev. Assoc. Med. Bras. (1992)")
    ('Medicine (Baltimore)', 'Rev. Assoc. Med. Bras. (1992)')
    """
    return _SPOILT_PLACE.sub(" (", _ISSUE.sub("", clean(text[:_LONGEST_TITLE])))


def clean_heading(heading: str) -> str:
    """Return a section heading without watermarks and numbering, or "" if no word is left.

    >>> clean_heading("2.1. 2019-nCoV and COVID-19:"), clean_heading("RESULTS 112")
    ('2019-nCoV and COVID-19', 'RESULTS')
    """
    heading = _HEADING_NUMBERS.sub("", clean(heading[:_LONGEST_HEADING]).strip(" .:;|"))
    heading = _without_end(_LAST_LINE_NUMBERS, heading).strip(" .:;|")
    letters = sum(character.isalpha() for character in heading)
    return heading if letters > 1 and not re.fullmatch(r"[ivxIVX]+", heading) else ""
