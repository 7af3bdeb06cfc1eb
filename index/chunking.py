"""Cuts a section's text into passages: whole sentences, about 120 words, a sentence of overlap."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from index.words import count_words, word_spans

_BEFORE_MORE = re.compile(  # abbreviations that no sentence ends with
    r"\b(?:Figs?|Tab|Refs?|Eqs?|Nos?|vs|cf|e\.g|i\.e|approx|ca|resp|Dr|Prof|Mr|Mrs|Ms|St|Vol|vol|pp"
    r"|eds?|var|Suppl|viz|incl|excl)\.$"
)
_AT_END = re.compile(  # those that a sentence may end with: a new one must clearly begin
    r"(?:\b(?P<plain>etc|min|max|spp|Inc|Ltd)"
    r"|(?P<unit>(?:[°º] ?|\d )[CFKLMVW])"
    r"|\b(?:al|sp|Co|Corp|temp|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|U\.S|U\.K|[A-Z]))\.$"
)
_SENTENCE = re.compile(r"""\s+["“(\[]?[A-Z][a-z]*,? (?!(?:et|and)\b)[a-z]""")
_FIRST_WORD = re.compile(  # of a sentence, and nobody's name
    r"""\s+["“(\[]?(?:
        A\ (?=[a-z])
      | (?:Also|Finally|First|Further|Here|Lastly|Next|Now|Second|Third|[A-Z][a-z]+ly),
      | (?:After|Although|All|Among|An|Another|Any|As|At|Because|Before|Besides|Both|But|By|Compared
        |Considering|Data|Despite|Due|During|Each|Either|For|Four|From|Furthermore|Given|He|Hence|Here
        |However|If|In|Indeed|Instead|It|Its|Likewise|Many|Moreover|Most|Nevertheless|No|None|Not|Of
        |On|One|Only|Other|Others|Our|Overall|Patients|Prior|Regarding|Results|Several|She|Since|Some
        |Such|That|The|Their|Then|There|Therefore|These|They|This|Those|Three|Thus|To|Together|Two
        |Under|Unlike|Until|Upon|Using|We|What|When|Where|Whereas|Whether|Which|While|With|Within
        |Without|Yet),?\ (?!(?:et|and)\b|&)
    )""",
    re.VERBOSE,
)
_MARK = re.compile(r"\s{0,9}\d{1,2}")
_BOUNDARY = re.compile(
    r"""[.!?。！？]["'”’)\]]*                               # closing marks
        (?:\ ?\[?\d{1,3}(?:[,–-]\ ?\d{1,3})*\]?          # citations: 27, [3,5-7], [1] [2]
           (?:(?:\ |\ ?\[)\d{1,3}(?:[,–-]\ ?\d{1,3})*\]?){0,8})?
        (?=\s*\Z|\s+["'“‘(\[]?[A-Z0-9À-ÖØ-ÞΑ-ΩА-Я])      # the end, or the next sentence
      | [。！？]["”’)\]」』）]* | \n+""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Chunker:
    """How a text is cut.

    `words`: a passage is closed before it would grow past this many words.
    `overlap`: so many sentences begin a passage again that ended the one before.
    `longest_sentence`: a sentence with more words (a table, a list) is cut at that length.
    `characters`: no passage has more, white space among them; only text that nobody wrote would.

    Words are those of `index.words`, of 100 characters at most.
    """

    words: int = 120
    overlap: int = 1
    longest_sentence: int = 120
    characters: int = 13_000

    @property
    def name(self) -> str:
        """What identifies the way of cutting, for the index's manifest."""
        return f"sentences/{self.words}w/{self.overlap}s/v5"

    def chunks(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the half-open code point ranges of the passages of `text`, in order.

        Every range begins and ends with a character that is not white space. Ranges overlap by
        `overlap` sentences, unless those sentences alone would fill half a passage.
        """
        sentences = list(self._bounded_sentences(text))
        lengths = [count_words(text[start:end]) for start, end in sentences]
        first = 0
        while first < len(sentences):
            last, total = first, lengths[first]
            longest = sentences[first][0] + self.characters
            while (
                last + 1 < len(sentences)
                and total + lengths[last + 1] <= self.words
                and sentences[last + 1][1] <= longest
            ):
                last += 1
                total += lengths[last]
            yield sentences[first][0], sentences[last][1]
            if last + 1 == len(sentences):
                return
            repeat = min(self.overlap, last - first)
            while repeat and sum(lengths[last + 1 - repeat : last + 1]) > self.words // 2:
                repeat -= 1
            following = last + 1 - repeat
            if (  # no room for anything new
                sum(lengths[following : last + 2]) > self.words
                or sentences[last + 1][1] - sentences[following][0] > self.characters
            ):
                following = last + 1
            first = following

    def _bounded_sentences(self, text: str) -> Iterator[tuple[int, int]]:
        for start, end in sentences(text):
            words = word_spans(text[start:end])
            at = 0
            while at < len(words):
                piece = words[at : at + self.longest_sentence]
                while len(piece) > 1 and piece[-1][1] - piece[0][0] > self.characters:
                    piece.pop()
                yield start + piece[0][0], start + piece[-1][1]
                at += len(piece)


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield the half-open code point ranges of the sentences of `text`, trimmed of white space.

    >>> text = "R0 was high (Li et al. 2020). It fell later."
    >>> [text[a:b] for a, b in sentences(text)]
    ['R0 was high (Li et al. 2020).', 'It fell later.']
    """
    start = counted = open_brackets = 0
    for boundary in _BOUNDARY.finditer(text):
        if boundary[0][0] == ".":
            stop = boundary.start()
            open_brackets += text.count("(", counted, stop) - text.count(")", counted, stop)
            counted = stop
            if _goes_on(text, start, boundary, inside=open_brackets > 0):
                continue
        yield from _trimmed(text, start, boundary.end())
        start = counted = boundary.end()
        open_brackets = 0
    yield from _trimmed(text, start, len(text))


def _goes_on(text: str, start: int, boundary: re.Match[str], *, inside: bool) -> bool:
    """Tell whether a full stop ends no sentence: that of an abbreviation or a number.

    A number that is all there is of a sentence is the mark of a list or of references ("1. Masks
    help"). Numbers have lost their way as "(41. 5%)" only `inside` brackets: elsewhere a sentence
    may begin with one.
    """
    stop = boundary.start()
    before = text[max(start, stop - 12) : stop + 1]
    if _BEFORE_MORE.search(before):
        return True
    if short := _AT_END.search(before):
        return not _begins(text, boundary.end(), any_word=bool(short["plain"] or short["unit"]))
    if _MARK.fullmatch(text, start, stop):
        return True
    if not text[stop - 1 : stop].isdigit():
        return False
    return text[stop + 1 : stop + 2].isdigit() or (inside and text[stop + 2 : stop + 3].isdigit())


def _begins(text: str, place: int, *, any_word: bool) -> bool:
    """Tell whether a sentence clearly begins: by a word that begins many ("vitamin D. The ...").

    With `any_word` any capital word will do that one in lower case follows.
    """
    return bool(_FIRST_WORD.match(text, place) or (any_word and _SENTENCE.match(text, place)))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        begin = start + len(piece) - len(piece.lstrip())
        yield begin, begin + len(stripped)
