"""What an index is made of: written with it, verified before it is served.

An index folder holds versions, and a file that names the current one:

    INDEX/CURRENT                    the name of a version
    INDEX/<version>/manifest.json    this module's `Manifest`
    INDEX/<version>/...              the files whose checksums the manifest holds

A version is never changed once `CURRENT` names it, so a process that has it open is not disturbed
when the next one is published.
"""

import json
import re
import shlex
import shutil
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path

from files.checksums import sha256
from files.reading import json_object
from files.writing import sync, temporary, write_durably
from index.opening import unopened
from index.types import AlteredError, IndexingError, MisfitError, ShortageError, VectorRecall

FORMAT = 2
CURRENT = "CURRENT"
"""The name of the file that names the current version."""

MANIFEST = "manifest.json"
_NO_MANIFEST = (ValueError, LookupError, TypeError, AttributeError)  # what parsing nonsense raises
_ALTERED = "was altered (its SHA-256 differs from the manifest's)"
_VERSION = re.compile(r"\d{8}T\d{6}\.\d{6}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description of one version of an index.

    `files` maps each file's name to its size in bytes and its SHA-256. `built_at` is UTC,
    ISO 8601. `word_dimension` is 0 for an index without vectors of words. `metric` is always
    "inner_product": of unit vectors, their cosine. `vector_index` is one of
    `index.vector_kinds.KINDS`, and somebody chose it or the number of passages did. `recall` is
    None where it was not measured.
    """

    format: int
    version: str
    built_at: str
    corpus: str
    encoder: str
    dimension: int
    word_dimension: int
    metric: str
    vector_index: str
    chunker: str
    papers: int
    passages: int
    files: dict[str, tuple[int, str]]
    recall: VectorRecall | None = None
    vector_index_chosen: bool = False

    def write(self, folder: Path) -> None:
        """Write the manifest into `folder`."""
        write_durably(folder / MANIFEST, json.dumps(asdict(self), indent=2) + "\n")


def version_name(built_at: datetime, checksum: str) -> str:
    """Return the name of a version: names sort by the time `built_at`, which is UTC."""
    return f"{built_at:%Y%m%dT%H%M%S.%f}-{checksum[:8]}"


def describe(folder: Path, without: Collection[str] = ()) -> dict[str, tuple[int, str]]:
    """Return size and SHA-256 of every file below `folder`, by name.

    Left out are the manifest itself and the names in `without`.
    """
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, sha256(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {MANIFEST, *without}
    }


def current_version(index_dir: Path) -> Path:
    """Return the folder of the published version. Raises IndexingError when there is none."""
    pointer = index_dir / CURRENT
    if not pointer.is_file():
        if (index_dir / MANIFEST).is_file():
            raise _is_version(index_dir)
        what = "is a file, not a folder" if index_dir.is_file() else "is not there"
        if index_dir.is_dir():
            what = "is not an index (it has no file CURRENT)"
        if pointer.is_dir():
            what = "is not an index (CURRENT in it is a folder: remove that first)"
        build = f"build one with `python -m scripts.build_index --corpus DIR --index {index_dir}`"
        raise IndexingError(f"the index {index_dir} {what}: {_way_back(index_dir) or build}")
    name = _named(pointer)
    if not _VERSION.fullmatch(name) or not (index_dir / name).is_dir():
        raise IndexingError(
            f"the index {index_dir} names the version {name[:80]!r}, which is not in it: "
            f"{_way_back(index_dir) or 'build it again'}"
        )
    return index_dir / name


def expect_no_version(index_dir: Path) -> None:
    """Raise IndexingError where `index_dir` is one version of an index: nothing is built in it."""
    if _VERSION.fullmatch(index_dir.resolve().name) and (index_dir / MANIFEST).is_file():
        raise _is_version(index_dir)


def _is_version(index_dir: Path) -> IndexingError:
    return IndexingError(
        f"{index_dir} is one version of an index: give the folder that holds it, "
        f"{index_dir.resolve().parent}"
    )


def index_around(path: Path) -> Path | None:
    """Return the index, or the version of one, that `path` is or lies in, None where in none.

    A link is looked at where it lies and where it leads to.
    """
    for place in (path.parent.resolve() / path.name, path.resolve()):
        for folder in (place, *place.parents):
            if (folder / CURRENT).is_file() or (
                _VERSION.fullmatch(folder.name) and (folder / MANIFEST).is_file()
            ):
                return folder
    return None


def _way_back(index_dir: Path) -> str:
    """Return how to point CURRENT at the newest version that is whole, "" when none is.

    Only the sizes of its files are looked at: whoever opens it compares the checksums.
    """
    for folder in reversed(versions(index_dir) if index_dir.is_dir() else []):
        try:
            files = read_manifest(folder).files.items()
            whole = all((folder / name).stat().st_size == size for name, (size, _) in files)
        except (OSError, IndexingError):
            continue
        if whole:
            return (
                f"it holds the version {folder.name}, and `echo {folder.name} > "
                f"{shlex.quote(str(index_dir / CURRENT))}` makes it the current one"
            )
    return ""


def current_name(index_dir: Path) -> str:
    """Return what `CURRENT` holds, be it the name of a version or not; "" when it is not there.

    Raises IndexingError when it cannot be read.
    """
    pointer = index_dir / CURRENT
    return _named(pointer) if pointer.is_file() else ""


def versions(index_dir: Path) -> list[Path]:
    """Return the folders of all versions in `index_dir`, by name, published or not."""
    return sorted(path for path in index_dir.iterdir() if _VERSION.fullmatch(path.name))


def _named(pointer: Path) -> str:
    try:
        return pointer.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise unopened(pointer, error, "cannot be read", "mend that") from error


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of the version in `folder`.

    Raises MisfitError for one of another format, and IndexingError for what is no manifest.
    """
    path = folder / MANIFEST
    try:
        data = json_object(path)
        found = data["format"]
        if found != FORMAT:
            raise MisfitError(
                f"{path} has format {found}, and this program reads format {FORMAT}: "
                + ("update the program" if found > FORMAT else "build the index again")
            )
        files = {str(k): (int(v[0]), str(v[1])) for k, v in data.pop("files").items()}
        recall = data.pop("recall", None)
        if recall is not None:
            recall = VectorRecall(**recall)
            _check_types(recall)
        manifest = Manifest(**data, files=files, recall=recall)
        _check_types(manifest)
    except (OSError, RecursionError, *_NO_MANIFEST) as error:
        raise unopened(path, error, "is not a manifest") from error
    return manifest


def _check_types(read: Manifest | VectorRecall) -> None:
    """Raise ValueError for a value of another type than its field, or a number too small."""
    for field in fields(read):
        value = getattr(read, field.name)
        if field.type in (bool, int, float, str) and type(value) is not field.type:
            raise ValueError(f"{field.name} is {value!r}")
        if field.type is int and value < (1 if field.name == "dimension" else 0):
            raise ValueError(f"{field.name} is {value}")


def verify(folder: Path, manifest: Manifest, *, content: bool = True) -> None:
    """Compare the files in `folder` with the manifest, first by their sizes alone.

    Without `content` by these only: reading a large index takes minutes. Raises AlteredError where
    a checksum differs, ShortageError, and IndexingError for any other difference.
    """
    for whole in (False, True) if content else (False,):
        for name, problem in differences(folder, manifest, content=whole):
            kind = AlteredError if problem == _ALTERED else IndexingError
            raise kind(f"index file {folder / name} {problem}: build or copy the index again")


def differences(
    folder: Path, manifest: Manifest, *, content: bool = True
) -> Iterator[tuple[str, str]]:
    """Yield the name of each file in `folder` that differs from the manifest, and what is wrong.

    Without `content`, what is missing or of another size. Raises ShortageError.
    """
    for name, (size, checksum) in manifest.files.items():
        if problem := _difference(folder / name, size, checksum if content else None):
            yield name, problem


def _difference(path: Path, size: int, checksum: str | None) -> str:
    try:
        if path.stat().st_size != size:
            return f"has {path.stat().st_size:,} bytes where {size:,} were written"
        same = checksum is None or sha256(path) == checksum
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        wrong = unopened(path, error, "cannot be read")
        if isinstance(wrong, ShortageError):
            raise wrong from error  # it says nothing of the file
        return f"cannot be read ({error.strerror})"
    return "" if same else _ALTERED


def publish(building: Path, index_dir: Path, version: str) -> Path:
    """Make the finished folder `building` the current version of `index_dir`; return its folder.

    All files are on the disk before `CURRENT` is replaced, in one rename. The version that was
    current stays, for processes that still read it; older ones are deleted. When this fails with
    an OSError, `building` and `CURRENT` are as they were.
    """
    for path in (building, *building.rglob("*")):
        sync(path)
    pointer = index_dir / CURRENT
    before = current_name(index_dir)
    prepared = temporary(pointer)
    prepared.write_text(f"{version}\n", encoding="utf-8")
    sync(prepared)
    folder = index_dir / version
    building.rename(folder)
    try:
        sync(index_dir)
        prepared.replace(pointer)
    except OSError:
        folder.rename(building)
        raise
    sync(index_dir)
    for path in versions(index_dir):
        if path.name not in {version, before}:
            shutil.rmtree(path, ignore_errors=True)
    return folder
