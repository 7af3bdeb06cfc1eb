"""Reads from an encoder's folder how its texts are cut and its vectors pooled."""

import json
from pathlib import Path

from files.reading import reason
from models.contracts import ModelError
from models.loading import max_positions, read_config

MEAN, CLS = "mean", "cls"

_MODULES = {"Transformer", "Pooling", "Normalize"}
_SPECIAL = 2  # tokens that every text gets, before and behind it
_LONGEST = 512  # tokens, where a folder sets no bound
_NO_BOUND = 10**9  # tokenizers write a number with 31 digits for none
_LEGACY = {"pooling_mode_mean_tokens": MEAN, "pooling_mode_cls_token": CLS}


def pooling_of(folder: Path) -> str:
    """Return how an encoder pools its tokens: MEAN, also where it doesn't say, or CLS.

    Raises ModelError where it is another way, or the encoder has further layers.
    """
    path = folder / "modules.json"
    try:
        modules = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        kinds = {str(module["type"]).rpartition(".")[2]: str(module["path"]) for module in modules}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path} names no modules ({reason(error)})") from error
    if further := sorted(set(kinds) - _MODULES):
        raise ModelError(f"{path} names a {further[0]}, and what that does is not known here")
    if "Pooling" not in kinds:
        return MEAN
    config = read_config(folder / kinds["Pooling"])
    named = config.get("pooling_mode")
    legacy = [_LEGACY.get(k, k) for k, on in config.items() if "_mode_" in k and on is True]
    modes = legacy if named is None else [named]
    if modes not in ([MEAN], [CLS]):
        by = " and ".join(map(str, modes)) or "nothing"
        raise ModelError(
            f"{folder} pools by {by}, and only the mean and the first token are known here"
        )
    return str(modes[0])


def longest_text(folder: Path) -> int:
    """Return after how many tokens an encoder cuts a text, special tokens included.

    What its folder says, at most what the model reads at once; 512 where it doesn't say.

    Raises ModelError where it says what no encoder could.
    """
    most = max_positions(read_config(folder))
    for name, key in (
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
    ):
        said = read_config(folder, name).get(key) if (folder / name).is_file() else None
        if isinstance(said, int) and said < _NO_BOUND:
            if said <= _SPECIAL:
                raise ModelError(f"{folder / name}: a {key} of {said} leaves no token of a text")
            return min(said, most or said)
    return most or _LONGEST
