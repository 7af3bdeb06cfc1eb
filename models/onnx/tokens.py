"""Loads a model's tokenizer without transformers."""

from pathlib import Path

from tokenizers import Tokenizer

from models.contracts import ModelError
from models.loading import read_config


def load_tokenizer(folder: Path) -> Tokenizer:
    """Return a folder's tokenizer. Raises ModelError where tokenizer.json is absent or damaged."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelError(f"{folder} has no tokenizer.json: copy it there from the model's source")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise ModelError(f"the tokenizer in {folder} can't be loaded: {error}") from error


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


def pad_id(folder: Path) -> int:
    """Return the id of the token that texts are padded with."""
    found = read_config(folder).get("pad_token_id")
    return found if isinstance(found, int) else 0
