import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from models.pieces import Cutter
from models.tokenizer import load_tokenizer

SHIPPED = Path("models/weights/reader")
SAMPLE = Path("data/sample/metadata.csv")
SPECIAL = " \t\n\r\x0b\x1c\x85\xa0\xad\u0300\u0301\u0130\u03a3\u200b\u2028\u3000新冠😷[]().,-–%0aZé"


@pytest.fixture
def tokenizer() -> Tokenizer:
    found = load_tokenizer(SHIPPED)
    found.no_padding()
    found.no_truncation()
    found.encode_special_tokens = True
    return found


def expect_the_same(tokenizer: Tokenizer, texts: list[str], remembered: int) -> Cutter:
    whole, words = Cutter(tokenizer, 0), Cutter(tokenizer, remembered)
    for at in range(0, len(texts), 50):
        some = texts[at : at + 50]
        for text, one, other in zip(some, whole.cut(some), words.cut(some), strict=True):
            np.testing.assert_array_equal(one.ids, other.ids, err_msg=repr(text))
            np.testing.assert_array_equal(one.offsets, other.offsets, err_msg=repr(text))
            assert other.ids.dtype == other.offsets.dtype == np.int64
    return words


@pytest.mark.parametrize("remembered", [1, 1000])
def test_words_that_are_cut_alone_are_the_text_cut_whole(
    tokenizer: Tokenizer, remembered: int
) -> None:
    chance = random.Random(1)
    texts = SAMPLE.read_text(encoding="utf-8").splitlines()
    texts += ["".join(chance.choices(SPECIAL, k=chance.randrange(40))) for _ in range(2000)]
    texts += ["", " ", "\n\n", "\ud800 alone", "long" * 60 + " long", "[CLS] a [SEP]"]
    expect_the_same(tokenizer, texts, remembered)


def test_so_many_words_are_remembered_and_no_long_ones(tokenizer: Tokenizer) -> None:
    texts = [f"word{number} " + "x" * 65 for number in range(200)]
    words = expect_the_same(tokenizer, texts, 60)
    assert 0 < len(words._known) <= 60 + 50  # those of one call come on top
    assert max(map(len, words._known)) < 65


def other_normalizer(definition: dict[str, Any]) -> None:
    definition["normalizer"] = {"type": "NFC"}


def joining_token(definition: dict[str, Any]) -> None:
    token = definition["added_tokens"][0] | {"id": 999, "content": "two words", "special": False}
    definition["added_tokens"].append(token)


@pytest.mark.parametrize("change", [other_normalizer, joining_token])
def test_other_tokenizers_cut_texts_whole(change: Any) -> None:
    definition = json.loads((SHIPPED / "tokenizer.json").read_text())
    change(definition)
    words = expect_the_same(Tokenizer.from_str(json.dumps(definition)), ["It has two words."], 100)
    assert not words._known
