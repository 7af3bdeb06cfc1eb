"""Marks beside an answer that ask for caution. Simple rules on its sentence; no HTML here.

A rule finds words, it does not understand: docs/user-guide.md says so, and the page shows the word
that a mark is there for.
"""

import re
from dataclasses import dataclass
from re import Pattern


@dataclass(frozen=True, slots=True)
class Rule:
    """What is looked for in a sentence, what the mark is called, and what it means."""

    name: str
    words: Pattern[str]
    meaning: str


@dataclass(frozen=True, slots=True)
class Caution:
    """A mark: its name, the words it is there for (empty for a whole paper), and its meaning."""

    name: str
    words: str
    meaning: str


_AVOIDED = (  # as advice: who washes hands to avoid an infection denies nothing
    r"|\bbe(?: \w+)? avoided\b|(?-i:\bAvoid\b)|\b(?:should|must|please)(?: \w+)? avoid\b"
    r"|\b(?:advised|asked|best|better|important|instructed|necessary|needs?|ought|prudent"
    r"|recommend(?:ed|s)?|told|urged|wise) to avoid\b"
    r"|\bavoid(?:ing|ance)\b(?= [^.,;]{1,80} (?:is|are|was|were)(?: \w+)? (?:advi|recommend))"
)
NEGATION = Rule(
    "Negated",
    re.compile(
        r"\bnot\b(?! (?:only|surprising(?:ly)?|unexpected(?:ly)?)\b)|n['’]t\b"
        r"|\b(?:cannot|never(?![ -]smok)|neither|nor|none)\b"
        r"|\bno\b(?!\.? ?\d)"
        r"|\black of\b|(?<!\bin the )(?<!\bpresence or )\babsence of\b"
        r"|\black(?:s|ed|ing)\b|\bfail(?:s|ed)? to\b|\bunlikely\b|\binsufficient\b"
        r"|\b(?:unable to|incapable of|ruled out|refuted|disprove[dn]|debunked|hardly|impossible)\b"
        r"|\blittle (?:or no )?(?:evidence|effect|benefit)\b|\b(?:is|are|was|were) absent\b"
        r"|\b(?:discourag(?:e[ds]?|ing)|prohibit(?:s|ed|ing|ion)|forbidden|banned)\b"
        r"|(?<!\bunless )\bcontra-?indicat(?:ed|ions?)\b|\brefrain(?:s|ed|ing)? from\b"
        r"|\b(?:recommend|advi[sc]|caution|warn|argu|decid)\w*(?: \w+)? against\b"
        r"|\bineffective\b(?! (?!(?:a[st]|against|and|but|for|in|or|to|when|with)\b)\w)" + _AVOIDED,
        re.IGNORECASE,
    ),
    "The sentence denies something. Read it whole: the marked words may say what is not so.",
)
HEDGE = Rule(
    "Hedged",
    re.compile(
        r"\bmay\b|"  # not the month
        r"(?i:\b(?:might|could|perhaps|maybe|presumably|apparently|possibly|probabl[ey]"
        r"|(?<!\bas )possible|possible(?= \w{4,}s\b)"  # not "as soon as possible"
        r"|(?<!more )(?<!less )likely|potential(?:ly)?|suggest(?:s|ed|ing|ive)?"
        r"|seem(?:s|ed|ingly)?|appear(?:s|ed)? to"
        r"|hypothesi[sz]e[sd]?|speculat(?:e|es|ed|ive)|assum(?:e|es|ed|ing)|believed|thought to"
        r"|unclear|uncertain|unknown|inconclusive|(?:limited|weak|low-quality) evidence)\b)"
    ),
    "The authors do not claim it outright: their words leave room for doubt.",
)
ANIMALS = Rule(
    "Animals",
    re.compile(
        r"\b(?:[Mm]ice|[Mm]ouse|[Mm]urine|[Rr]ats?|[Rr]odents?|[Hh]amsters?|[Ff]errets?|[Mm]inks?"
        r"|[Mm]acaques?|[Mm]onkeys?|[Rr]hesus|[Nn]on-?human primates?|[Rr]abbits?|[Gg]uinea pigs?"
        r"|[Pp]igs?|[Pp]iglets?|[Pp]orcine|[Ss]wine(?! flu\b|-origin\b)|[Ff]eline|[Dd]ogs?"
        r"|[Cc]anine|[Bb]ats?|[Pp]angolins?|[Cc]amels?|[Cc]attle|[Bb]ovine|[Cc]hickens?|[Aa]vian"
        r"|[Zz]ebrafish|[Aa]nimals?|[Cc]ats|[Cc]at(?!\.? ?(?:[#:]|N[o°]|no[.:]|[A-Z]*\d{3})))\b"
        # RAT is a test, CAT a scan, and Cat# of a catalogue
    ),
    "The sentence speaks of animals. What holds for them need not hold for people.",
)
LABORATORY = Rule(
    "Laboratory",
    re.compile(
        r"\b(?i:in[ -]vitro|ex[ -]vivo|in[ -]silico|molecular docking"
        r"|cell (?:cultures?|lines?)|cultured cells|tissue culture)\b"
        r"|\b(?:Vero|Huh-?7|Calu-?3|Caco-?2|HEK ?293\w?)\b"
    ),
    "It was found in cells or by computing, not in people.",
)
CLAIM = Rule(
    "Claimed",
    re.compile(
        r"\b(?:rumou?rs?|rumou?red|alleg(?:ed(?:ly)?|es|ing|ations?)|accus(?:e[sd]?|ing|ations?)"
        r"|myths?|hoax(?:es)?|(?:mis|dis)information|conspirac(?:y|ies)|fake news"
        r"|false(?:ly)? (?:beliefs?|believed?|claims?|information|news|rumou?rs?)"
        r"|claim(?:s|ed|ing)? that)\b",
        re.IGNORECASE,
    ),
    "The sentence tells what somebody says or believes, which the authors need not share.",
)
RULES = (NEGATION, HEDGE, CLAIM, ANIMALS, LABORATORY)

PREPRINT = Caution(
    "Preprint",
    "",
    "The paper was put on a preprint server: when this index was made, no journal had reviewed it.",
)


def cautions(sentence: str, *, preprint: bool) -> tuple[Caution, ...]:
    """Return the marks for an answer from a sentence, each kind once, with its first words.

    >>> [(mark.name, mark.words) for mark in cautions("It may help in mice.", preprint=False)]
    [('Hedged', 'may'), ('Animals', 'mice')]
    """
    marks = [
        Caution(rule.name, found[0], rule.meaning)
        for rule in RULES
        if (found := rule.words.search(sentence))
    ]
    return (*marks, PREPRINT) if preprint else tuple(marks)
