"""How the names of drugs end: stems of international nonproprietary names. Pure.

From the World Health Organization's "The use of stems in the selection of International
Nonproprietary Names (INN) for pharmaceutical substances", those that ordinary words hardly end in.
"""

import re

_STEMS = (
    "azole bactam barbital caine cillin curium cycline dipine dronate fenac feron fibrate floxacin"
    " formin gliflozin gliptin glitazone grastim grel imod kacin kinra limus lukast mab mectin"
    " micin mustine mycin nercept nib olol onide oxacin oxetine pamil parib parin platin pril"
    " profen quin quine racetam rubicin sartan semide setron solone sone stat statin tadine taxel"
    " thiazide tidine toin trexate triptan uridine vaptan vir vudine xaban zepam zolam"
)
_DRUG = re.compile(rf"[a-z]{{3,20}}?(?P<stem>{'|'.join(_STEMS.split())})")


def drug_stem(word: str) -> str:
    """Return the stem that a word in lower case ends in as a drug's name does, "" without one.

    It is the same for two spellings that are often confused: with "i" for "y", without a last "e".

    >>> drug_stem("famotidine"), drug_stem("azithromycin"), drug_stem("incubation")
    ('tidin', 'micin', '')
    """
    found = _DRUG.fullmatch(word)
    return found["stem"].replace("y", "i").removesuffix("e") if found else ""
