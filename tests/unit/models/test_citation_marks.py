import pytest

from models.citation_marks import only_citation


@pytest.mark.parametrize(
    ("text", "part", "is_one"),
    [
        ("in bats [24, 25, 35–37]. M", "[24, 25, 35–37]", True),
        ("in bats [24, 25]. M", "24, 25", True),  # as it is when tidied
        ("in bats [24] [25]. M", "[24] [25]", True),
        ("in [44.6%] of", "44.6%", False),
        ("in four (80) of", "80", False),
        ("in 80 of", "80", False),
        ("in 2012 (Zaki et al., 2012; Boheemen et al., 2012), has", "(Zaki et al., 2012", False),
        (
            "in 2012 (Zaki et al., 2012; Yu and Xu 2003a), has",
            "(Zaki et al., 2012; Yu and Xu 2003a)",
            True,
        ),
        ("since (Dye & Gay, 2003).", "Dye & Gay, 2003", True),
        ("since (in Wuhan, 2019).", "in Wuhan, 2019", False),
        ("the mask,8 tidal", "8", True),
        ("lead to deaths.1 The", "1", True),
        ("see Fig.3 for", "3", False),
        ("close to 2,700 of", "700", False),
    ],
)
def test_what_is_nothing_but_a_citation(text: str, part: str, is_one: bool) -> None:
    start = text.index(part)
    assert only_citation(text, start, start + len(part)) == is_one
