"""Removes from papers' text what their authors did not write: watermarks, tags, front matter.

The phrases are those that bioRxiv and medRxiv print on every page of a preprint and that
PDF extraction scatters through the paragraphs, in any order and often cut in pieces.
"""

import re
from bisect import insort
from collections.abc import Sequence
from itertools import dropwhile, pairwise

from index.corpora.characters import visible
from index.corpora.formulas import without_formulas
from index.corpora.line_numbers import without_line_numbers
from index.corpora.markup import plain

_DOI = (
    r"(?:doi:\s*)?https?:\ ?//(?:dx\.)?doi\.org\ ?/\ ?10\.1101/[\d.\ ]*\d"
    r"(?:\ //doi\.\S{0,100}+){0,9}+"
)
_UNREVIEWED = r"which\ was\ not\ (?:peer-?reviewed|certified\ by\ peer\ review)"
_ANCHOR = rf"""(?:                        # what only a watermark says
    (?:All\ rights\ )?reserved\.?\ No\ reuse\ allowed\ without\ permission
  | \({_UNREVIEWED}\) | peer-reviewed\)\ \(which\ was\ not
  | The\ copyright\ holder\ (?:for|has\ placed)\ this\ preprint
      (?:\ \({_UNREVIEWED}\))?
      (?:\ is(?:\ the(?=\s*(?:\.|https?:|author/funder|The\ copyright)))?)?
  | author/funder(?:,\ who\ has\ granted\ (?:bio|med)Rxiv\ a\ license\ to\ display
      \ the\ preprint\ in\ perpetuity)?
  | ,\ who\ has\ granted\ (?:bio|med)Rxiv\ a\ license | to\ display\ the\ preprint\ in\ perpetuity
  | CC-BY(?:-NC)?(?:-ND|-SA)?\ \d\.\d\ International\ license
  | (?:CC-BY(?:-NC)?(?:-ND|-SA)?\ \d\.\d\ |{_DOI}\ )?(?:\bdoi)?:\ (?:bio|med)Rxiv\ preprint(?:\ /)?
  | ^(?:bio|med)Rxiv\ preprint\b
  | This\ article\ is\ a\ US\ Government\ work\.
      (?:\ It\ is\ not\ subject\ to\ copyright\ under\ 17\ USC\ 105
      (?:\ and\ is\ also\ made\ available)?)?
  | for\ use\ under\ a\ CC0\ license
)"""
_BETWEEN = rf"""(?:                       # what belongs to a watermark only beside such words
    It | is\ made\ available\ under\ a | is | the | a | license | {_DOI}
  | (?:this\ version|first)\ posted\ (?:online\ )?\w+\.?\ \d{{1,2}},\ \d{{4}}
)"""
_WATERMARK = re.compile(
    rf"(?:\b(?:(?:It\ )?is\ made\ available\ under\ a|is\ the|is|It)\s+)?{_ANCHOR}"
    rf"(?:[\s.,;]*(?:{_BETWEEN}[\s.,;]+)*{_ANCHOR})*"
    rf"(?:[\s.]*(?:It\ )?is\ made\ available\ under\ a\b|[\s.]*{_DOI})?"
    r"(?:\s*\b(?:It|is\ the)(?=\s*\.))?(?:[\s]*\.(?!\d))*",
    re.VERBOSE,
)
_SIGNS = ("preprint", "reserved", "author/funder", "license", "reviewed)", "US Government")
_CUT_DOI = r"""(?:                          # an address of such a preprint that has come apart
    (?:https?:\ //doi\.org/|https?://doi\.org\ /|https?://doi\.\ org/)10\.1101(?:/[\d.]*\d)?
  | https?://doi\.org/10\.\ 1101(?:/[\d.]*\d)? | https?://doi\.org/10\.(?=\s*$)
  | (?<!:)(?<!:\ )//doi\.org/10\.(?=\s)
)(?:\ ?(?:(?://doi\.)?org)?/10\.(?=\s)|\ /\d{4,6}\b|\ \.\d\d(?:\.\d+)+)*"""
_CUT_DOIS = re.compile(
    rf"(?P<before>[\s.]{{0,6}}){_CUT_DOI}"
    rf"(?:[\s.]{{1,6}}(?:the\ )?{_CUT_DOI})*(?P<after>[\s.]{{0,6}})",
    re.VERBOSE,
)
_STRAY_STOP = re.compile(  # where a watermark, or the end of a page, was
    r"(?<=[a-z)\],] )"
    r"(the|of|and|an?|in|to|with|for|by|from|that|on|at|as|or|is|are|was|were) ?\.\s+(?=[a-z])"
)
_DEGREES = re.compile(r"(?<=\d) ?[o•º˚] ?(?=[CF]\b)")
_AT_MOST = re.compile(r"\[[<‹] ?=\]|[<‹] ?=(?=\s?-?[\d.])")
_AT_LEAST = re.compile(r"\[[>›] ?=\]|[>›] ?=(?=\s?-?[\d.])")
_POINTLESS = re.compile(  # statistics whose decimal points are lost
    r"\bp ?[<=>] ?0 \d{2,4}\b|\b(?:CI|IQR)\W{0,2} \d+ \d+ ?[-–] ?\d+ \d+"
)
_POINT = re.compile(r"\d[.·]\d")
_LOST_POINT = re.compile(
    r"(?<![\w.,])(?<![^\W\d]-)(?<!\d )(?:0(?= \d{1,4}\b)|\d{1,3}(?= \d{1,2}\b)) (?!\d+ \d)"
)
_NAMED = re.compile(  # R. M. Bateman, or J. Vieira Jr,
    r"\b(?:[A-Z]\.[ -]?){1,3} ?(?:(?:de|van|von|der|da|la|le|di|el|al|dos|den) )*"
    r"[A-Z][\w'’-]+(?: (?:[A-Z][\w'’-]+|Jr))?(?:,|;|$|[A-Z]?\d|(?=[A-Z]))"
)
_TIMES = re.compile(r"[0-2]\d[.:][0-5][05] ?[‐–-] ?[0-2]\d[.:][0-5][05](?!\d)")
_FEWEST_LISTED = 8  # names or times
_WORDS_A_NAME = 8  # for each name at most, the titles of what they wrote among them
_WORDS_A_TIME = 40  # for each time
_AUTHORS = re.compile(  # and their addresses, before the first label of an abstract
    r"(?:(?:[A-ZÀ-Ž]{1,3}|[A-Z]-[A-Z])(?: [A-ZÀ-Ž][\w'’-]{1,60}){1,9}"
    r"(?<=\d)(?<! [A-ZÀ-Ž]\d)(?:,\d{1,3}){0,20}, |\d[A-Z])"
    r"[^:]{0,2500}?(?=\b(?:Background|Introduction|Objectives?|Aims?|Purpose|Methods): )"
)
_BACK_MATTER = re.compile(
    r"""(?:financial\ )?disclosures?(?:\ statement)? | financial\ support(?:\ and\ sponsorship)?
      | (?:role\ of\ the\ )?funding(?:\ (?:source|statement|information))? | sources?\ of\ funding
      | authors?['’]?s?['’]?\ contributions? | (?:funding\ ?&\ ?)?acknowledge?ments?
      | (?:declarations?\ of\ )?(?:conflicts?(?:\ of)?|conflicting|competing)\ interests?
        (?:\ (?:statement|declaration|disclosure))?
      | declarations?\ of\ interests?(?:\ statement)? | consent\ for\ publication""",
    re.VERBOSE | re.IGNORECASE,
)
_THANKS = re.compile(
    r"\b(?:thank|grateful|gratitude|acknowledg|fund|grant|support|sponsor|declare|competing|conflict"
    r"|disclos|contribut|employ|financial|fees|honorari|wrote|drafted|read and approved"
    r"|conceived|designed|not applicable|none\b)",
    re.IGNORECASE,
)
_LEGEND = re.compile(r"\b(?:Fig(?:ure)?s?\b|Table)")
_SPACES = re.compile(r"\s+")
_SPACED_OPEN = re.compile(r"(?<=[(\[]) (?=\S)")
_SPACED_CLOSE = re.compile(r"(?<=\S) (?=[)\]])|(?<=[a-z)\]]) (?=[,;.](?:\s|$))")
_SPACED_DECIMAL = re.compile(r"(?<=[=<>(,–-] )(\d{1,2}) \. (\d{1,3})(?![\d.])")
_NAMES = (
    "Background|Introduction|Objectives?|Aims?|Purpose|Methods?|Design|Results?|Findings"
    "|Conclusions?|Interpretation|Importance|Significance"
)
_LABEL = f"(?:{_NAMES}|{_NAMES.upper()})"
_ABSTRACT = re.compile(r"^(?:Abstract|ABSTRACT)(?:[\s:.)]+(?=[A-Z0-9])|(?=[A-Z][a-z]))")
_JOINED_SENTENCE = re.compile(rf"(?<=[\w)\]%])\.(?={_LABEL}(?:[A-Z:]|\ [A-Z]))")
_JOINED_LABEL = re.compile(rf"(?:(?<=\.\ )|^)({_LABEL})(?=[A-Z][a-z])")
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

_SHORTEST_TITLE = 20  # characters; a shorter one may be how the text itself begins


def clean(text: str) -> str:
    """Return `text` without watermarks and control characters, white space runs as one space.

    Markup becomes plain text (`index.corpora.markup`); the white space that an extraction left
    beside brackets, before marks and within decimal numbers goes.

    >>> clean("R 0 = 2 . 6 ( 95 % CI, 2 . 4 - 2 . 8 ) in P&#x000e4;diatrie&nbsp; [3] .")
    'R 0 = 2.6 (95 % CI, 2.4 - 2.8) in Pädiatrie [3].'
    """
    text = without_formulas(visible(plain(text)))
    if any(sign in text for sign in _SIGNS):
        text = _WATERMARK.sub(" ", text)
    text = _SPACES.sub(" ", text).strip()
    if "doi" in text:
        text = _CUT_DOIS.sub(_without_doi, text).strip()
    text = _SPACED_CLOSE.sub("", _SPACED_OPEN.sub("", text))
    text = _SPACED_DECIMAL.sub(r"\1.\2", text)
    return _AT_LEAST.sub("≥", _AT_MOST.sub("≤", _DEGREES.sub("°", text)))


def _without_doi(cut: re.Match[str]) -> str:
    """Return what stays of an address that came apart: a full stop where a sentence ends."""
    ends = "." in cut["before"] + cut["after"] and not cut.string[cut.end() :][:1].islower()
    return ". " if ends and cut.start() else " "


def clean_abstract(text: str) -> str:
    """Return a clean abstract without line numbers and the word it begins with.

    The labels of its parts, which lose their white space where lines are joined, get it again.

    >>> clean_abstract("Abstract BackgroundMasks help.MethodsWe looked.RESULTS: They do.")
    'Background: Masks help. Methods: We looked. RESULTS: They do.'
    """
    text = _ABSTRACT.sub("", without_line_numbers([clean(text)])[0])
    text = _JOINED_LABEL.sub(r"\1: ", _JOINED_SENTENCE.sub(". ", text))
    return _with_decimal_points(without_stray_stops(text))


def without_stray_stops(text: str) -> str:
    r"""Return `text` without full stops that a watermark or a page's end left within a sentence.

    >>> without_stray_stops("They found the.\nseverity increased, as was. shown.")
    'They found the severity increased, as was shown.'
    """
    return _STRAY_STOP.sub(r"\1 ", text)


def _with_decimal_points(text: str) -> str:
    """Return `text` with the decimal points that a database lost, if it has lost all of them.

    >>> _with_decimal_points("20 0 days (IQR 17 0-24 0), 18 4% of 3 046 (p=0 0043)")
    '20.0 days (IQR 17.0-24.0), 18.4% of 3 046 (p=0.0043)'
    """
    if not _POINTLESS.search(text) or _POINT.search(text):
        return text
    return _LOST_POINT.sub(lambda found: found[0][:-1] + ".", text)


def is_back_matter(heading: str, paragraph: str) -> bool:
    """Tell whether a paragraph thanks, declares interests or tells who did what.

    In parses of PDFs legends and appendices follow under the same heading: they are none.

    >>> is_back_matter("Funding", "None."), is_back_matter("Funding", "Figure 1 was funded.")
    (True, False)
    """
    return (
        bool(_BACK_MATTER.fullmatch(heading))
        and bool(_THANKS.search(paragraph))
        and not _LEGEND.search(paragraph)
    )


def is_contents(text: str) -> bool:
    """Tell whether a text is the contents of a book of abstracts: names, or times of day.

    >>> is_contents("P1 - Masks in wards A. B. Ahn, C. Lee, D. van Os " * 4)
    True
    >>> is_contents("15.55-16.10 Masks in wards, and how they are worn " * 8)
    True
    """
    words = len(text.split())
    return any(
        len(found) >= _FEWEST_LISTED and words <= most * len(found)
        for found, most in (
            (_NAMED.findall(text), _WORDS_A_NAME),
            (_TIMES.findall(text), _WORDS_A_TIME),
        )
    )


def without_authors(text: str) -> str:
    """Return a section of a book of abstracts without the authors whom it begins with.

    >>> without_authors("O Khan1, F Bao1,2 1Wayne State University, 2Other Background: Masks.")
    'Background: Masks.'
    """
    found = _AUTHORS.match(text)
    return text[found.end() :] if found else text


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


def without_title(paragraphs: Sequence[str], title: str) -> list[str]:
    """Return the paragraphs without the front matter that a parse put before the first sentence.

    Front matter is the title itself and short leading paragraphs of addresses or identifiers.
    """
    rest = list(paragraphs)
    if rest and len(title) > _SHORTEST_TITLE and rest[0][: len(title)].lower() == title.lower():
        rest[0] = rest[0][len(title) :].lstrip(" .:")
    return list(dropwhile(lambda text: not text or _is_front_matter(text), rest))


_FRONT_MATTER = re.compile(
    r"\bdoi:|https?://|@\w+\.|corresponding author|\be-?mail|^\W*(?:abstract|keywords?)\W*$"
    r"|^(?:\W*author for |address for |\W*)correspondence(?: to)?\s*:"
    r"|^(?:authors?|affiliations?|received|accepted|published|sha|license|date)\s*:",
    re.IGNORECASE,
)
_LONGEST_FRONT_MATTER = 40  # words; a longer paragraph is text that mentions such a thing


def _is_front_matter(paragraph: str) -> bool:
    return len(paragraph.split()) <= _LONGEST_FRONT_MATTER and bool(_FRONT_MATTER.search(paragraph))
