"""Builds indexes with the fake encoder, in this process, and damages them."""

import json
from pathlib import Path

from index.builder import BuildReport, build_index
from tests.unit.index.fake_encoder import ENCODER, Silent

SAMPLE = Path(__file__).parents[3] / "data" / "sample"


def build(corpus: Path, index_dir: Path, **options: object) -> BuildReport:
    """Build an index as `build_index` does, in silence and with one worker, unless told else."""
    arguments = {"encoder": ENCODER, "progress": Silent(), "workers": 1} | options
    return build_index(corpus, index_dir, **arguments)  # type: ignore[arg-type]


def change_manifest(version: Path, **changes: object) -> None:
    """Change fields of the manifest in the folder of a version."""
    path = version / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def turn_a_bit(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
