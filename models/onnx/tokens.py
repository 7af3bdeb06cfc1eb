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


def pad_id(folder: Path) -> int:
    """Return the id of the token that texts are padded with."""
    found = read_config(folder).get("pad_token_id")
    return found if isinstance(found, int) else 0
