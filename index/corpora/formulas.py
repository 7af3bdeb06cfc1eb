r"""Makes plain text of LaTeX, and removes characters that figures and formulas left one by one."""

import re
from collections.abc import Sequence

_DOCUMENT = re.compile(  # PMC's parses have it before the formula's own text
    r"\\documentclass\b(?:(?!\\documentclass\b).)*?\\end\{document\}", re.DOTALL
)
_INLINE = re.compile(
    r"(?:(?<!\w)\$|\$(?=[\\^]))(?=[^$\n]{0,60}[\\^_]|[A-Za-z]\$)(?!\s)"
    r"((?:(?![a-z]{2,80}+ [a-z]{2})[^$\n]){1,80})(?<!\s)\$"
)
_PERCENT = re.compile(r"(?<=\d)\\%")
_COMMAND = re.compile(r"\\([A-Za-z]+|[%&#_,])\s?")
_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
    *("lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "varsigma", "sigma", "tau", "upsilon"),
    *("phi", "chi", "psi", "omega"),
)
_SIGNS = {
    **{name: chr(ord("α") + place) for place, name in enumerate(_GREEK)},
    **{name.capitalize(): chr(ord("Α") + place) for place, name in enumerate(_GREEK)},
    **{sign: sign for sign in "%&#_"},
    **dict(zip(("sim", "approx", "times", "cdot", "pm", "infty"), "~≈×·±∞", strict=True)),
    **dict(zip(("leq", "geq", "le", "ge", "neq"), "≤≥≤≥≠", strict=True)),
    **dict.fromkeys((",", "mathrm", "mathbf", "mathit", "mathcal", "text", "textit", "rm"), ""),
}
_OF_FORMULAS = frozenset("=<>≤≥−,;")
_LONGEST = 100  # characters of a formula; a longer one is no use
_MOST_LETTERS = 0.7  # of them; where it is more, words have come apart
_CHARACTER = r"[^\s\u0600-\u1cff\u3040-\ud7ff\uf900-\ufaff]"  # of a script that has words of many
_RUN = re.compile(
    rf"(?<!\S)(?!\S[.:;]\s)(?>[^\w\s]?({_CHARACTER})\1{{0,9}}[^\w\s]?(?:\s+|\Z)){{30,}}+"
)
"""At least 30 characters by themselves, or each some times ("qq"), beside a mark ("-C", "u,")."""


def without_formulas(text: str) -> str:
    r"""Return `text` without LaTeX and without long runs of single characters.

    A formula keeps the text that it has besides, or what LaTeX can be read as.

    >>> without_formulas(r"where \documentclass[12pt]{minimal} \end{document}N=2 and $R_0 \sim 2$")
    'where  N=2 and R_0 ~2'
    >>> without_formulas("Daily cases. " + "q " * 90 + "They fell.")
    'Daily cases.  They fell.'
    """
    if "\\" in text:
        text = _PERCENT.sub("%", _DOCUMENT.sub(" ", text))
    if "$" in text:
        text = _INLINE.sub(lambda formula: _read(formula[1]), text)
    return _RUN.sub(lambda run: run[0] if _is_formula(run[0].split()) else " ", text)


def _is_formula(characters: Sequence[str]) -> bool:
    """Tell whether a run is one that authors wrote: "y = (S h , I h , R h)"."""
    letters = sum(character.strip("(),.;|").isalpha() for character in characters)
    return (
        len(characters) < _LONGEST
        and letters < _MOST_LETTERS * len(characters)
        and not _OF_FORMULAS.isdisjoint(characters)
    )


def _read(formula: str) -> str:
    plain = _COMMAND.sub(lambda found: _SIGNS.get(found[1], found[0]), formula)
    return plain.replace("{", "").replace("}", "")
