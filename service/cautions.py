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
    """A mark: its name, the words it is there for (empty for a whole paper), and its meaning.

    `place` is the half-open range of the words in the sentence, None where they are not from it.
    A `grave` mark warns of all that a paper says.
    """

    name: str
    words: str
    meaning: str
    place: tuple[int, int] | None = None
    grave: bool = False

    def __str__(self) -> str:
        """Write the mark in a line of text.

        >>> str(Caution("Hedged", "may", "The authors do not claim it."))
        'Hedged: “may”'
        """
        return f"{self.name}: “{self.words}”" if self.words else self.name


_AVOIDED = (  # as advice: who washes hands to avoid an infection denies nothing
    r"|\bbe(?: \w+)? avoided\b|(?-i:\bAvoid\b)|\b(?:should|must|please)(?: \w+)? avoid\b"
    r"|\b(?:advised|asked|best|better|important|instructed|necessary|needs?|ought|prudent"
    r"|recommend(?:ed|s)?|told|urged|wise) to avoid\b"
    r"|\bavoid(?:ing|ance)\b(?= [^.,;]{1,80} (?:is|are|was|were)(?: \w+)? (?:advi|recommend))"
)
NEGATION = Rule(
    "Negated",
    re.compile(
        r"\b(?:(?<!\bor )not|not(?= at all))\b(?! (?:only|negligible|the exception|well understood"
        r"|(?:infrequent|insignificant|rare|surprising|uncommon|unexpected|unusual)(?:ly)?)\b)"
        r"|n['’]t\b"
        r"|\b(?:cannot|never(?![ -]smok)|neither|nor|none)\b"
        r"|\bno\b(?!\.? ?\d| (?:doubt|later than)\b| \S+ (?:treatment|control) (?:group|arm)s?\b)"
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
        r"|unclear|uncertain|unknown|inconclusive|not well understood"
        r"|(?:limited|weak|low-quality) evidence)\b)"
    ),
    "The authors do not claim it outright: their words leave room for doubt.",
)
ANIMALS = Rule(
    "Animals",
    re.compile(
        r"\b(?:[Mm]ice|[Mm]ouse|[Mm]urine|[Rr]ats?|[Rr]odents?|[Hh]amsters?|[Ff]errets?|[Mm]inks?"
        r"|[Mm]acaques?|[Mm]armosets?|[Mm]onkeys?|[Rr]hesus|[Nn]on-?human primates?|[Rr]abbits?"
        r"|[Gg]uinea pigs?|[Pp]igs?|[Pp]iglets?|[Pp]orcine|[Ss]wine(?! flu\b|-origin\b)|[Ff]eline"
        r"|[Kk]ittens?|[Dd]ogs?|[Pp]upp(?:y|ies)|[Cc]anine|[Bb]ats?|[Cc]ivets?|[Cc]amels?|[Cc]attle"
        r"|[Pp]angolins?(?! (?:(?:COVID-19 )?[Ll]ineages?|nomenclature|software|tool)\b)"
        r"|[Bb]ovine|[Cc]alves|[Cc]ows|[Ss]heep|[Gg]oats|[Hh]orses|[Ee]quine|[Ff]oals|[Pp]oultry"
        r"|[Cc]hickens?(?![ -]?pox\b| eggs?\b)|[Bb]roilers|[Cc]hicks|[Gg]notobiotic"
        r"|(?<![Hh]uman )[Aa]vian(?! (?:A ?\(|[Ii]nfluenza A ?\(H\dN\d\)[^.]* patients?\b|flu\b))"
        r"|[Zz]ebrafish|[Aa]nimals?|FIPV|PEDV|TGEV|[Cc]ats"
        r"|[Cc]at(?![ -]scratch|\.? ?(?:[#:]|N[o°]|no[.:]|[A-Z]*\d{3})))\b"
        # RAT is a test, CAT a scan, and Cat# of a catalogue
    ),
    "The sentence speaks of animals. What holds for them need not hold for people.",
)
_OF_ANIMALS = re.compile(
    r"\b(?:species|reservoirs?|zoono\w+|origin(?:s|ates?|ated|ating)?|wildlife|livestock|pets?"
    r"|(?:intermediate|natural) hosts?|(?:come|came|jump(?:s|ed)?) from|spill-?over|RaTG13)\b",
    re.IGNORECASE,
)
_VETERINARY = re.compile(r"\bVet(?:erinary)?\b", re.IGNORECASE)
_ANIMALS_STUDIED = re.compile(
    r"\b(?:in|of) (?:[\w-]+ ){0,3}?"
    r"(?:broilers|calves|cats|cattle|chickens|cows|dogs|ferrets|foals|goats|guinea pigs|hamsters"
    r"|horses|kittens|lambs|macaques|marmosets|mice|monkeys|piglets|pigs|puppies|rabbits|rats|sheep)"
    r"(?![\w-]| (?:disease|flu)\b| (?:and|or) (?:\w+ )?(?:humans?|man|men|people)\b)",
    re.IGNORECASE,
)
_PEOPLE = re.compile(r"\b(?:humans?|people|persons?|children|men|women)\b", re.IGNORECASE)
_AMONG_PEOPLE = re.compile(r"\b(?:patients?|workers?|owners?|zoono\w+|pandemic)\b", re.IGNORECASE)
_OF_PAPER = "The paper is about animals. What holds for them need not hold for people."
LABORATORY = Rule(
    "Laboratory",
    re.compile(
        r"\b(?i:in[ -]vitro|ex[ -]vivo|in[ -]silico|molecular docking"
        r"|cell (?:cultures?|lines?)|cultured cells|tissue culture"
        r"|pseudo-?(?:typed?|typing|virus(?:es)?|virions?))\b"
        r"|\b(?:[EIC]C ?-?(?:50|90|₅₀|₉₀)(?:s|(?!\w))|TCID ?-?(?:50|₅₀)(?!\w))"
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
ASKED = Rule(
    "Asked",
    re.compile(r"[^\s?]{1,60}\?+(?=\W{0,9}$)"),
    "The sentence is a question. The marked words are asked about, which does not make them true.",
)
RULES = (NEGATION, HEDGE, CLAIM, ASKED, ANIMALS, LABORATORY)

PREPRINT = Caution(
    "Preprint",
    "",
    "The paper was put on a preprint server: when this index was made, no journal had reviewed it.",
)

_RETRACTION = re.compile(
    r"^\W*(?:(?P<concern>(?:editorial )?expression of concern)"
    r"|(?:retracted|withdrawn)(?: article| paper)?\W{0,2}[:\]]|(?-i:RETRACTED|WITHDRAWN)\b"
    r"|(?:retraction|withdrawal)(?:| notice| note)(?: (?:of|to))?\W{0,2}[:\]“‘\"'\[]"
    r"|(?:retraction|withdrawal) (?:notice|note) )"
    r"|[(\[](?:retracted|withdrawn)[^()\[\]]{0,40}[)\]]",
    re.IGNORECASE,
)
RETRACTED = "Retracted"
CONCERN = "Expression of concern"
_RETRACTED = "The paper was retracted or withdrawn: do not rely on anything that it says."
_CONCERN = "The editors warn that what the paper says may not be right."


def cautions(
    sentence: str, *, preprint: bool, journal: str = "", title: str = ""
) -> tuple[Caution, ...]:
    """Return the marks for an answer from a sentence, each kind once, with its first words.

    A sentence that speaks neither of animals nor of people is marked where its paper is about
    animals, by the words of its journal or title.

    >>> [(mark.name, mark.words) for mark in cautions("It may help in mice.", preprint=False)]
    [('Hedged', 'may'), ('Animals', 'mice')]
    """
    marks = [mark for rule in RULES if (mark := mark_of(rule, sentence))]
    if ANIMALS.name not in {mark.name for mark in marks} and not _PEOPLE.search(sentence):
        of_paper = animals_studied(journal, title)
        marks += [Caution(ANIMALS.name, of_paper, _OF_PAPER)] if of_paper else []
    return (*marks, PREPRINT) if preprint else tuple(marks)


def mark_of(rule: Rule, sentence: str) -> Caution | None:
    """Return the mark of a rule for a sentence, None where it finds no word."""
    found = rule.words.search(sentence)
    return Caution(rule.name, found[0], rule.meaning, found.span()) if found else None


def retraction(title: str) -> Caution | None:
    """Return the mark of a paper whose title says that it was retracted, or is doubted.

    >>> retraction("[WITHDRAWN: False positives]").name, retraction("Gallbladder retraction")
    ('Retracted', None)
    """
    found = _RETRACTION.search(title)
    if not found:
        return None
    if found["concern"]:
        return Caution(CONCERN, "", _CONCERN, grave=True)
    return Caution(RETRACTED, "", _RETRACTED, grave=True)


def asks_of_animals(question: str) -> bool:
    """Tell whether a question is about animals, so that they are what its answers should be about.

    >>> asks_of_animals("Where did it originate?"), asks_of_animals("Do cats have it?")
    (True, True)
    """
    return bool(_OF_ANIMALS.search(question) or ANIMALS.words.search(question))


def animals_studied(journal: str, title: str) -> str:
    """Return the words of a journal or a title that tell that a paper is about animals, or "".

    >>> animals_studied("Vet Rec", ""), animals_studied("", "Zinc in dairy calves")
    ('Vet', 'in dairy calves')
    >>> animals_studied("", "MERS at the camel-human interface")
    ''
    """
    if veterinary := _first(_VETERINARY, journal):
        return veterinary
    of_people = _PEOPLE.search(title) or _AMONG_PEOPLE.search(title)
    return "" if of_people else _first(_ANIMALS_STUDIED, title)


def _first(words: Pattern[str], text: str) -> str:
    found = words.search(text)
    return found[0] if found else ""
