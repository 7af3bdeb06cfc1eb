"""Which words of a question are misspelt, by the words of an index."""

from pathlib import Path

import pytest

from index.search import PassageIndex
from index.spelling import SPELLING, Spelling, write_spelling
from index.types import IndexingError

WORDS = Spelling(
    {
        "incubation": 900,
        "period": 800,
        "hydroxychloroquine": 300,
        "stroke": 60,
        "strokes": 40,
        "large": 500,
        "mutations": 90,
        "vaccine": 700,
        "vaccines": 600,
        "rarely": 20,
        "barely": 19,
        "peri": 25,
        "again": 70,
        "against": 700,
        "virus": 900,
        "cells": 800,
        "done": 90,
        "genera": 30,
        "general": 600,
        "renamed": 90,
        "diagnosis": 900,
    },
    fewest=5,
)


@pytest.mark.parametrize(
    ("question", "meant"),
    [
        ("what is the incubaton peroid", "what is the incubation period"),
        ("Hydroxycloroquin?", "Hydroxychloroquine?"),  # two letters are lacking
        ("of a vacine, perhaps", "of a vaccine, perhaps"),  # the likeliest of two
        ("the Incubatoin", "the Incubation"),
        ("is rarelly", "is rarely"),
        ("the periode", "the period"),  # "e" is no ending
        ("vaccinesq", "vaccines"),
        ("a perid", "a period"),  # no form of "peri", which is far rarer
        ("agains the vrus", "against the virus"),
        ("whats the perid", "whats the period"),
        ("in cels", "in cells"),
        ("a diagnosi", "a diagnosis"),  # no stem of a plural
        ("Guillain-Barré and the peroid", "Guillain-Barré and the period"),  # a name
        ("of TNF-α and the peroid", "of TNF-α and the period"),
    ],
)
def test_misspelt_words_are_put_right(question: str, meant: str) -> None:
    assert WORDS.corrected(question) == meant


@pytest.mark.parametrize(
    "question",
    [
        "what is the incubation period",
        "a papaya",  # like nothing
        "the strokess",  # of which a word is the beginning: another form of it
        "by Lange in 1990",  # a name
        "Barely",  # known, though too rare to be suggested
        "IL-6 and x-incubaton, incubaton2",  # names of other things
        "INCUBATON",
        "shouldn't Lassas's",  # the pieces beside an apostrophe are no words
        "eriod",  # another first letter
        "dont, wont and whens",  # informal, not misspelt
        "of generas",  # of a word that is long enough to be sure
        "incobetoin",  # three mistakes
        "why did they rename it",  # as "renamed" without its ending
        "¿Es el peroid de virus",
        "el peroid de incubación",
        "Época del peroid",
        "large and largely, larger, largest",  # other forms of a word
        "el peroid de cuando sintomas terminan",  # mostly unknown: of another language
        "",
        "什么是潜伏期",
    ],
)
def test_other_words_stay(question: str) -> None:
    assert WORDS.corrected(question) is None


def test_a_small_index_lacks_many_short_words_that_are_right() -> None:
    words = Spelling({"ware": 19, "cells": 20, "taken": 90}, fewest=1)
    assert words.corrected("What did it ward off and take?") is None
    assert words.corrected("Which cels?") == "Which cells?"


def test_only_so_many_different_words_are_looked_up() -> None:
    assert WORDS.corrected("peroid " * 70) == "period " * 70
    unknown = "incubaton peroid strke larg mutatons vacine rarly againt"
    assert WORDS.corrected(f"{unknown} period") is not None
    assert WORDS.corrected(f"{unknown} viruz") is None


def test_a_drug_is_not_taken_for_another() -> None:
    drugs = ("fampridine", "azithromycin", "remdesivir", "hydroxychloroquine", "ofloxacin")
    words = Spelling(dict.fromkeys(drugs, 90), 5, ordinary={"does", "help"})
    for right in ("famotidine", "ofloxapril"):
        assert words.corrected(f"Does {right} help?") is None
    for wrong, meant in (
        ("azythromicin", "azithromycin"),
        ("remdesevir", "remdesivir"),
        ("hydroxycloroquin", "hydroxychloroquine"),
        ("famprdine", "fampridine"),
    ):
        assert words.corrected(f"Does {wrong} help?") == f"Does {meant} help?"


def test_an_index_knows_the_words_of_its_passages(sample_index: Path) -> None:
    index = PassageIndex.open(sample_index)
    assert index.corrected("How long is the incubaton period?") == (
        "How long is the incubation period?"
    )
    assert index.corrected("How long is the incubation period?") is None
    lines = next(sample_index.glob(f"*/{SPELLING}")).read_text().splitlines()
    counts = [int(line.split("\t")[1]) for line in lines]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] >= 1


@pytest.mark.parametrize(
    ("counted", "pages"),
    [(3000, "alpha beta gamma"), (2999, "alpha gamma"), (1500, "alpha gamma"), (1000, "alpha")],
)
def test_of_a_large_index_pages_from_all_over_it_are_counted(
    tmp_path: Path, counted: int, pages: str
) -> None:
    class Store:
        passages = 3000

        def texts(self, start: int, stop: int) -> list[tuple[str, str, str]]:
            assert stop == start + 1000
            return [("Title", "Section", f"{('alpha', 'beta', 'gamma')[start // 1000]} word")] * 2

    write_spelling(Store(), tmp_path, counted)  # type: ignore[arg-type] # has texts, without a file
    words = pages.split()
    rows = {f"word\t{2 * len(words)}", *(f"{word}\t2" for word in words)}
    assert set((tmp_path / SPELLING).read_text().splitlines()) == rows


def test_an_index_without_the_file_suggests_nothing(tmp_path: Path) -> None:
    assert Spelling.open(tmp_path, 10).corrected("incubaton peroid") is None


@pytest.mark.parametrize("content", ["word", "word\tmany", "w\u00f6rd\t3", "a\tb\tc"])
def test_a_damaged_file_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / SPELLING).write_text(f"virus\t9\n{content}\n")
    with pytest.raises(IndexingError, match="is damaged: build the index again"):
        Spelling.open(tmp_path, 10)


def test_ordinary_words_are_no_mistakes() -> None:
    counts = {"inverted": 90, "period": 80}
    assert Spelling(counts, 1).corrected("Who invented it?") == "Who inverted it?"
    words = Spelling(counts, 1, ["invented"])
    assert words.corrected("Who invented it?") is None
    assert words.corrected("Who invented the peroid?") == "Who invented the period?"
    assert words.corrected("Who invnted it?") is None  # it is not suggested either
