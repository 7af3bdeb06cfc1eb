"""Which questions ask for an amount, and which words give one."""

import pytest

from service.amounts import asks_amount, gives_amount, kind_asked, without_line_numbers


@pytest.mark.parametrize(
    "question",
    [
        *("What is the EC50 of zinc?", "What is the IC 50 of zinc?", "zinc EC50", "CC50 of zinc"),
        *("What is the Kd of zinc and ACE2?", "What is the binding affinity of zinc?"),
        *("R0 of measles", "What is the R0?", "viral load in stool", "zinc half-life"),
        *("serial interval", "serial interval of COVID-19", "What is the hazard ratio of death?"),
        *("What is the mutation rate?", "What is the survival rate?", "How big is the genome?"),
        *("zinc dose in children", "dose of zinc", "What is the time from onset to death?"),
    ],
)
def test_an_amount_is_asked_for(question: str) -> None:
    assert asks_amount(question)


@pytest.mark.parametrize(
    "question",
    [
        *("Does the viral load in stool matter?", "How is the R0 of measles estimated?"),
        *("effect of zinc dose on children", "What is the effect of zinc on mortality?"),
        *("What is the role of viral load?", "What is the cause of mortality?"),
        *("second dose of vaccine", "zinc", "dose-dependent enhancement", ""),
    ],
)
def test_no_amount_is_asked_for(question: str) -> None:
    assert not asks_amount(question)


def test_a_search_for_a_dose_asks_for_one() -> None:
    assert kind_asked("tocilizumab dose in cytokine release syndrome") == "dose"
    assert kind_asked("booster dose in children") == ""


def test_codes_give_no_amount() -> None:
    assert not gives_amount("the EC50, or IC 50, of IL-6 and R0")
    assert gives_amount("an EC50 of 3 µM")
    assert gives_amount("highest at first")


def test_numbers_of_lines_are_left_out_of_the_part_alone() -> None:
    line = "who were in the same ward as others "
    text = f"onset 11 of {line} or 12 with {line} and 13 more {line} 3 days, 15 mg, a 99 to b"
    assert without_line_numbers(text, 0, len(text)) == (
        f"onset 11 of {line} or  with {line} and  more {line} 3 days, 15 mg, a 99 to b"
    )
    assert without_line_numbers(text, 0, 10) == "onset 11 o"


def test_long_texts_take_no_longer_than_they_must() -> None:
    for hostile in (
        "dose " * 40_000,
        "what is the " + "a " * 40_000,
        "a-" * 80_000,
        "of 12 a " * 9999,
    ):
        assert not asks_amount(f"why {hostile}")
        assert len(without_line_numbers(hostile, 0, len(hostile))) == len(hostile)
