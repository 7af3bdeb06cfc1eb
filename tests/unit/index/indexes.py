"""Builds indexes with the fake encoder, in this process, looks into them and damages them."""

import json
from contextlib import closing
from pathlib import Path

from index.builder import BuildReport, build_index
from index.manifest import current_version
from index.passages import PASSAGES, PassageStore
from index.types import Passage
from tests.unit.index.fake_encoder import ENCODER, Silent

SAMPLE = Path(__file__).parents[3] / "data" / "sample"


def build(corpus: Path, index_dir: Path, **options: object) -> BuildReport:
    """Build an index as `build_index` does, in silence and with one worker, unless told else."""
    arguments = {"encoder": ENCODER, "progress": Silent(), "workers": 1} | options
    return build_index(corpus, index_dir, **arguments)  # type: ignore[arg-type]


def passages_of(index_dir: Path) -> list[Passage]:
    """Return all passages of an index."""
    with closing(PassageStore(current_version(index_dir) / PASSAGES)) as store:
        return store.get(range(store.passages))


def change_manifest(version: Path, **changes: object) -> None:
    """Change fields of the manifest in the folder of a version."""
    path = version / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def turn_a_bit(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
