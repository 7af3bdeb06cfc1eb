"""What an index is made of: written with it, verified before it is served.

An index folder holds versions, and a file that names the current one:

    INDEX/CURRENT                    the name of a version
    INDEX/<version>/manifest.json    this module's `Manifest`
    INDEX/<version>/...              the files whose checksums the manifest holds

A version is never changed once `CURRENT` names it, so a process that has it open is not disturbed
when the next one is published.
"""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from index.types import IndexingError

FORMAT = 1
_CURRENT = "CURRENT"
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description of one version of an index.

    `files` maps each file's name to its size in bytes and its SHA-256. `built_at` is UTC,
    ISO 8601. `metric` is always "inner_product": of unit vectors, their cosine.
    """

    format: int
    version: str
    built_at: str
    corpus: str
    encoder: str
    dimension: int
    metric: str
    vector_index: str
    chunker: str
    papers: int
    passages: int
    files: dict[str, tuple[int, str]]

    def write(self, folder: Path) -> None:
        """Write the manifest into `folder`."""
        write_durably(folder / _MANIFEST, json.dumps(asdict(self), indent=2) + "\n")


def describe(folder: Path) -> dict[str, tuple[int, str]]:
    """Return size and SHA-256 of every file below `folder`, but for the manifest itself."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, _sha256(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != _MANIFEST
    }


def current_version(index_dir: Path) -> Path:
    """Return the folder of the published version. Raises IndexingError when there is none."""
    pointer = index_dir / _CURRENT
    if not pointer.is_file():
        what = "is not an index (it has no file CURRENT)" if index_dir.is_dir() else "is not there"
        raise IndexingError(
            f"the index {index_dir} {what}: build one with "
            f"`python -m scripts.build_index --corpus DIR --index {index_dir}`"
        )
    name = pointer.read_text(encoding="utf-8", errors="replace").strip()
    folder = index_dir / name
    if not name or "/" in name or name.startswith(".") or not folder.is_dir():
        raise IndexingError(
            f"the index {index_dir} names the version {name[:80]!r}, which is not in it: "
            "build it again"
        )
    return folder


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of the version in `folder`. Raises IndexingError."""
    path = folder / _MANIFEST
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        found = data["format"]
        if found != FORMAT:
            raise IndexingError(
                f"{path} has format {found}, and this program reads format {FORMAT}: "
                + ("update the program" if found > FORMAT else "build the index again")
            )
        files = {str(k): (int(v[0]), str(v[1])) for k, v in data.pop("files").items()}
        return Manifest(**data, files=files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IndexingError(f"{path} is not a manifest ({error}): build the index again") from error


def verify(folder: Path, manifest: Manifest) -> None:
    """Compare the files in `folder` with the manifest. Raises IndexingError on any difference."""
    for name, (size, checksum) in manifest.files.items():
        path = folder / name
        if not path.is_file():
            problem = "is missing"
        elif path.stat().st_size != size:
            problem = f"has {path.stat().st_size:,} bytes where {size:,} were written"
        elif _sha256(path) != checksum:
            problem = "was altered (its SHA-256 differs from the manifest's)"
        else:
            continue
        raise IndexingError(f"index file {path} {problem}: build or copy the index again")


def publish(building: Path, index_dir: Path, version: str, keep: int = 2) -> Path:
    """Make the finished folder `building` the current version of `index_dir`; return its folder.

    All files are on the disk before `CURRENT` is replaced, in one rename. Of the older versions
    the newest `keep - 1` stay, for processes that still read them.
    """
    for path in building.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    folder = index_dir / version
    building.rename(folder)
    _sync_folder(index_dir)
    write_durably(index_dir / _CURRENT, version + "\n")
    versions = sorted(path.parent for path in index_dir.glob(f"*/{_MANIFEST}"))
    older = [path for path in versions if path.name < version and not path.name.startswith(".")]
    for path in older[: max(0, len(older) - (keep - 1))]:
        shutil.rmtree(path, ignore_errors=True)
    return folder


def write_durably(path: Path, text: str) -> None:
    """Write a small file so that it is complete or absent, whatever happens."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
