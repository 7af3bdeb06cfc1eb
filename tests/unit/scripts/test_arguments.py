"""Argument types that several commands share."""

import argparse
from pathlib import Path

import pytest

from scripts.arguments import above_0, at_least, from_0, some_path
from scripts.training_runs import source


def test_a_number_above_0() -> None:
    assert [above_0(text) for text in ("1e-4", "2")] == [1e-4, 2.0]


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "x", ""])
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' is not a number above 0"):
        above_0(text)


def test_a_number_from_0_up() -> None:
    assert [from_0(text) for text in ("0", "0.5")] == [0.0, 0.5]
    for text in ("-0.1", "nan", "inf", "x"):
        with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' is not a number from 0 up"):
            from_0(text)


def test_a_whole_number_from_some_up() -> None:
    assert at_least(2)("2") == 2
    for text in ("1", "2.5", "x"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not a whole number from 2 up"):
            at_least(2)(text)


def test_a_path_is_not_empty() -> None:
    """Which would be the folder that one is in."""
    assert some_path("a b") == Path("a b")
    for parse in (some_path, source()):
        with pytest.raises(argparse.ArgumentTypeError, match="the path is empty"):
            parse("")


def test_all_commands_take_paths_in_one_way() -> None:
    for module in Path("scripts").glob("*.py"):
        assert "type=Path" not in module.read_text(), module
