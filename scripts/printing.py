"""What a release holds, as it may be printed."""

_CONTROL = dict.fromkeys([*range(32), *range(127, 160)], " ")


def printable(text: str) -> str:
    r"""Return a paper's text without what a terminal would obey.

    >>> printable("masks\x1b[31m help\nnurses")
    'masks [31m help nurses'
    """
    return text.translate(_CONTROL)
