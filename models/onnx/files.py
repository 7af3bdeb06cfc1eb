"""The files of a model for ONNX Runtime, and what is known about them.

`model.int8.onnx` lies in a model's folder, beside the weights that it was made from or without
them; `model.int8.json` tells which weights those were, the checksums of the file and of the
tokenizer, and how far the file is from the weights. Where these are there too, the names must
agree.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from files.checksums import sha256
from files.reading import json_object
from files.writing import write_durably
from models.contracts import ENCODER, READER, ModelError, a
from models.onnx.parity import check

GRAPH = "model.int8.onnx"
RECORD = "model.int8.json"
TOKENIZER = "tokenizer.json"
OPSET = 17
FORMAT = 1

READER_OUTPUTS = ("start_logits", "end_logits", "states")
"""What a reader's graph returns; one that was exported by an earlier version has no states."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the JSON file beside a graph says.

    `model` is the `identity` of the weights that it was made from, `sha256` the graph's checksum,
    `parity` what was measured when it was made (see `models.onnx.parity`). `tokenizer` is the
    checksum of the tokenizer.json that it goes with; a record made before has none.
    """

    kind: str
    model: str
    sha256: str
    opset: int = OPSET
    format: int = FORMAT
    parity: dict[str, float] = field(default_factory=dict)
    tokenizer: str = ""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a folder's record. Raises ModelError where it is damaged or of another version."""
        path = folder / RECORD
        try:
            record = cls(**json_object(path))
        except (OSError, ValueError, TypeError) as error:
            raise ModelError(f"{path} is no record of an ONNX file ({error}): {AGAIN}") from error
        if record.kind not in (READER, ENCODER) or not isinstance(record.model, str):
            raise ModelError(f"{path} names no reader or encoder: {AGAIN}")
        parity: object = record.parity
        if not isinstance(parity, dict) or not all(
            isinstance(figure, int | float) for figure in parity.values()
        ):
            raise ModelError(f"{path} holds no figures of parity: {AGAIN}")
        if (record.format, record.opset) != (FORMAT, OPSET):
            raise ModelError(
                f"{path} is of format {record.format} and opset {record.opset}, and this program "
                f"reads format {FORMAT} and opset {OPSET}: {AGAIN}"
            )
        return record

    def write(self, folder: Path) -> None:
        """Write the record into a folder, whole or not at all."""
        write_durably(folder / RECORD, json.dumps(asdict(self), indent=2) + "\n")


AGAIN = "export the model again (python -m scripts.export_onnx)"
"""How most of what can be wrong with these files is mended."""


def has_graph(folder: Path) -> bool:
    """Tell whether a model's folder holds one of the two files, and so claims to have both."""
    return any((folder / name).is_file() for name in (GRAPH, RECORD))


def verified(folder: Path, kind: str, weights: str | None) -> Record:
    """Return the record of a folder's graph once the graph is seen to be the one it describes.

    `weights` is the identity of the weights in the same folder, or None where there are none.

    Raises ModelError: a file is missing, damaged, of another version or of other weights, the
    graph is of another kind of model, or was found too far from its weights, or the tokenizer is
    another: its numbers would mean other words.
    """
    for name in (GRAPH, RECORD):
        if not (folder / name).is_file():
            raise ModelError(f"{folder} has no {name}: {AGAIN}")
    record = Record.read(folder)
    if record.kind != kind:
        raise ModelError(f"{folder / GRAPH} is of {a(record.kind)}, and {a(kind)} is needed")
    if sha256(folder / GRAPH) != record.sha256:
        raise ModelError(
            f"{folder / GRAPH} is not the file that {RECORD} describes (it was cut short, altered "
            f"or replaced): restore it, or {AGAIN}"
        )
    check(record.parity, str(folder / GRAPH))
    if weights not in (None, record.model):
        raise ModelError(
            f"{folder / GRAPH} was made from {record.model}, and the weights beside it are "
            f"{weights}: {AGAIN}"
        )
    tokenizer = folder / TOKENIZER
    if record.tokenizer and tokenizer.is_file() and sha256(tokenizer) != record.tokenizer:
        raise ModelError(
            f"{tokenizer} is not the one that {RECORD} describes: copy it there from the model's "
            f"source, or, where it was changed on purpose, {AGAIN}"
        )
    return record
