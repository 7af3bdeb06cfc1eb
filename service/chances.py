"""How likely an answer with some final score is right, in a word. No HTML here.

Of the best answers to COVID-QA's 202 development questions 26 % were right with a final score below
0.3, 51 % from there to 0.5, and 79 % from 0.5 on.
"""

POSSIBLE = 0.3
LIKELY = 0.5
"""The least final scores of answers that are called so."""


def chance_of(final: float) -> str:
    """Return the word for a final score in [0, 1], as ranking.js does.

    >>> chance_of(0.29), chance_of(0.3), chance_of(0.5)
    ('doubtful', 'possible', 'likely')
    """
    if final < POSSIBLE:
        return "doubtful"
    return "possible" if final < LIKELY else "likely"
