"""Parses in an archive, read as a release's are: named by metadata.csv, in another order."""

import gzip
import io
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from index.corpora.archive import ArchivedParses, find_parses
from index.corpora.parses import FolderParses
from index.types import CorpusError, IndexingError
from index.updating import update_index
from tests.unit.index.comparing import everything
from tests.unit.index.fake_encoder import ENCODER, Noting, Silent
from tests.unit.index.indexes import build
from tests.unit.index.release import ABSTRACT, parse, sentences, write_release

NAME = "document_parses.tar.gz"
P = "document_parses/pdf_json"
Member = tuple[str | tarfile.TarInfo, bytes]


def tarred(members: Sequence[Member], file_format: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar of files, by name and content, and of other members as they are."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=file_format) as tar:
        for name, content in members:
            member = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return made.getvalue()


def prepared(root: Path, archive: bytes, *named: str, name: str = NAME) -> ArchivedParses:
    """Write the archive and prepare it."""
    (root / name).write_bytes(archive)
    parses = ArchivedParses(FolderParses(root), root / name, root / "scratch.sqlite")
    parses.prepare(named, Silent())
    return parses


A, B, C = f"{P}/a.json", f"{P}/b.json", f"{P}/c.json"
ABC = [(A, b"first"), (B, b"second"), (C, b"third")]


@pytest.mark.parametrize("file_format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("name", [NAME, "document_parses.tar"])
@pytest.mark.parametrize("packed", [True, False])
def test_named_members_can_be_read_and_others_are_not_copied(
    tmp_path: Path, file_format: int, name: str, *, packed: bool
) -> None:
    """Packed or not is seen in the file: a browser may have unpacked what is named .gz."""
    long = f"{P}/{'long' * 60}.json"
    folder = tarfile.TarInfo(P)
    folder.type = tarfile.DIRTYPE
    archive = tarred([(folder, b""), *ABC, (f"./{long}", b"fourth")], file_format)
    archive = gzip.compress(archive) if packed else archive
    parses = prepared(tmp_path, archive, C, f"./{A}", long, name=name)
    assert [parses.read(path) for path in (A, C, long)] == [b"first", b"third", b"fourth"]
    with pytest.raises(FileNotFoundError, match=f"is not in {name}"):
        parses.read(B)
    with closing(sqlite3.connect(parses.scratch)) as db:
        assert db.execute("SELECT COUNT(*) FROM parses").fetchone() == (3,)
    parses.discard()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_of_members_with_one_name_the_last_counts_as_for_tar(tmp_path: Path) -> None:
    assert prepared(tmp_path, tarred([(A, b"old"), (A, b"new")]), A).read(A) == b"new"


@pytest.mark.parametrize(
    ("kinds", "size"),
    [
        ([tarfile.GNUTYPE_LONGNAME], 1 << 21),
        ([tarfile.GNUTYPE_LONGLINK], 1 << 21),
        ([tarfile.XHDTYPE], 1 << 21),
        ([tarfile.XGLTYPE], 1 << 21),
        ([tarfile.GNUTYPE_LONGNAME] * 9, 1 << 18),
        ([tarfile.GNUTYPE_LONGNAME] * 2_000, 1),
        ([tarfile.XGLTYPE, tarfile.REGTYPE] * 9, 1 << 18),
    ],
)
def test_headers_are_not_read_beyond_their_bound(
    tmp_path: Path, kinds: list[bytes], size: int
) -> None:
    """Else a small archive fills the memory: what is in them compresses well."""
    members = []
    for number, kind in enumerate(kinds):
        (member, _), key = special(kind, "x"), f"{size + 20} {number:05}="
        members.append((member, b"" if kind == tarfile.REGTYPE else key.encode().ljust(size, b"x")))
    archive = gzip.compress(tarred([*members, *ABC]))
    with pytest.raises(CorpusError, match="is cut off or damaged"):
        prepared(tmp_path, archive, A)


def test_no_list_of_the_places_of_a_sparse_file_is_read(tmp_path: Path) -> None:
    """It has no bound either, and is in the content, or between it and its header."""
    member = tarfile.TarInfo(A)
    member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    member.pax_headers |= {"GNU.sparse.realsize": "2", "GNU.sparse.name": A}
    for sparse in ((member, b"1\n0\n2\n".ljust(512, b"\0") + b"{}"), special(b"S", A)):
        with pytest.raises(CorpusError, match="a sparse file: pack it without --sparse"):
            prepared(tmp_path, tarred([sparse]), A)


def special(kind: bytes, name: str, target: str = "") -> Member:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = target
    return member, b""


def test_what_leaves_its_place_and_what_is_no_file_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b"
    root.mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    archive = tarred(
        [
            ("../outside.json", b"x"),
            (f"{P}/../../../../outside.json", b"x"),
            (str(tmp_path / "outside.json"), b"x"),
            ("..\\outside.json", b"x"),
            special(tarfile.SYMTYPE, f"{P}/symbolic.json", "../../../secret"),
            special(tarfile.LNKTYPE, f"{P}/hard.json", "../../../secret"),
            special(tarfile.FIFOTYPE, f"{P}/pipe.json"),
            special(tarfile.CHRTYPE, f"{P}/device.json"),
            *ABC,
        ]
    )
    no_files = [f"{P}/{name}.json" for name in ("symbolic", "hard", "pipe", "device")]
    outside = ["../outside.json", str(tmp_path / "outside.json"), "..\\outside.json"]
    parses = prepared(root, archive, A, *no_files, *outside, f"{P}/symbolic.json/passwd")
    for path in no_files:
        with pytest.raises(ValueError, match="is a link, a device or a pipe in the archive"):
            parses.read(path)
    for path in outside:
        with pytest.raises(ValueError, match="leaves the corpus folder; not read"):
            parses.read(path)
    assert parses.read(A) == b"first"
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {
        *("secret", NAME, "scratch.sqlite"),
    }


def test_a_member_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.corpora.archive.LARGEST", 5)
    parses = prepared(tmp_path, tarred(ABC), A, B, C)
    assert (parses.read(A), parses.read(C)) == (b"first", b"third")
    with pytest.raises(ValueError, match="has more than 5 bytes"):
        parses.read(B)


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    archive = tarred([(A, b"first"), ("caf\udce9.json", b"x")], tarfile.GNU_FORMAT)
    assert prepared(tmp_path, archive, A).read(A) == b"first"


def whole() -> bytes:
    draw = random.Random(3)
    return tarred([(f"{P}/{n}.json", draw.randbytes(700)) for n in range(40)])


def damaged() -> Iterator[tuple[str, bytes]]:
    plain, packed = whole(), gzip.compress(whole())
    header_of_the_second = 512 + 1024
    yield from {
        "nothing": b"",
        "a little": packed[:5],
        "half": packed[: len(packed) // 2],
        "without the checksum": packed[:-8],
        "without a byte": packed[:-1],
        "a bit turned": packed[:9_000] + bytes([packed[9_000] ^ 1]) + packed[9_001:],
        "no archive": b"<html>Access denied</html>" * 99,
        "gzip of no archive": gzip.compress(b"<html>" * 999),
        "zeros after the beginning": packed[:9_000] + bytes(len(packed) - 9_000),
        "plain, within a header": plain[: header_of_the_second + 100],
        "plain, between members": plain[:header_of_the_second],
        "plain, within a member": plain[: header_of_the_second - 700],
        "plain, a header of nonsense": plain[:header_of_the_second]
        + b"\x01" * 512
        + plain[header_of_the_second + 512 :],
        "gzip of what was cut between members": gzip.compress(plain[:header_of_the_second]),
    }.items()


@pytest.mark.parametrize(("name", "content"), [pytest.param(*one, id=one[0]) for one in damaged()])
def test_a_damaged_archive_is_one_error_that_says_what_to_do(
    tmp_path: Path, name: str, content: bytes
) -> None:
    with pytest.raises(CorpusError, match="is cut off or damaged") as caught:
        prepared(tmp_path, content, f"{P}/1.json")
    assert str(tmp_path / NAME) in str(caught.value), name
    assert "fetch it again" in str(caught.value)
    assert "\n" not in str(caught.value)


class CutError(Exception):
    """A kill, as far as what comes after it can tell."""


class Cutting(Silent):
    """Raises when so many megabytes were read."""

    def __init__(self, after: int) -> None:
        self._left = after

    def advance(self, count: int) -> None:
        self._left -= count
        if self._left <= 0:
            raise CutError


def test_a_copy_that_was_cut_off_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.corpora.archive._BYTES_PER_COMMIT", 500_000)
    draw = random.Random(5)
    contents = {f"{P}/{n}.json": draw.randbytes(99_000) for n in range(60)}
    archive = tmp_path / NAME
    archive.write_bytes(tarred(list(contents.items())))
    parses = ArchivedParses(FolderParses(tmp_path), archive, tmp_path / "scratch.sqlite")
    copied = 0
    for megabytes in (1, 3, 5):
        with pytest.raises(CutError):
            parses.prepare(contents, Cutting(megabytes))
        with closing(sqlite3.connect(parses.scratch)) as db:
            before, copied = copied, db.execute("SELECT COUNT(*) FROM parses").fetchone()[0]
            db.execute("UPDATE parses SET content = content")  # what is there is not read again
        assert before <= copied < 60
    assert copied > 30
    packed: list[bytes] = []
    compress = zlib.compress
    monkeypatch.setattr(
        "index.corpora.archive.zlib.compress",
        lambda data, level: (packed.append(data), compress(data, level))[1],
    )
    parses.prepare(contents, Silent())
    assert len(packed) == 60 - copied
    assert all(parses.read(path) == content for path, content in contents.items())
    parses.prepare(contents, Cutting(1))  # complete: the archive is not read again
    assert parses.read(f"{P}/7.json") == contents[f"{P}/7.json"]


def test_a_copy_of_an_archive_that_was_replaced_begins_anew(tmp_path: Path) -> None:
    prepared(tmp_path, tarred(ABC), A, B)
    other = prepared(tmp_path, tarred([(A, b"another"), (C, b"third again")]), A, B, C)
    assert (other.read(A), other.read(C)) == (b"another", b"third again")
    with pytest.raises(FileNotFoundError):
        other.read(B)


def test_where_parses_are_looked_for(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    folder = FolderParses(tmp_path)
    assert find_parses(tmp_path, scratch) == folder
    plain, packed = tmp_path / "document_parses.tar", tmp_path / NAME
    plain.touch()
    assert find_parses(tmp_path, scratch) == ArchivedParses(folder, plain, scratch)
    packed.touch()
    parses = find_parses(tmp_path, scratch)
    assert parses == ArchivedParses(folder, packed, scratch)
    alone = parses.identity()
    assert (parses.remark, alone.startswith(NAME)) == ("", True)
    (tmp_path / "document_parses").mkdir()
    assert find_parses(tmp_path, scratch) == parses
    assert parses.identity() == f"{folder.identity()} {alone}"
    assert "the folder is read, and the archive for what the folder lacks" in parses.remark


def test_an_archive_may_have_a_folder_around_all_and_a_short_name(tmp_path: Path) -> None:
    around = [(f"./2022-06-02/{name}", content) for name, content in ABC]
    (tmp_path / "document_parses.tgz").write_bytes(gzip.compress(tarred(around)))
    parses = find_parses(tmp_path, tmp_path / "scratch")
    parses.prepare([A, B], Silent())
    assert (parses.read(A), parses.read(B)) == (b"first", b"second")


def test_the_archive_has_what_a_half_unpacked_folder_lacks(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(gzip.compress(tarred(ABC)))
    (tmp_path / A).parent.mkdir(parents=True)
    (tmp_path / A).write_bytes(b"of the folder")
    parses = find_parses(tmp_path, tmp_path / "scratch")
    parses.prepare([A, "../B"], Silent())  # the archive is not read for these
    assert not (tmp_path / "scratch").exists()
    with pytest.raises(FileNotFoundError):
        parses.read(B)
    parses.prepare([A, B, "gone"], Silent())
    assert (parses.read(A), parses.read(B)) == (b"of the folder", dict(ABC)[B])
    with pytest.raises(FileNotFoundError, match=f"is not in {NAME}"):
        parses.read("gone")
    parses.discard()
    assert not (tmp_path / "scratch").exists()


# whole builds


def release(root: Path, papers: int = 12) -> tuple[Path, Path]:
    """Write a release twice, with a folder and with an archive in another order; return both."""
    records = [
        {"cord_uid": f"u{n}", "abstract": f"{n} {ABSTRACT}", "pdf_json_files": f"{P}/{n}.json"}
        for n in range(papers)
    ]
    parses = {f"{P}/{n}.json": parse(sentences(20, f"ward-{n}")) for n in range(papers)}
    folder = write_release(root / "folder", records, parses)
    archive = write_release(root / "archive", records)
    members: list[Member] = [(path, json.dumps(made).encode()) for path, made in parses.items()]
    (archive / NAME).write_bytes(gzip.compress(tarred(members[::-1])))
    return folder, archive


@pytest.mark.parametrize("workers", [1, 2])
def test_an_archive_gives_the_same_index_as_a_folder(tmp_path: Path, workers: int) -> None:
    folder, archive = release(tmp_path)
    build(folder, tmp_path / "f")
    report = build(archive, tmp_path / "a", workers=workers)
    assert everything(tmp_path / "f") == everything(tmp_path / "a")
    assert report.corpus.unreadable == {}
    assert not [path for path in (tmp_path / "a").rglob("*") if path.name.startswith("parses")]


def test_what_is_refused_is_counted_if_a_record_names_it(tmp_path: Path) -> None:
    records = [{"cord_uid": "u", "abstract": ABSTRACT, "pdf_json_files": f"{P}/a.json; ../up"}]
    corpus = write_release(tmp_path / "c", records)
    pipe = special(tarfile.FIFOTYPE, f"{P}/a.json")
    (corpus / NAME).write_bytes(tarred([("../up", b"{}"), ("/abs", b"{}"), pipe]))
    report = build(corpus, tmp_path / "i")
    assert report.corpus.unreadable == {
        "leaves the corpus folder; not read": 1,
        "is a link, a device or a pipe in the archive; not read": 1,
    }


def test_what_no_record_names_is_not_lost(tmp_path: Path) -> None:
    records = [{"cord_uid": "u", "abstract": ABSTRACT, "pdf_json_files": A}]
    corpus = write_release(tmp_path / "c", records)
    good = (A, json.dumps(parse(sentences(20))).encode())
    (corpus / NAME).write_bytes(tarred([good]))
    build(corpus, tmp_path / "i")
    stray = [special(tarfile.SYMTYPE, f"{P}/{name}.json", "/etc/passwd") for name in "xy"]
    (corpus / NAME).write_bytes(tarred([good, *stray]))
    noting = Noting()
    found = update_index(corpus, tmp_path / "i", "fake", ENCODER.encode, noting, workers=1)
    assert (found.needed, noting.notes) == (False, [])


def test_a_truncated_archive_publishes_nothing_and_costs_nothing(tmp_path: Path) -> None:
    _, corpus = release(tmp_path)
    build(corpus, tmp_path / "i")
    before = everything(tmp_path / "i")
    packed = (corpus / NAME).read_bytes()
    (corpus / NAME).write_bytes(packed[:-100])
    with pytest.raises(CorpusError, match=r"document_parses\.tar\.gz is cut off or damaged"):
        build(corpus, tmp_path / "i")
    assert everything(tmp_path / "i") == before
    (corpus / NAME).write_bytes(packed)  # fetched again: another archive
    with pytest.raises(IndexingError, match="or their archive is another"):
        build(corpus, tmp_path / "i", resume=True)
    build(corpus, tmp_path / "i")
    assert everything(tmp_path / "i") == before


def test_a_release_without_records(tmp_path: Path) -> None:
    corpus = write_release(tmp_path / "c", [])
    (corpus / NAME).write_bytes(gzip.compress(tarred(ABC)))
    with pytest.raises(IndexingError, match="holds no text to index"):
        build(corpus, tmp_path / "i")


def test_a_damaged_copy_is_one_error(tmp_path: Path) -> None:
    _, corpus = release(tmp_path)
    packed = (corpus / NAME).read_bytes()
    (corpus / NAME).write_bytes(packed[:-100])
    with pytest.raises(CorpusError):
        build(corpus, tmp_path / "i")
    (tmp_path / "i" / ".building" / "parses.sqlite").write_bytes(b"nonsense" * 1_000)
    with pytest.raises(IndexingError, match="leave it out to start afresh"):
        build(corpus, tmp_path / "i", resume=True)


KILLED = """
import itertools, os, signal, sys
from pathlib import Path
from index.corpora import archive
from tests.unit.index.indexes import build

corpus, index_dir, last = sys.argv[1:]
calls, add = itertools.count(1), archive._add

def add_or_die(*arguments):
    if next(calls) == int(last):
        os.kill(os.getpid(), signal.SIGKILL)
    return add(*arguments)

archive._BYTES_PER_COMMIT = 20_000
archive._add = add_or_die
build(Path(corpus), Path(index_dir), resume=True)
"""


def test_a_build_that_is_killed_while_it_unpacks_ends_in_the_same_index(tmp_path: Path) -> None:
    folder, archive = release(tmp_path, papers=100)
    build(folder, tmp_path / "calm")
    for last in (1, 40, 40, 0):  # so many parses into the run; 0 is never
        ended = subprocess.run(
            [sys.executable, "-c", KILLED, str(archive), str(tmp_path / "killed"), str(last)],
            cwd=Path(__file__).parents[3],
            timeout=300,
            check=False,
        )
        assert ended.returncode == (-signal.SIGKILL if last else 0)
    assert everything(tmp_path / "killed") == everything(tmp_path / "calm")
    assert not list((tmp_path / "killed").rglob("parses.sqlite*"))
