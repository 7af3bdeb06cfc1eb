from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from index.manifest import (
    FORMAT,
    Manifest,
    current_version,
    describe,
    publish,
    read_manifest,
    verify,
    version_name,
)
from index.types import IndexingError
from tests.unit.index.indexes import change_manifest


def version(day: int) -> str:
    return version_name(datetime(2026, 1, day, tzinfo=UTC), "0123456789abcdef")


def make(folder: Path, name: str = version(1), **changes: Any) -> Manifest:
    """Write two files and their manifest into `folder`."""
    (folder / "keywords").mkdir(parents=True)
    (folder / "a").write_bytes(b"one two three")
    (folder / "keywords" / "b").write_bytes(bytes(1000))
    manifest = Manifest(
        format=FORMAT,
        version=name,
        built_at="2026-01-01T00:00:00+00:00",
        corpus="sample",
        encoder="fake",
        dimension=8,
        word_dimension=4,
        metric="inner_product",
        vector_index="Flat",
        chunker="c",
        papers=1,
        passages=2,
        files=describe(folder),
    )
    manifest.write(folder)
    if changes:
        change_manifest(folder, **changes)
    return manifest


def test_a_manifest_comes_back(tmp_path: Path) -> None:
    manifest = make(tmp_path / "x")
    assert sorted(manifest.files) == ["a", "keywords/b"]
    assert read_manifest(tmp_path / "x") == manifest
    verify(tmp_path / "x", manifest)
    assert describe(tmp_path / "x", without=["a"]).keys() == {"keywords/b"}


def test_version_names_sort_by_time() -> None:
    names = [version(day) for day in (9, 10, 11)]
    assert names == sorted(names)
    assert names[0] == "20260109T000000.000000-01234567"


def test_every_damage_is_found(tmp_path: Path) -> None:
    manifest = make(tmp_path)
    for name in manifest.files:
        path = tmp_path / name
        whole = path.read_bytes()
        for content, problem in [
            (whole[:-1], "has [0-9,]+ bytes where [0-9,]+ were written"),
            (b"", "has 0 bytes"),
            (whole + b"\n", "has [0-9,]+ bytes"),
            (bytes([whole[0] ^ 1]) + whole[1:], "was altered"),
            (whole[:-1] + bytes([whole[-1] ^ 128]), "was altered"),
        ]:
            path.write_bytes(content)
            with pytest.raises(IndexingError, match=f"{name} {problem}.*build or copy"):
                verify(tmp_path, manifest)
        path.unlink()
        with pytest.raises(IndexingError, match=f"{name} is missing"):
            verify(tmp_path, manifest)
        path.mkdir()
        with pytest.raises(IndexingError, match=f"index file .*{name} "):
            verify(tmp_path, manifest)
        path.rmdir()
        path.write_bytes(whole)
    verify(tmp_path, manifest)


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = make(tmp_path)

    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("index.manifest.sha256", refuse)
    with pytest.raises(IndexingError, match=r"cannot be read \(Permission denied\)"):
        verify(tmp_path, manifest)


@pytest.mark.parametrize(
    ("found", "advice"), [(FORMAT + 1, "update the program"), (FORMAT - 1, "build the index again")]
)
def test_another_format_says_what_to_do(tmp_path: Path, found: int, advice: str) -> None:
    make(tmp_path, format=found, future=True)
    with pytest.raises(IndexingError, match=f"has format {found}.*reads format {FORMAT}: {advice}"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "3", "null", '"text"', "{}", '{"format": 1}', '{"format": "1"}', "\x00"),
        *('{"format": 1, "files": {}}', '{"format": 1, "files": {"a": []}}'),
        *('{"format": 1, "files": {"a": 3}}', '{"format": 1, "files": []}', "[" * 100_000),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: str) -> None:
    make(tmp_path)
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(IndexingError, match="build the index again"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dimension": None}, "dimension is None"),
        ({"dimension": "384"}, "dimension is '384'"),
        ({"dimension": 0}, "dimension is 0"),
        ({"word_dimension": -1}, "word_dimension is -1"),
        ({"papers": "40"}, "papers is '40'"),
        ({"passages": True}, "passages is True"),
        ({"encoder": None}, "encoder is None"),
        ({"vector_index_chosen": "no"}, "vector_index_chosen is 'no'"),
        ({"recall": {"at_10": None, "at_100": 1.0, "questions": 3}}, "at_10 is None"),
        ({"recall": 5}, "is not a manifest"),
    ],
)
def test_values_of_another_type_are_refused(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    make(tmp_path, **change)
    with pytest.raises(IndexingError, match=f"{said}.*: build the index again"):
        read_manifest(tmp_path)


def test_a_truncated_or_missing_manifest_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(IndexingError, match="is not a manifest"):
        read_manifest(tmp_path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(IndexingError, match="is not a manifest"):
        read_manifest(tmp_path)
    path.unlink()
    with pytest.raises(IndexingError, match="is not a manifest"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\n", b".", b"..", b"../other", b"/tmp", b".building", b"nonsense", b"a\x00b"),
        *(b"x" * 5_000, b"\xff\xfe", version(9).encode(), f"{version(1)}\nmore".encode()),
    ],
)
def test_a_nonsensical_current_is_refused(tmp_path: Path, content: bytes) -> None:
    make(tmp_path / version(1))
    make(tmp_path / ".building")
    next((tmp_path / version(1)).rglob("manifest.json")).unlink()
    (tmp_path / "CURRENT").write_bytes(content)
    with pytest.raises(IndexingError, match=r"names the version .* not in it: build it") as caught:
        current_version(tmp_path)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", version(9).encode()])
def test_a_lost_current_is_no_reason_to_build_again(tmp_path: Path, content: bytes | None) -> None:
    for day in (1, 2, 3):
        make(tmp_path / version(day), version(day))
    next(file for file in (tmp_path / version(3)).rglob("*") if file.is_file()).write_bytes(b"")
    if content is not None:
        (tmp_path / "CURRENT").write_bytes(content)
    with pytest.raises(IndexingError, match=f"it holds the version {version(2)}, and `echo "):
        current_version(tmp_path)


def test_what_a_manifest_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(f'{{"format": {FORMAT}}}')
    with pytest.raises(IndexingError, match=r"is not a manifest \(it has no 'files'\): build"):
        read_manifest(tmp_path)


def test_one_level_too_deep_names_the_one_above(tmp_path: Path) -> None:
    make(tmp_path / version(1), version(1))
    with pytest.raises(IndexingError, match=f"is one version .* that holds it, {tmp_path}$"):
        current_version(tmp_path / version(1))


def test_a_folder_in_the_place_of_current_is_to_be_removed_first(tmp_path: Path) -> None:
    make(tmp_path / version(1), version(1))
    (tmp_path / "CURRENT").mkdir()
    with pytest.raises(IndexingError, match=r"CURRENT in it is a folder: remove that.*`echo "):
        current_version(tmp_path)


def test_an_index_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(IndexingError, match="is not there: build one with"):
        current_version(tmp_path / "nowhere")
    with pytest.raises(IndexingError, match=r"is not an index \(it has no file CURRENT\)"):
        current_version(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(IndexingError, match="is not there"):
        current_version(tmp_path / "file" / "index")


def published(index_dir: Path, day: int) -> Path:
    make(index_dir / ".building", version(day))
    return publish(index_dir / ".building", index_dir, version(day))


def test_the_version_before_stays_and_older_ones_go(tmp_path: Path) -> None:
    (tmp_path / "1-of-mine").mkdir()  # not ours, though it has a manifest
    (tmp_path / "1-of-mine" / "manifest.json").touch()
    for day in (1, 2, 3):
        assert published(tmp_path, day) == current_version(tmp_path) == tmp_path / version(day)
        verify(current_version(tmp_path), read_manifest(current_version(tmp_path)))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "1-of-mine",
        version(2),
        version(3),
        "CURRENT",
    ]


def test_what_was_never_current_does_not_push_out_what_was(tmp_path: Path) -> None:
    published(tmp_path, 1)
    make(tmp_path / version(2))  # a process was killed before it replaced CURRENT
    published(tmp_path, 3)
    assert {path.name for path in tmp_path.iterdir()} == {version(1), version(3), "CURRENT"}


def test_a_clock_that_went_back(tmp_path: Path) -> None:
    published(tmp_path, 20)
    assert published(tmp_path, 10) == current_version(tmp_path)
    assert published(tmp_path, 11) == current_version(tmp_path)
    assert not (tmp_path / version(20)).exists()


@pytest.mark.parametrize("step", ["rename", "replace", "fsync"])
def test_a_failure_leaves_the_version_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    published(tmp_path, 1)
    before = sorted(tmp_path.rglob("*"))
    make(tmp_path / ".building", version(2))

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("files.writing.os.fsync" if step == "fsync" else f"pathlib.Path.{step}", fail)
        with pytest.raises(OSError, match="No space left"):
            publish(tmp_path / ".building", tmp_path, version(2))
    assert current_version(tmp_path) == tmp_path / version(1)
    verify(current_version(tmp_path), read_manifest(current_version(tmp_path)))
    assert not (tmp_path / version(2)).exists()
    assert set(before) <= set(tmp_path.rglob("*"))
    assert publish(tmp_path / ".building", tmp_path, version(2)) == current_version(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if "tmp" in path.name] == []


def test_every_file_is_on_the_disk_before_current_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    replace = Path.replace
    monkeypatch.setattr("index.manifest.sync", lambda path: steps.append(path.name))
    monkeypatch.setattr(
        Path, "replace", lambda path, to: (steps.append("replace"), replace(path, to))[1]
    )
    make(tmp_path / "index" / ".building", version(1))
    steps.clear()
    publish(tmp_path / "index" / ".building", tmp_path / "index", version(1))
    files = {"a", "b", "keywords", "manifest.json"}
    assert set(steps[:-3]) == {".building", *files, "CURRENT.tmp"}
    assert steps[-3:] == ["index", "replace", "index"]
