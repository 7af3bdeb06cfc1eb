"""Loads a model's tokenizer without transformers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.contracts import ModelError
from models.loading import read_config

_BEGINS = ("Ġ", "▁")
"""What the first piece of a word begins with, in the vocabularies of GPT-2 and SentencePiece."""


def load_tokenizer(folder: Path) -> Tokenizer:
    """Return a folder's tokenizer. Raises ModelError where tokenizer.json is absent or damaged."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelError(f"{folder} has no tokenizer.json: copy it there from the model's source")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise ModelError(f"the tokenizer in {folder} can't be loaded: {error}") from error


def whole_words(folder: Path) -> frozenset[str]:
    """Return the words that a folder's vocabulary has in one piece, in lower case.

    Those of ASCII letters alone: the frequent words of what the model was trained on. There are
    none where a folder has no tokenizer.json. Raises ModelError where that is damaged.
    """
    if not (folder / "tokenizer.json").is_file():
        return frozenset()
    pieces = load_tokenizer(folder).get_vocab()
    marked = any(piece.startswith(_BEGINS) for piece in pieces)  # else it is the others: "##ing"
    words = [piece[1:] for piece in pieces if piece.startswith(_BEGINS)] if marked else pieces
    return frozenset(word.lower() for word in words if word.isascii() and word.isalpha())


def cut_alike(one: Path, other: Path) -> bool:
    """Tell whether the tokenizers in two folders cut texts into the same tokens.

    Raises ModelError where one of them is absent or damaged.
    """
    found = []
    for folder in (one, other):
        tokenizer = load_tokenizer(folder)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        found.append(tokenizer.to_str())
    return found[0] == found[1]


def translation(one: Tokenizer, other: Tokenizer) -> NDArray[np.int64] | None:
    """Return the token of another tokenizer for each token of one, or None.

    None where they may cut a text into other pieces. Vocabularies of the same pieces and the same
    way to them, as of BERT and MPNet, cut alike whatever the numbers and the special tokens are.
    """
    first, second = json.loads(one.to_str()), json.loads(other.to_str())
    special = {
        token["content"]
        for some in (first, second)
        for token in some["added_tokens"]
        if token["special"]
    }
    way = _way(first, special)
    if way is None or way != _way(second, special):
        return None
    numbers, others = first["model"]["vocab"], second["model"]["vocab"]
    unknown = others[second["model"]["unk_token"]]
    found = np.full(max(numbers.values()) + 1, unknown, np.int64)
    for piece, number in numbers.items():
        if piece not in special:
            found[number] = others[piece]
    return found


def _way(tokenizer: dict[str, Any], special: set[str]) -> object:
    """Return all that decides into which pieces a text is cut; None of what is not known here."""
    model = tokenizer["model"]
    if model["type"] != "WordPiece":
        return None
    return (
        tokenizer["normalizer"],
        tokenizer["pre_tokenizer"],
        {name: value for name, value in model.items() if name not in ("vocab", "unk_token")},
        model["vocab"].keys() - special,
        {token["content"] for token in tokenizer["added_tokens"]} - special,
    )


def pad_id(folder: Path) -> int:
    """Return the id of the token that texts are padded with."""
    found = read_config(folder).get("pad_token_id")
    return found if isinstance(found, int) else 0
