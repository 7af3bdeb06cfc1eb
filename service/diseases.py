"""Whether the sentence of an answer is about another disease than COVID-19. No HTML here.

docs/decisions/0026-marks-that-know-the-question.md tells how often that is right.
"""

import re

from service.cautions import ANIMALS, Caution
from service.fusion import answer_sentence
from service.naming import COVID
from service.types import Answer

OTHER_DISEASE = "Another disease"
_MEANING = "The sentence names it and not COVID-19: what it says may hold for it alone."
_OF_PAPER = "The paper is about it, and does not name COVID-19 here: it may hold for it alone."

FIRST_YEAR = "2020"
"""Papers from this year on mean COVID-19 by "the pandemic"."""

_DASH = r"[-‐‑–−/ ]"
_FLU = r"(?!-like|enza)(?!(?: [AB])?[ -](?:vaccin|shot|jab|immuni[sz]|like|cent(?:er|re)|data))"
_SARS = r"(?:SARS|severe acute respiratory syndrome(?: \(SARS\))?)"
_TWO = (  # behind SARS; a line of print may have its number between
    rf"{_DASH}{{0,3}}(?:\d{{1,3}} )?(?:CoV|corona ?virus)?s?[ (]?{_DASH}{{0,3}}(?:1/)?"
    r"(?:2|II)(?![\dI])"
)
_KINDS = (
    rf"{_SARS}(?!{_TWO})(?:{_DASH}{{0,3}}(?:CoV|corona ?virus))?+(?:{_DASH}1(?!\d))?+",
    (
        rf"(?:MERS|Middle East(?:ern)? respiratory syndrome(?: \(MERS\))?)"
        rf"(?:{_DASH}{{0,3}}(?:CoV|corona ?virus))?+"
    ),
    rf"(?:avian |bird |seasonal |Spanish |swine )?(?:influenza|flu){_FLU}",
    r"H\d{1,2}N\d{1,2}(?:v|pdm\d*)?",
    r"Ebola(?: virus)?|EBOV|Marburg (?:disease|virus)|Lassa|Crimean[- ]Congo|CCHF",
    r"Nipah|Hendra|hantavirus",
    r"dengue|chikungunya|Zika|West Nile|yellow fever|Japanese encephalitis|Rift Valley fever",
    r"measles|mumps|rubella|smallpox|chickenpox|varicella|polio(?:virus|myelitis)?",
    r"HIV(?:-1)?(?! protease)|cholera|plague|norovirus|rotavirus|pertussis",
    r"RSV|respiratory syncytial virus|(?:rhino|metapneumo|parainfluenza ?|boca)virus(?:es)?",
    r"(?:HCoV[- ]?)?(?:229E|OC43|NL63|HKU1)",
)
_OTHER = re.compile(
    rf"(?<!\w)(?<!anti-)(?<!anti )(?<!non-)(?<!negative for )(?:{'|'.join(_KINDS)})s?"
    r"(?!\w|[-‐ ](?:like|negative)\b|[-‐ ]related (?:\w+ )?(?:beta)?(?:corona|CoV)"
    r"| (?:vaccin|immuni[sz]at))",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"(?<!\w)(?:{'|'.join(_KINDS)})", re.IGNORECASE)
_CHRONIC = re.compile(
    r"\b(?:asthma|cancers?|chronic|comorbidit\w+|COPD|diabet\w+|hypertension|immuno(?:compromis"
    r"|deficien|suppress)\w+|malignan\w+|obes\w+)\b(?! virus)",
    re.IGNORECASE,
)
"""What patients with COVID-19 may have besides, as they may have HIV."""
_COMPARED = re.compile(
    r"\b(?:than|unlike|(?<!diseases )(?<!infections )(?<!viruses )(?<!virus )like|versus|vs\.?"
    r"|compar(?:ed|able|ison) (?:to|with)|in contrast (?:to|with)|contrary to|opposed to"
    r"|similar(?:ly|ity)? to|as (?:in|with)|resembl(?:es?|ing)|different from|differ(?:s|ed)? from"
    r"|distinct from|relative to|identi(?:cal|ty) (?:to|with)|related to"
    r"|homolog(?:y|ous) (?:to|with))(?![\w-])",
    re.IGNORECASE,
)
_COMPARED_FOR = 60
"""Characters behind "than" and the like in which a name is what something is compared with."""

_SHOWN = 3
"""Names that a mark shows, at most."""

_COVID_MISWRITTEN = re.compile(rf"\bCoV-19\b|\b{_SARS}{_TWO}", re.IGNORECASE)
_NEW = re.compile(
    r"\b(?:novel|new|newly \w+|emerging|present|current|ongoing) "
    r"(?:pathogen|virus|disease|infection|outbreak|epidemic|pandemic)\b"
    r"|(?<!syndrome )\bthe corona ?virus\b(?! famil)",
    re.IGNORECASE,
)
_PANDEMIC = re.compile(
    r"(?<!flu )(?<!influenza )(?<!H1N1 )(?<!N1\) )(?<!2009 )(?<!1918 )\b(?:pandemic|lockdown)\b"
    r"(?!s| \(?H\d| (?:influenza|flu|preparedness)\b| of (?:19|20[01])| in (?:19|20[01])"
    r"| \(?(?:19|20[01])\d)",
    re.IGNORECASE,
)
_IN_GENERAL = re.compile(
    r"\b(?:(?:corona)?viruses|h?covs|hcov|human corona ?virus|pathogens|species|strains"
    r"|oseltamivir|tamiflu|zanamivir|neura\w{1,6}dase|(?:another|other|respiratory|infectious|viral)"
    r" (?:tract )?(?:diseases?|illness(?:es)?|infections?|virus)"
    r"|co-?infect\w+|co-?morbid\w+|cross-?react\w+|zoono\w+)\b",
    re.IGNORECASE,
)
_NOT_OF_COVID = re.compile(
    r"\b(?:diseases|epidemics|infections|outbreaks|pandemics|(?!(?:corona|anti)vir)\w+virus)\b",
    re.IGNORECASE,
)


def other_disease(question: str, answer: Answer) -> Caution | None:
    """Return the mark of an answer that is about other diseases, and not about COVID-19.

    Its sentence names them and not COVID-19, or it names neither, the title names them, and
    neither title nor passage names COVID-19. There is none where the question names one of them or
    asks of diseases in general, none without a question, and none for what something is only
    compared with: "lower than in SARS".
    """
    if not question or _asks_of_others(question):
        return None
    start, end = answer_sentence(answer)
    sentence = answer.passage.text[start:end]
    if _is_of_covid(sentence, answer):
        return None
    named, meaning = _named(sentence, answer.start - start), _MEANING
    title = answer.paper.title
    if not named and not _is_of_covid(f"{title}\n{answer.passage.text}", answer):
        named, meaning = _named(title, 0), _OF_PAPER
    return Caution(OTHER_DISEASE, ", ".join(named), meaning) if named else None


def _asks_of_others(question: str) -> bool:
    """Tell whether a question is of other diseases, too, or of diseases or animals in general."""
    if _NAMED.search(question) or _IN_GENERAL.search(question):
        return True
    elsewhere = _NOT_OF_COVID.search(question) or ANIMALS.words.search(question)
    return bool(elsewhere and not COVID.search(question))


def _named(sentence: str, start: int) -> list[str]:
    """Return the names of other diseases that the sentence is about, each once.

    What it is compared with is none of them, unless the answer, from `start` on, stands between.
    """
    names: list[str] = []
    chronic = bool(_CHRONIC.search(sentence))
    for found in _OTHER.finditer(sentence):
        name, place = found[0].casefold(), found.start()
        compared = _COMPARED.finditer(sentence, max(0, place - _COMPARED_FOR), place)
        beside = any(not one.start() < start < place for one in compared)
        beside |= name.startswith("hiv") and chronic
        told = any(name in one.casefold() or one.casefold() in name for one in names)
        if not (beside or told):
            names.append(found[0])
        if len(names) == _SHOWN:
            break
    return names


def _is_of_covid(sentence: str, answer: Answer) -> bool:
    """Tell whether a sentence names COVID-19, in words that a paper of its time has for it."""
    if COVID.search(sentence) or _COVID_MISWRITTEN.search(sentence):
        return True
    paper = answer.paper
    of_its_time = paper.publish_time >= FIRST_YEAR or COVID.search(paper.title)
    return bool(of_its_time and (_NEW.search(sentence) or _PANDEMIC.search(sentence)))
