"""How likely an answer is right, in a word, by its reader's score. No HTML here.

The reader's score is the probability that the marked words are right. The final score is not: at
low weights it is mostly whether the passage holds an answer at all. Of the best answers to
COVID-QA's 202 development questions, those left out that are said to have no reliable one, 13 %
were right with a reader's score below 0.2, 43 % from there to 0.5, and 78 % from 0.5 on, at the
default weight; at the others it is much the same (docs/decisions/0026).
"""

UNLIKELY = 0.1
"""The reader's score below which an answer is no evidence."""
POSSIBLE = 0.2
LIKELY = 0.5
"""The least reader's scores of answers that are called so."""


def chance_of(reader: float) -> str:
    """Return the word for a reader's score in [0, 1].

    >>> chance_of(0.19), chance_of(0.2), chance_of(0.5)
    ('doubtful', 'possible', 'likely')
    """
    if reader < POSSIBLE:
        return "doubtful"
    return "possible" if reader < LIKELY else "likely"
