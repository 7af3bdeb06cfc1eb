"""Removes the watermarks of preprints from papers' text.

The phrases are those that bioRxiv and medRxiv print on every page of a preprint and that
PDF extraction scatters through the paragraphs, in any order and often cut in pieces.
"""

import re

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
_SPACES = re.compile(r"\s+")


def without_watermarks(text: str) -> str:
    """Return `text` without watermarks and their addresses, white space runs as one space.

    >>> without_watermarks("It stays  in the CC-BY 4.0 International license. air.")
    'It stays in the air.'
    """
    if any(sign in text for sign in _SIGNS):
        text = _WATERMARK.sub(" ", text)
    text = _SPACES.sub(" ", text).strip()
    return _CUT_DOIS.sub(_without_doi, text).strip() if "doi" in text else text


def _without_doi(cut: re.Match[str]) -> str:
    """Return what stays of an address that came apart: a full stop where a sentence ends."""
    ends = "." in cut["before"] + cut["after"] and not cut.string[cut.end() :][:1].islower()
    return ". " if ends and cut.start() else " "
