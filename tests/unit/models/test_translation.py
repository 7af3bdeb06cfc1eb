import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from models.tokenizer import load_tokenizer, translation, whole_words
from models.windows import Windower

SHIPPED = Path("models/weights/reader")
QUESTION = "What is the R0 of SARS-CoV-2?"
TEXTS = [
    "The basic reproduction number (R0) was 2.2 (95% CI, 1.4–3.9) in Wuhan.",
    "Naïve café; ∆F508, β-coronavirus, 新冠肺炎, \U0001f637 masks and [CLS] or <s> in a text.",
    "pneumonoultramicroscopicsilicovolcanoconiosis " * 40,
]


def changed(change: Callable[[dict[str, Any]], None]) -> Tokenizer:
    """Return the shipped tokenizer after a change of its definition."""
    definition = json.loads((SHIPPED / "tokenizer.json").read_text())
    change(definition)
    return Tokenizer.from_str(json.dumps(definition))


def as_mpnet(definition: dict[str, Any]) -> None:
    """Give the same pieces other numbers, names of special tokens, and a longer template."""
    vocabulary = {piece: number + 4 for piece, number in definition["model"]["vocab"].items()}
    specials = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    definition["model"]["vocab"] = vocabulary | specials
    template = {"id": 0, "special": True, "single_word": False, "lstrip": False, "rstrip": False}
    definition["added_tokens"] = [
        template | {"id": number, "content": name, "normalized": False}
        for name, number in (specials | {"[UNK]": 104}).items()
    ]
    definition["post_processor"] = {
        "type": "RobertaProcessing",
        "sep": ["</s>", 2],
        "cls": ["<s>", 0],
        "trim_offsets": True,
        "add_prefix_space": False,
    }


def test_the_same_pieces_under_other_numbers_are_translated() -> None:
    ours, theirs = load_tokenizer(SHIPPED), changed(as_mpnet)
    found = translation(ours, theirs)
    assert found is not None
    own, other = (
        Windower(one, max_length=most, stride=0) for one, most in ((ours, 48), (theirs, 49))
    )
    windows, expected = own.split(QUESTION, TEXTS), other.split(QUESTION, TEXTS)
    assert len(windows) == len(expected) > len(TEXTS)
    for window, same in zip(windows, expected, strict=True):
        question, context = (found[ids] for ids in own.texts_of(window))
        joined = other.joined(question, context, window.offsets)
        assert joined is not None
        np.testing.assert_array_equal(joined.ids, same.ids)
        np.testing.assert_array_equal(joined.type_ids, same.type_ids)
        np.testing.assert_array_equal(joined.offsets, same.offsets)
        assert joined.begin == same.begin
    narrow = Windower(theirs, max_length=20, stride=0)
    assert narrow.joined(*map(found.__getitem__, own.texts_of(windows[0])), same.offsets) is None


def cased(definition: dict[str, Any]) -> None:
    definition["normalizer"]["lowercase"] = False


def one_piece_more(definition: dict[str, Any]) -> None:
    definition["model"]["vocab"]["coronavirus"] = len(definition["model"]["vocab"])


def other_pieces(definition: dict[str, Any]) -> None:
    definition["model"] = {"type": "WordLevel", "vocab": {"[UNK]": 0, "a": 1}, "unk_token": "[UNK]"}


@pytest.mark.parametrize("change", [cased, one_piece_more, other_pieces])
def test_tokenizers_that_may_cut_otherwise_have_no_translation(
    change: Callable[[dict[str, Any]], None],
) -> None:
    assert translation(load_tokenizer(SHIPPED), changed(change)) is None
    assert translation(changed(change), load_tokenizer(SHIPPED)) is None


def test_whole_words_are_those_that_are_one_piece(tmp_path: Path) -> None:
    words = whole_words(SHIPPED)
    assert {"invented", "bread", "virus"} <= words
    assert not {"peroid", "##ing", "molnupiravir", "[CLS]", "1918"} & words
    assert whole_words(tmp_path) == frozenset()


def test_whole_words_of_a_vocabulary_that_marks_where_words_begin(tmp_path: Path) -> None:
    pieces = ["<unk>", "ĠThe", "Ġvirus", "ing", "Ġ12", "\u2581Bread", "Ġ"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    Tokenizer(WordLevel(vocabulary, "<unk>")).save(str(tmp_path / "tokenizer.json"))
    assert whole_words(tmp_path) == {"the", "virus", "bread"}
