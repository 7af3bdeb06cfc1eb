from pathlib import Path

import pytest

from index.builder import build_index
from index.corpora.squad import GoldQuestion
from index.manifest import current_version
from scripts import pairs
from scripts.pairs import (
    context_pairs,
    corpus_pairs,
    holds_answer,
    normalised,
    normalised_answers,
    right_passages,
)
from tests.unit.index.fake_encoder import ENCODER, Silent
from tests.unit.index.release import parse, write_release

OLDER = "An older report of travellers from Wuhan gives an incubation of 5.1 days in all."
OWN = "Among the nurses of our ward the median incubation was 5.1 days, as symptom diaries show."
LATER = "In the discussion we compare 5.1 days with what is known of influenza and of measles."
ELSEWHERE = "Others find that incubation takes 5.1 days among the nurses of their ward as well."
LONGER = "Incubation among the nurses took 15.1 days, or 5.10 days, which is long for a ward."
WITHOUT = "The incubation among the nurses of a ward was not measured, alas, in this study."


def gold(context: str, answer: str, *, cord_uid: str = "u1", asked: str = "") -> GoldQuestion:
    question = asked or "How long was the incubation among the nurses of the ward?"
    return GoldQuestion("1", question, context, (answer,), (context.index(answer),), cord_uid)


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pairs")
    records = [
        {"cord_uid": uid, "title": f"Incubation {uid}", "pdf_json_files": f"{uid}.json"}
        for uid in ("u1", "u2", "u3")
    ]
    parses = {
        "u1.json": parse(("Introduction", OLDER), ("Results", OWN), ("Discussion", LATER)),
        "u2.json": parse(("Results", ELSEWHERE)),
        "u3.json": parse(("Results", LONGER), ("Discussion", WITHOUT)),
    }
    write_release(root / "corpus", records, parses)
    build_index(root / "corpus", root / "index", ENCODER, Silent(), workers=1)
    return current_version(root / "index")


def test_answers_are_held_word_for_word() -> None:
    assert normalised("  SARS-CoV-2,\n(2019)") == " sars cov 2 2019 "
    assert holds_answer("It took 5.1 days.", [normalised("5.1 days")])
    assert holds_answer("5.1 DAYS", [normalised("a week"), normalised("5.1 days")])
    assert not holds_answer("It took 15.1 days.", [normalised("5.1 days")])
    assert not holds_answer("It took 5.1 daystars.", [normalised("5.1 days")])
    assert not holds_answer("It took long.", [])
    assert holds_answer("An influenza virus.", normalised_answers(["influ-\nenza virus"]))
    assert holds_answer("A long-term risk.", normalised_answers(["long-\nterm risk"]))
    assert not holds_answer("It took long.", [normalised("±")])  # which has no word


@pytest.mark.parametrize(
    ("section", "around"), [("Introduction", OLDER), ("Results", OWN), ("Discussion", LATER)]
)
def test_the_right_passage_is_the_one_around_the_answer(
    version: Path, section: str, around: str
) -> None:
    """Its answer stands in three passages of the paper; the context is another parse of it."""
    context = "Some words [1] before. " + around.replace(",", " ,") + " And some after it."
    (made,) = corpus_pairs([gold(context, "5.1 days")], version)
    assert made.positive == f"Incubation u1. {section}\n{around}"
    assert made.answers == (" 5 1 days ",)


def test_wrong_passages_never_hold_the_answer(version: Path) -> None:
    (made,) = corpus_pairs([gold(OWN, "5.1 days")], version)
    # not those of the paper itself, nor of the other one that says it
    assert sorted(made.negatives) == [
        f"Incubation u3. Discussion\n{WITHOUT}",
        f"Incubation u3. Results\n{LONGER}",
    ]


def test_wrong_passages_are_those_that_bm25_likes_best(
    version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "_NEGATIVES", 1)
    asked = "Was the incubation not measured in this study?"
    (made,) = corpus_pairs([gold(OWN, "5.1 days", asked=asked)], version)
    assert made.negatives == (f"Incubation u3. Discussion\n{WITHOUT}",)


def test_passages_that_hold_an_answer_as_it_is_written(version: Path) -> None:
    questions = [gold(OWN, "5.1 days"), gold(OWN, "5.1 days", cord_uid=""), gold("Never.", "Never")]
    of_paper, about_none, of_nothing = right_passages(questions, version)
    assert len(of_paper) == 3
    for example in of_paper:
        assert example.context[example.start : example.end] == "5.1 days"
    assert about_none == of_nothing == []


def test_a_question_without_a_passage_is_left_out(version: Path) -> None:
    nowhere = gold("It took 77 days in all.", "77 days")
    unknown = gold(OWN, "5.1 days", cord_uid="u9")
    assert corpus_pairs([nowhere, unknown], version) == []
    assert len(corpus_pairs([nowhere, gold(OWN, "5.1 days"), unknown], version)) == 1


def test_a_question_about_no_paper_keeps_its_context(version: Path) -> None:
    (made,) = corpus_pairs([gold(OWN, "5.1 days", cord_uid="")], version)
    assert made.positive == OWN
    assert made.negatives


def test_pairs_of_contexts_alone() -> None:
    contexts = [OWN, ELSEWHERE, LONGER, WITHOUT]
    asked = [gold(OWN, "5.1 days", cord_uid=""), gold(OWN, "diaries", cord_uid="")]
    asked += [gold(text, "ward", cord_uid="") for text in contexts[1:]]
    first, second, *others = context_pairs(asked)
    assert first.positive == second.positive == OWN
    assert sorted(first.negatives) == sorted([LONGER, WITHOUT])
    assert sorted(second.negatives) == sorted([ELSEWHERE, LONGER, WITHOUT])
    assert [made.positive for made in others] == contexts[1:]
    assert all(made.negatives == () for made in others)  # a ward is in all of them
    assert context_pairs([]) == []
