"""An index as one file: packed, unpacked, and refused when it is anything else."""

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from index.manifest import CURRENT, Manifest, current_version, read_manifest
from index.packing import pack, unpack
from index.search import PassageIndex
from index.types import IndexingError, MisfitError
from tests.unit.index.disk import largest_file
from tests.unit.index.indexes import build, change_manifest
from tests.unit.index.release import parse, sentences, write_release

LIMIT = 50_000_000


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("packing")
    records = [{"cord_uid": "u1", "title": "Masks", "pdf_json_files": "u1.json"}]
    corpus = write_release(root / "corpus", records, {"u1.json": parse(sentences(60, "ward"))})
    build(corpus, root / "index")
    (root / "index/calibration").mkdir()
    (root / "index/calibration/retrieval.json").write_text("{}", encoding="utf-8")
    return root / "index"


@pytest.fixture
def archive(built: Path, tmp_path: Path) -> Path:
    pack(built, tmp_path / "index.tar")
    return tmp_path / "index.tar"


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in {".lock", ".tantivy-meta.lock"}
    }


def repacked(archive: Path, change: Callable[[tarfile.TarInfo], tarfile.TarInfo | None]) -> Path:
    """Write the archive again with each member changed, or without it."""
    target = archive.with_name("changed.tar")
    with tarfile.open(archive) as old, tarfile.open(target, "w") as new:
        for member in old:
            content = old.extractfile(member)
            if changed := change(member):
                new.addfile(changed, content if changed.isreg() else None)
    return target


def renamed(name: str) -> Callable[[tarfile.TarInfo], tarfile.TarInfo]:
    def change(member: tarfile.TarInfo) -> tarfile.TarInfo:
        if member.name == CURRENT:
            member.name = name
        return member

    return change


def as_link(member: tarfile.TarInfo) -> tarfile.TarInfo:
    if member.name == CURRENT:
        member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0
    return member


def without(name: str) -> Callable[[tarfile.TarInfo], tarfile.TarInfo | None]:
    return lambda member: None if member.name.endswith(name) else member


def test_an_index_comes_out_as_it_went_in(built: Path, archive: Path, tmp_path: Path) -> None:
    published = unpack(archive, tmp_path / "there", limit=LIMIT, encoder="fake")
    assert published == current_version(tmp_path / "there")
    assert files(tmp_path / "there") == files(built)
    assert PassageIndex.open(tmp_path / "there", "fake").manifest.papers == 1


def test_the_same_index_gives_the_same_bytes_and_their_checksum(
    built: Path, archive: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(built, tmp_path / "copy"))
    sha256, manifest = pack(copy, tmp_path / "again.tar")
    assert sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert manifest == read_manifest(current_version(copy))
    assert (tmp_path / "again.tar").read_bytes() == archive.read_bytes()
    with tarfile.open(archive) as tar:
        assert {(m.uid, m.gid, m.mtime, m.uname) for m in tar} == {(0, 0, 0, "")}


def test_an_older_index_is_replaced_and_its_calibrations_with_it(
    built: Path, archive: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(built, tmp_path / "there"))
    (folder / "calibration/old.json").write_text("{}", encoding="utf-8")
    unpack(archive, folder, limit=LIMIT)
    assert files(folder) == files(built)


def test_an_index_of_another_encoder_is_packed_for_no_service(built: Path, tmp_path: Path) -> None:
    with pytest.raises(MisfitError, match=r"encoder fake, and .* embedded with other: use that"):
        pack(built, tmp_path / "index.tar", "other")
    assert list(tmp_path.iterdir()) == []
    pack(built, tmp_path / "index.tar", "fake")


def test_a_damaged_index_is_not_packed(built: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(built, tmp_path / "copy"))
    (current_version(folder) / "vectors.faiss").write_bytes(b"x")
    with pytest.raises(IndexingError, match=r"vectors\.faiss has 1 bytes"):
        pack(folder, tmp_path / "index.tar")
    assert not (tmp_path / "index.tar").exists()


def test_a_link_is_followed_and_what_is_no_file_is_refused(
    built: Path, archive: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(archive)
    whole = archive.read_bytes()
    archive.write_bytes(b"old")
    pack(built, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert archive.read_bytes() == whole
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link to a pipe").symlink_to("pipe")
    for name in ("pipe", "link to a pipe", "."):
        with pytest.raises(OSError, match="is no regular file"):
            pack(built, tmp_path / name)
    assert (tmp_path / "pipe").is_fifo()


def test_parts_that_do_not_belong_together_are_neither_packed_nor_published(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(built, tmp_path / "copy"))
    change_manifest(current_version(folder), word_dimension=4)
    with pytest.raises(IndexingError, match="do not belong together"):
        pack(folder, tmp_path / "other.tar")
    monkeypatch.setattr("index.packing.PassageIndex.of", lambda *_: None)  # an older program
    pack(folder, tmp_path / "other.tar")
    monkeypatch.undo()
    with pytest.raises(IndexingError, match=r"holds no index that can be served: .* together"):
        unpack(tmp_path / "other.tar", tmp_path / "there", limit=LIMIT)
    assert list((tmp_path / "there").iterdir()) == []


@pytest.mark.parametrize("updates", [1, 2])
def test_versions_that_are_published_meanwhile(
    built: Path, tmp_path: Path, updates: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(built, tmp_path / "copy"))
    before = current_version(folder).name

    def opened_slowly(version: Path, _: Manifest) -> None:
        record = {"cord_uid": "u2", "title": "Gowns", "abstract": "Five words are just enough."}
        corpus = write_release(tmp_path / "corpus", [record], {})
        for _ in range(updates):
            build(corpus, version.parent)

    monkeypatch.setattr("index.packing.PassageIndex.of", opened_slowly)
    target = tmp_path / "index.tar"
    if updates == 1:  # the version before is kept
        pack(folder, target)
        monkeypatch.undo()
        assert unpack(target, tmp_path / "there", limit=LIMIT).name == before
        assert current_version(folder).name != before
    else:
        with pytest.raises(IndexingError, match="gone: newer versions were published meanwhile"):
            pack(folder, target)
        assert not target.exists()


def test_a_full_disk_leaves_no_half_file(built: Path, tmp_path: Path) -> None:
    with largest_file(4096), pytest.raises(OSError, match="large"):
        pack(built, tmp_path / "index.tar")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (renamed("../CURRENT"), r"holds '\.\./CURRENT', which no packed index does"),
        (renamed("/CURRENT"), "holds '/CURRENT'"),
        (as_link, "holds 'CURRENT'"),
        (without(CURRENT), r"it has no file CURRENT: pack the index again"),
        (without("manifest.json"), "is not a manifest"),
        (without("passages.sqlite"), r"passages\.sqlite is missing"),
        (renamed("x" * 300), "damaged one: pack the index again"),
        (renamed("."), "damaged one: pack the index again"),
        (renamed(f"{CURRENT}/x"), "it has no file CURRENT"),
    ],
)
def test_another_archive_is_refused(
    archive: Path,
    tmp_path: Path,
    change: Callable[[tarfile.TarInfo], tarfile.TarInfo | None],
    said: str,
) -> None:
    with pytest.raises(IndexingError, match=said):
        unpack(repacked(archive, change), tmp_path / "there", limit=LIMIT)
    assert list((tmp_path / "there").iterdir()) == []
    assert not (tmp_path / "CURRENT").exists()


def test_no_advice_names_the_folder_that_an_archive_was_unpacked_to(
    archive: Path, tmp_path: Path
) -> None:
    with pytest.raises(IndexingError) as raised:
        unpack(repacked(archive, without(CURRENT)), tmp_path / "there", limit=LIMIT)
    assert "build_index" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"<html>Not found</html>" * 100, b"\0" * 20_480])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "index.tar").write_bytes(content)
    with pytest.raises(IndexingError, match=r"is no tar archive|holds no index"):
        unpack(tmp_path / "index.tar", tmp_path / "there", limit=LIMIT)


def test_an_archive_that_is_cut_off_is_refused(archive: Path, tmp_path: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-40_000])
    with pytest.raises(IndexingError, match="damaged"):
        unpack(archive, tmp_path / "there", limit=LIMIT)
    assert list((tmp_path / "there").iterdir()) == []


def test_an_index_of_another_encoder_is_refused(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(IndexingError, match="built with the encoder fake"):
        unpack(archive, tmp_path / "there", limit=LIMIT, encoder="another")


def test_no_more_than_the_limit_is_unpacked(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(IndexingError, match=r"unpacks to more than 9,000 bytes"):
        unpack(archive, tmp_path / "there", limit=9_000)
    assert list((tmp_path / "there").iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE])
def test_members_without_content_count_too(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "index.tar", "w") as tar:
        for number in range(1_000):
            member = tarfile.TarInfo(f"a/{number}")
            member.type = kind
            tar.addfile(member)
    with pytest.raises(IndexingError, match=r"unpacks to more than 100,000 bytes"):
        unpack(tmp_path / "index.tar", tmp_path / "there", limit=100_000)


def test_a_version_that_is_there_stays_when_the_same_cannot_be_published(
    built: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(built, tmp_path / "there"))
    before = files(folder)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("index.packing.publish", fail)
    with pytest.raises(OSError, match="No space left"):
        unpack(archive, folder, limit=LIMIT)
    assert files(folder) == before


def test_files_that_are_no_part_of_the_index_are_left_out(archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive) as tar:
        version = tar.getnames()[1].split("/")[0]
    with tarfile.open(archive, "a") as tar:
        member = tarfile.TarInfo(f"{version}/more.bin")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"more"))
    published = unpack(archive, tmp_path / "there", limit=LIMIT)
    assert not (published / "more.bin").exists()
